# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python package in one file: the compiled forms of its modules, opened and replaced in one go.

The file begins as each compiled form does (16 bytes: the magic number of the Python that made it, and zeros), then
comes a marshalled dict, the module's name to size and offset of its marshalled code, all within the first HEAD bytes,
and then the codes. It lies beside the compiled form of the package's `__init__`, and goes with it.
"""

from __future__ import annotations

import marshal

NAME = "__pycache__/__init__.all.pyc"
HEAD = 4096  # bytes that hold the index
_PREFIX = 16  # bytes of a compiled file before its code (PEP 552)
_FORMAT = 2  # of marshal: every Python that we know reads it


def path_of(folder: str) -> str:
    """Where the pack of the package in this folder is."""
    return f"{folder}/{NAME}"


def is_pack(path: str) -> bool:
    """True for what path_of() gave."""
    return path.endswith(f"/{NAME}")


def content(compiled: dict[str, bytes]) -> bytes:
    """The pack of modules: name to the bytes of its compiled file. Raises ValueError for those of several Pythons, or
    for too many.
    """
    magic = {data[:4] for data in compiled.values()}
    if len(magic) != 1 or any(len(data) <= _PREFIX for data in compiled.values()):
        raise ValueError("the compiled files are not of one Python")
    index: dict[str, tuple[int, int]] = {}
    at = HEAD
    for name, data in sorted(compiled.items()):
        index[name] = (len(data) - _PREFIX, at)
        at += len(data) - _PREFIX
    head = magic.pop() + bytes(_PREFIX - 4) + marshal.dumps(index, _FORMAT)
    if len(head) > HEAD:
        raise ValueError(f"{len(compiled)} modules are too many")
    return head.ljust(HEAD, b"\0") + b"".join(data[_PREFIX:] for _name, data in sorted(compiled.items()))

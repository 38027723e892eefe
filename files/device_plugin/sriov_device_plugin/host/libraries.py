# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gRPC and protobuf for the Python that runs: those shipped for it, else the distribution's, else what to do.

An upgrade of the distribution changes the Python. The role ships wheels for some in advance, a folder for each.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

NEEDED = ("grpc", "google.protobuf.internal.builder")
UNUSED = ("asyncio", "grpc.aio")
NEXT = 2  # for how many Pythons after this one there should be libraries, too
_ABI = f"cp{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
# Beside the package, where the role has it.
_SITES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "site")
_OURS = os.path.join(_SITES, _ABI)
# In front of what the system has; the second for wheels of one Python that somebody unpacked there by hand.
SHIPPED = (_OURS, _SITES)


@dataclass(frozen=True)
class Libraries:
    """What came of loading them. site: their folder, "" for the distribution's; notes: what is worth a warning."""

    site: str = ""
    problem: str = ""
    notes: str = ""

    def as_dict(self) -> dict[str, object]:
        """For --check-libraries."""
        ready = _ready()
        wanted = [f"cp{sys.version_info[0]}{sys.version_info[1] + number}" for number in range(NEXT + 1)]
        # Outside of what the role installed nobody ships any.
        missing = [abi for abi in wanted if abi not in ready] if os.path.isdir(_SITES) else []
        version = "{}.{}.{}".format(*sys.version_info[:3])
        return {"python": version, "abi": _ABI, "site": self.site, "ready": ready, "missing": missing,
                "problem": self.problem}  # fmt: skip


def load() -> Libraries:
    """Import them, where that is possible."""
    with _without_asyncio():
        first = _import()
    if first:  # it may want what was kept from it
        _forget()
        first = _import()
    if not first:
        where = str(getattr(sys.modules["grpc"], "__file__", ""))
        return Libraries(_OURS if where.startswith(_OURS + os.sep) else "")
    ours = [folder for folder in SHIPPED if folder in sys.path]
    if ours:
        sys.path[:] = [folder for folder in sys.path if folder not in ours]
        _forget()
        if not _import():
            notes = f"the libraries in {_OURS} do not load ({first}): the distribution's serve"
            return Libraries(notes=notes if os.path.isdir(_OURS) else "")
    return Libraries(problem=_words(first))


@contextlib.contextmanager
def _without_asyncio() -> Iterator[None]:
    """Let gRPC do without its second half, for asyncio, and that package: 2.5 MiB, and half the time of its import. The
    first half names both and uses none (grpcio 1.51 to 1.85).
    """
    kept = [name for name in UNUSED if name not in sys.modules]
    for name in kept:
        sys.modules[name] = ModuleType(name)
    try:
        yield
    finally:
        for name in kept:
            sys.modules.pop(name, None)


def _forget() -> None:
    """What an import that failed has left."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("grpc", "google")]:
        del sys.modules[name]


def _import() -> str:
    """What keeps them from being imported, "" for nothing."""
    try:
        for name in NEEDED:
            __import__(name)
    except Exception as error:  # a library for another Python may raise anything
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def _ready() -> list[str]:
    try:
        return sorted(name for name in os.listdir(_SITES) if name.startswith("cp"))
    except OSError:
        return []


def _words(problem: str) -> str:
    version = "{}.{}.{}".format(*sys.version_info[:3])
    others = ", ".join(name for name in _ready() if name != _ABI)
    beside = f" (beside it: {others})" if others else ""
    return (
        f"no gRPC and protobuf for Python {version} ({sys.executable}): expected them in {_OURS}{beside} or among "
        f"the distribution's packages; found: {problem}. If the node's Python was changed, run the playbook "
        f"baremetal.sriov.site for it; or install python3-grpcio and python3-protobuf, and start the service again"
    )

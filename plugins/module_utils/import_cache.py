# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quick imports for a module that arrives as text: no file is compiled that lies compiled on the node already.

Ansible sends a module and what it imports as a zip of sources. Python compiles each of them in every call, and from a
zip twice (`zipimport` compiles to find a module's file name, and again to run it): most of what a call costs that
changes nothing. After `use()`, the modules of this package are compiled once, or not at all: the role `node` leaves
the same sources on the node, compiled at that time. Such a compiled form is taken, file by file, if
- this Python can read it (its magic number),
- it was made from the very text that is in the zip (the hash of its source, PEP 552: it tells versions apart, and
  the next point keeps forgers away),
- nobody but root, or who runs this, could have put it there (owner and mode of the file and of all folders above).
Else the text in the zip is. Nothing is written, and nothing of ours needs to be on the node.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import stat
import sys
import zipimport
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

FOLDER = "/usr/lib/baremetal-sriov/lib/baremetal_sriov"
# Or where that takes no writes (`shared.places`, which is not imported yet).
FOLDERS = (FOLDER, "/var/lib/baremetal-sriov/code/lib/baremetal_sriov")
_HEAD = 16  # bytes before the code: magic number, flags, hash of the source (PEP 552)
_LIMIT = 4 << 20  # bytes of one compiled file
_BY_HASH = 1  # the flag of a compiled file that holds its source's hash, and no time stamp


def use(root: str = "") -> None:
    """Let later imports of this package from Ansible's zip be quick. `root` has FOLDERS below it; "" is the host."""
    loader: Any = sys.modules[__name__].__loader__
    if isinstance(loader, zipimport.zipimporter):
        sys.meta_path.insert(0, _Finder(loader, str(__package__), os.path.dirname(__file__), root))


class _Finder:
    """In sys.meta_path: answers for the modules of one package in a zip."""

    def __init__(self, zipped: zipimport.zipimporter, package: str, folder: str, root: str) -> None:
        self._zipped = zipped
        self._prefix = f"{package}."
        self._folder = folder
        self._root = root
        self._safe: dict[str, bool] = {}  # folders with compiled files

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder; None leaves the import to those that come after."""
        if not name.startswith(self._prefix):
            return None
        inside = name[len(self._prefix) :].replace(".", "/")
        for stem in (inside, f"{inside}/__init__"):
            file = f"{self._folder}/{stem}.py"
            try:
                source = self._zipped.get_data(file)
            except OSError:
                continue
            code = self._compiled(stem, source) or compile(source, file, "exec", dont_inherit=True)
            loader: Any = _Loader(code, source)
            spec = ModuleSpec(name, loader, origin=file, is_package=stem != inside)
            spec.has_location = True
            if spec.submodule_search_locations is not None:
                spec.submodule_search_locations.append(os.path.dirname(file))
            return spec
        return None

    def _compiled(self, stem: str, source: bytes) -> CodeType | None:
        """What lies compiled of a file in the package (a path without `.py`); None where that is not the right one."""
        above, name = os.path.split(stem)
        folders = [os.path.join(place, above, "__pycache__") for place in FOLDERS]
        for folder in folders:
            if folder not in self._safe:
                self._safe[folder] = _is_safe(self._root, folder)
        safe = [folder for folder in folders if self._safe[folder]]
        if not safe:
            return None
        data = _read(f"{self._root}{safe[0]}/{name}.{sys.implementation.cache_tag}.pyc")
        if data[:4] != importlib.util.MAGIC_NUMBER or not data[4] & _BY_HASH:
            return None
        if data[8:_HEAD] != importlib.util.source_hash(source):
            return None
        try:
            code = marshal.loads(memoryview(data)[_HEAD:])
        except (EOFError, ValueError, TypeError):  # cut off, or damaged
            return None
        return code if isinstance(code, CodeType) else None


class _Loader:
    """Runs code that is there already."""

    def __init__(self, code: CodeType, source: bytes) -> None:
        self._code = code
        self._source = source

    def create_module(self, spec: ModuleSpec) -> None:
        """None: an ordinary module."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module."""
        exec(self._code, module.__dict__)

    def get_source(self, name: str) -> str:
        """For the lines of a traceback."""
        return self._source.decode()


def _read(path: str) -> bytes:
    """A file that is safe to take; empty where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        status = os.fstat(fd)
        fit = stat.S_ISREG(status.st_mode) and _HEAD < status.st_size <= _LIMIT and _is_kept(status)
        return os.read(fd, status.st_size) if fit else b""
    except OSError:
        return b""
    finally:
        os.close(fd)


def _is_safe(root: str, folder: str) -> bool:
    """True where neither the folder, nor one above it below `root`, is a link or another's to write to."""
    path = root
    for part in folder.split("/")[1:]:
        path += f"/{part}"
        try:
            status = os.lstat(path)
        except OSError:
            return False
        if not stat.S_ISDIR(status.st_mode) or not _is_kept(status):
            return False
    return True


def _is_kept(status: os.stat_result) -> bool:
    """Owned by root or by who runs this, and nobody else may write."""
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022

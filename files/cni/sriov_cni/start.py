# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick way into the plugin: all modules out of one file, without importlib.

The launcher runs this text, and calls install(). Imports between our modules then take them from the file, without the
path search and the specs of importlib. `os` and `__future__`, which every module imports, are stood in for: the real
ones take a millisecond, and what is used of them is in `posix`. Who asks the stand-in for more gets the real `os`.
"""

import builtins
import marshal
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType as _Module
    from typing import Any
else:
    _Module = type(sys)

PACKAGE = "sriov_cni"
_import = builtins.__import__
_pack = -1  # the open file
_index: "dict[str, tuple[int, int]]" = {}  # the module's name to size and offset of its marshalled code


def _load(name: str) -> "_Module":
    """The module `name` of the package, "" for the package itself. Raises ImportError."""
    full = f"{PACKAGE}.{name}" if name else PACKAGE
    found = sys.modules.get(full)
    if found is not None:
        return found
    place = _index.get(name or "__init__")
    if place is None:
        raise ImportError(f"no module {full}", name=full)
    made = _Module(full)
    made.__package__ = PACKAGE
    if name:
        setattr(_load(""), name, made)
    else:
        made.__path__ = []
    sys.modules[full] = made
    exec(marshal.loads(posix.pread(_pack, *place)), made.__dict__)
    if not name:
        made.__dict__["PACK"] = _pack
    return made


def _import_ours(
    name: str, scope: "Any" = None, local: "Any" = None, names: "Any" = (), level: int = 0
) -> "_Module":
    """__import__ of the interpreter, which goes on to serve what is not of the package."""
    if level == 0 and name.partition(".")[0] == PACKAGE:
        name = name[len(PACKAGE) + 1 :]
        if not names:  # import sriov_cni.x, which is the package then
            _load(name)
            return _load("")
    elif level != 1 or scope is None or scope.get("__package__") != PACKAGE:
        return _import(name, scope, local, names, level)
    module = _load(name)
    if not name:
        for entry in names:
            if not hasattr(module, entry):
                _load(entry)
    return module


class _Path:
    """What of os.path is used."""

    @staticmethod
    def isdir(path: str) -> bool:
        return _is(path, 0o040000)

    @staticmethod
    def isfile(path: str) -> bool:
        return _is(path, 0o100000)

    @staticmethod
    def basename(path: str) -> str:
        return path.rpartition("/")[2]


def _is(path: str, kind: int) -> bool:
    try:
        return posix.stat(path).st_mode & 0o170000 == kind
    except (OSError, ValueError):
        return False


class _Os(_Module):
    """Stands in for os."""

    path = _Path

    @property
    def environ(self) -> "dict[str, str]":
        encoding = sys.getfilesystemencoding()
        return {key.decode(encoding, "surrogateescape"): value.decode(encoding, "surrogateescape")
                for key, value in posix.environ.items()}

    def __getattr__(self, name: str) -> "Any":
        if "real" not in self.__dict__:
            sys.modules.pop("os", None)
            self.real = _import("os")
        return getattr(self.real, name)


def install(pack: int, index: "dict[str, tuple[int, int]]") -> None:
    """Have imports of our modules served from the open file `pack`, and of os from posix."""
    global _pack
    _pack = pack
    _index.update(index)
    made = _Os("os")
    made.__dict__.update({name: value for name, value in posix.__dict__.items() if name[:2] != "__"})
    del made.__dict__["environ"]  # bytes there
    made.__dict__.update(SEEK_SET=0, SEEK_CUR=1, SEEK_END=2)
    sys.modules.setdefault("os", made)
    future = _Module("__future__")
    future.__dict__["annotations"] = None
    sys.modules.setdefault("__future__", future)
    setattr(builtins, "__import__", _import_ours)  # noqa: B010 - its type says more than the interpreter asks

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports from a zip, as Ansible sends it: compiled forms on the node are taken where they are the right ones only."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils import import_cache

INNER = "from ..value import NUMBER\nALSO = 2\n"
SOURCES = {"value.py": "NUMBER = 1\n", "deep/__init__.py": "", "deep/inner.py": INNER}

# What the interpreter started by `imported` does: import, and tell what it got, and of which modules the marked form.
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import pkg.import_cache
pkg.import_cache.use(sys.argv[2])
import pkg.deep.inner as inner, pkg.value as value
told = {"value": value.NUMBER, "inner": inner.ALSO, "through": inner.NUMBER, "path": list(pkg.deep.__path__),
        "file": value.__file__, "package": inner.__package__, "line": value.__loader__.get_source("value"),
        "compiled": [name for name, module in (("value", value), ("inner", inner), ("deep", pkg.deep))
                     if getattr(module, "MARK", "")]}
print(json.dumps(told))
"""


class Node:
    """A zip of sources, and the same sources compiled below `root`.

    Compiled forms carry a name more than their source, MARK: so a test sees which of both was run.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.installed = self.root / import_cache.FOLDER[1:]
        self.zip = folder / "module.zip"
        before = os.umask(0o022)
        try:
            for name, text in SOURCES.items():
                self.compile(name, text)
        finally:
            os.umask(before)
        self.pack(SOURCES)

    def pack(self, sources: dict[str, str]) -> None:
        """Make the zip."""
        with zipfile.ZipFile(self.zip, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("pkg/__init__.py", "")
            file.write(import_cache.__file__, "pkg/import_cache.py")
            for name, text in sources.items():
                file.writestr(f"pkg/{name}", text)

    def compiled(self, name: str) -> Path:
        """Where the compiled form of a source is."""
        path = self.installed / name
        return path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"

    def compile(self, name: str, text: str) -> None:
        """As the role leaves it (unchecked-hash), but for the mark."""
        source = self.installed / name
        source.parent.mkdir(parents=True, exist_ok=True)
        head, code = self._compiled(source, text), self._compiled(source, text + "MARK = 'compiled on the node'\n")
        source.write_text(text)
        self.compiled(name).write_bytes(head[:16] + code[16:])

    def _compiled(self, source: Path, text: str) -> bytes:
        source.write_text(text)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        made = py_compile.compile(str(source), str(self.compiled(source.relative_to(self.installed).as_posix())),
                                  doraise=True, invalidation_mode=mode)
        return Path(str(made)).read_bytes()

    def imported(self) -> dict[str, object]:
        """What an interpreter of its own tells."""
        done = subprocess.run([sys.executable, "-I", "-c", PROGRAM, str(self.zip), str(self.root)],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_all_of_a_configured_node_comes_compiled(node: Node) -> None:
    found = node.imported()
    assert found["compiled"] == ["value", "inner", "deep"]
    assert (found["value"], found["inner"], found["through"]) == (1, 2, 1)


def test_modules_know_the_zip_as_their_place(node: Node) -> None:
    found = node.imported()
    assert (found["file"], found["path"]) == (f"{node.zip}/pkg/value.py", [f"{node.zip}/pkg/deep"])
    assert (found["package"], found["line"]) == ("pkg.deep", SOURCES["value.py"])


def test_a_node_with_nothing_of_ours_takes_the_zip(node: Node) -> None:
    node.root = node.root.parent / "nothing"
    found = node.imported()
    assert (found["compiled"], found["value"], found["inner"]) == ([], 1, 2)


def test_another_version_on_the_node_is_left_alone(node: Node) -> None:
    node.pack({**SOURCES, "value.py": "NUMBER = 3\n"})
    found = node.imported()
    assert (found["value"], found["compiled"]) == (3, ["inner", "deep"])


def _writable_file(node: Node) -> None:
    node.compiled("value.py").chmod(0o664)


def _of_another_user(node: Node) -> None:
    os.chown(node.compiled("value.py"), 12345, -1)


def _link(node: Node) -> None:
    real = node.compiled("value.py")
    real.rename(real.with_suffix(".real"))
    real.symlink_to(real.with_suffix(".real"))


def _other_python(node: Node) -> None:
    path = node.compiled("value.py")
    path.write_bytes(b"\0\0\r\n" + path.read_bytes()[4:])


def _by_time(node: Node) -> None:
    path = node.compiled("value.py")
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(4) + data[8:])


def _cut_off(node: Node) -> None:
    path = node.compiled("value.py")
    path.write_bytes(path.read_bytes()[:40])


def _no_code(node: Node) -> None:
    path = node.compiled("value.py")
    path.write_bytes(path.read_bytes()[:16] + b"N")


def _empty(node: Node) -> None:
    node.compiled("value.py").write_bytes(b"")


def _too_large(node: Node) -> None:
    with node.compiled("value.py").open("ab") as file:
        file.truncate(import_cache._LIMIT + 1)


def _fifo(node: Node) -> None:
    node.compiled("value.py").unlink()
    os.mkfifo(node.compiled("value.py"), 0o644)


@pytest.mark.parametrize(
    "damage",
    [
        _writable_file,
        pytest.param(_of_another_user, marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs root for chown")),
        _link,
        _other_python,
        _by_time,
        _cut_off,
        _no_code,
        _empty,
        _too_large,
        _fifo,
    ],
)
def test_a_compiled_file_that_is_not_fit_is_not_run(node: Node, damage) -> None:  # type: ignore[no-untyped-def]
    damage(node)
    found = node.imported()
    assert (found["value"], found["compiled"]) == (1, ["inner", "deep"])


@pytest.mark.parametrize("above", ["usr", "usr/lib/baremetal-sriov", import_cache.FOLDER[1:]])
@pytest.mark.parametrize("how", ["group", "others", "link"])
def test_nothing_is_taken_from_below_a_folder_that_others_could_change(node: Node, above: str, how: str) -> None:
    folder = node.root / above
    if how == "link":
        folder.rename(node.root / "elsewhere")
        folder.symlink_to(node.root / "elsewhere")
    else:
        folder.chmod(0o775 if how == "group" else 0o757)
    found = node.imported()
    assert (found["value"], found["compiled"]) == (1, [])


def test_a_module_that_is_nowhere_is_told_as_always(node: Node) -> None:
    node.pack({name: text for name, text in SOURCES.items() if name != "value.py"})
    with pytest.raises(AssertionError, match=r"No module named 'pkg\.value'"):
        node.imported()


def test_outside_of_a_zip_nothing_is_changed() -> None:
    before = list(sys.meta_path)
    import_cache.use()
    assert sys.meta_path == before

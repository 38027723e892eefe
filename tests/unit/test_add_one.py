# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One more of a kind is few lines in few files, and then it works.

docs/architecture.md tells where to add what, and which patch shows it: tests/unit/add_one/NAME.patch. Each is applied
to a copy of the project, where the tests of NAME in checks.py beside it, and the test of the documentation, have to
pass. A further one is a patch, its tests, and a row of that table.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from devtool.collection import ROOT, tracked_files

HERE = "tests/unit/add_one"
DOCUMENTATION = "tests/unit/plugins/test_documented.py"
MOST_LINES = 40
# What paths of the table begin with.
FOLDERS = ("", "plugins/module_utils/", "files/device_plugin/sriov_device_plugin/", "files/cni/sriov_cni/")
ALL_PASSED, SOME_FAILED = 0, 1  # exit statuses of pytest; there are others for what it can't run at all
# Each copy keeps what it compiles.
LEFT_OUT = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


@dataclass(frozen=True)
class Row:
    """A row of the table: what is added, the files that it names (NAME stands for a new one's), and the patch."""

    what: str
    files: tuple[str, ...]
    name: str


def rows() -> list[Row]:
    table = (ROOT / "docs/architecture.md").read_text().partition("## Where do I add")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    shown = [(what, where, re.search(rf"`{HERE}/(\w+)\.patch`", by)) for what, where, by in cells]
    return [Row(what, tuple(re.findall(r"`([^`]+\.\w+)`", where)), found[1]) for what, where, found in shown if found]


ROWS = rows()
every_row = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])


def patch_of(row: Row) -> Path:
    return ROOT / HERE / f"{row.name}.patch"


def check(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run tests in a copy, as they are run here."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", *LEFT_OUT))}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    return subprocess.run(argv, cwd=copy, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project without any patch."""
    folder = tmp_path_factory.mktemp("add_one") / "sriov"
    for name in tracked_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def without(copy: Path) -> dict[str, list[str]]:
    """How the tests of all patches end without any: ids by "FAILED" or "PASSED"."""
    done = check(copy, f"{HERE}/checks.py", "-rA")
    assert done.returncode == SOME_FAILED, done.stdout[-3000:]
    found: dict[str, list[str]] = {"FAILED": [], "PASSED": []}
    for end, name in re.findall(r"^(FAILED|PASSED|ERROR) \S+?::(\S+)", done.stdout, re.MULTILINE):
        found["PASSED" if end == "PASSED" else "FAILED"].append(name)
    return found


def test_the_table_names_each_patch() -> None:
    assert {patch_of(row).name for row in ROWS} == {path.name for path in (ROOT / HERE).glob("*.patch")}
    assert len(ROWS) >= 7


@every_row
def test_a_patch_is_short_and_touches_what_the_table_names(row: Row) -> None:
    lines = patch_of(row).read_text().splitlines()
    touched = [line.removeprefix("+++ b/") for line in lines if line.startswith("+++ ")]
    changed = [line for line in lines if line[:1] in "+-" and line[:4] not in ("+++ ", "--- ")]
    allowed = [folder + name.replace("NAME", "*") for name in row.files for folder in FOLDERS]
    assert [path for path in touched if not any(fnmatch(path, pattern) for pattern in allowed)] == []
    assert 0 < len(changed) <= MOST_LINES


@every_row
def test_it_works_with_its_patch_and_not_without(
    row: Row, copy: Path, without: dict[str, list[str]], tmp_path: Path
) -> None:
    own = {end: [name for name in names if row.name in name] for end, names in without.items()}
    assert own["FAILED"] and not own["PASSED"], own
    patched = tmp_path / "sriov"
    shutil.copytree(copy, patched)
    argv = ["git", "apply", "--whitespace=error", str(patch_of(row))]
    ceiling = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)}  # the copy is no work tree of another one
    applied = subprocess.run(argv, cwd=patched, env=ceiling, capture_output=True, text=True, check=False)
    assert not applied.returncode, f"make the patch anew (git diff -U1): {applied.stderr}"
    done = check(patched, f"{HERE}/checks.py", DOCUMENTATION, "-rA", "-k", f"{row.name} or {Path(DOCUMENTATION).stem}")
    assert done.returncode == ALL_PASSED, done.stdout[-5000:]
    passed = re.findall(r"^PASSED (\S+?)::", done.stdout, re.MULTILINE)
    assert passed.count(f"{HERE}/checks.py") == len(own["FAILED"]) and DOCUMENTATION in passed, done.stdout[-5000:]

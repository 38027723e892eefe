# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries after the node's Python was changed: those of this Python, the distribution's, or one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devtool.deps import interpreter_path
from support.dp_daemon import PLUGIN, SHARED
from support.dp_wheels import LEVELS, wheels
from support.processes import DEADLINE

EXIT_CONFIG = 78
ABI = f"cp{sys.version_info[0]}{sys.version_info[1]}"
BROKEN = {"grpc/__init__.py": "raise ImportError('undefined symbol: PyUnicode_x')\n"}
SOUND = {"grpc/__init__.py": "WHO = __file__\n", "google/protobuf/__init__.py": "",
         "google/protobuf/internal/__init__.py": "", "google/protobuf/internal/builder.py": ""}  # fmt: skip


def interpreter(version: str) -> str:
    python = shutil.which(f"python{version}", path=interpreter_path())
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    return python


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The program as it lies on a node, without a library."""
    home = tmp_path / "device-plugin"
    shutil.copytree(PLUGIN, home, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SHARED, home / "shared", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "site").mkdir()
    return home


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def call(python: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [python, "-I", str(home / "run.py"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE, check=False)


def check(home: Path, distribution: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same by this Python, with a folder in the place of the distribution's packages, and none of this Python's."""
    code = (
        "import runpy, sys; sys.path = [p for p in sys.path if not p.endswith('-packages')]; "
        f"sys.path.append({str(distribution)!r}); "
        f"sys.argv[1:] = {list(arguments)!r}; runpy.run_path({str(home / 'run.py')!r}, run_name='__main__')"
    )
    argv = [sys.executable, "-I", "-c", code]
    return subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE, check=False)


@pytest.mark.levels
def test_each_python_takes_the_libraries_made_for_it(installed: Path) -> None:
    """As after an upgrade of the distribution, which changes what /usr/bin/python3 is."""
    found = {}
    for version, packages in LEVELS.items():
        os.symlink(wheels(version, packages), installed / "site" / f"cp{version.replace('.', '')}")
    for version in LEVELS:
        done = call(interpreter(version), installed, "--check-libraries")
        assert (done.returncode, done.stderr) == (0, "")
        found[version] = json.loads(done.stdout)
    assert {version: (told["abi"], told["site"]) for version, told in found.items()} == {
        version: (f"cp{version.replace('.', '')}", str(installed / "site" / f"cp{version.replace('.', '')}"))
        for version in LEVELS
    }
    assert found["3.11"]["missing"] == ["cp313"] and found["3.9"]["missing"] == ["cp310"]


def test_a_python_that_nothing_was_made_for_says_one_line_and_is_not_started_again(installed: Path) -> None:
    put(installed / "site" / "cp311", SOUND)
    done = call(interpreter("3.13"), installed, "--log-format=text")
    assert done.returncode == EXIT_CONFIG
    (line,) = done.stderr.splitlines()
    for word in ("Python 3.13", str(installed / "site" / "cp313"), "cp311", "baremetal.sriov.site", "python3-grpcio"):
        assert word in line
    unit = (PLUGIN / "baremetal-sriov-device-plugin.service.in").read_text()
    assert f"RestartPreventExitStatus={EXIT_CONFIG}" in unit.splitlines()


@pytest.mark.parametrize("options", [["--explain"], ["--holders"]], ids=["explain", "holders"])
def test_what_only_reports_says_it_too(installed: Path, tmp_path: Path, options: list[str]) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"resourceList": [{"resourceName": "a", "selectors": {"vendors": ["8086"]}}]}')
    done = check(installed, tmp_path / "nothing", *options, f"--config-file={config}", f"--root={tmp_path}")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "baremetal.sriov.site" in done.stderr


@pytest.mark.parametrize("ours", [{}, BROKEN], ids=["none-of-ours", "ours-do-not-load"])
def test_the_distributions_own_are_taken_where_ours_do_not_fit(
    installed: Path, tmp_path: Path, ours: dict[str, str]
) -> None:
    put(installed / "site" / ABI, ours)
    done = check(installed, put(tmp_path / "dist-packages", SOUND), "--check-libraries")
    told = json.loads(done.stdout)
    assert (done.returncode, told["site"], told["problem"]) == (0, "", "")
    assert ("undefined symbol" in done.stderr) == bool(ours)


def test_ours_come_before_the_distributions(installed: Path, tmp_path: Path) -> None:
    put(installed / "site" / ABI, SOUND)
    done = check(installed, put(tmp_path / "dist-packages", BROKEN), "--check-libraries")
    assert json.loads(done.stdout)["site"] == str(installed / "site" / ABI)


def test_a_distribution_with_a_protobuf_that_is_too_old(installed: Path, tmp_path: Path) -> None:
    old = {name: text for name, text in SOUND.items() if "builder" not in name}
    done = check(installed, put(tmp_path / "dist-packages", old), "--check-libraries")
    assert done.returncode == 1 and "builder" in json.loads(done.stdout)["problem"]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of the services, when an upgrade of the distribution has taken it away: another one, or one line."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from devtool.deps import interpreter_path
from support.checkout import ROOT

EXIT_CONFIG = 78
LAUNCHER = ROOT / "files" / "python.sh"
SHELLS = ("dash", "bash")
BY_LAUNCHER = {
    "node": ["node/baremetal-sriov-node.service", "node/baremetal-sriov-vfs.service",
             "node/baremetal-sriov-drift.service", "node/baremetal-sriov-hotplug@.service"],
    "device_plugin": ["device_plugin/baremetal-sriov-device-plugin.service.in"],
}  # fmt: skip


class Node:
    """A folder in the place of /usr/bin, and the launcher."""

    def __init__(self, folder: Path, pinned: str) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        text = LAUNCHER.read_text().replace("@PYTHON@", str(self.bin / pinned)).replace("/usr/bin/", f"{self.bin}/")
        self.launcher = folder / "python.sh"
        self.launcher.write_text(text)

    def put(self, name: str, version: str) -> None:
        """An interpreter of this version, or what says that it is one."""
        found = shutil.which(f"python{version}", path=interpreter_path())
        if found is not None:
            os.symlink(found, self.bin / name)
            return
        pytest.skip(f"no Python {version} on this machine")

    def old(self, name: str) -> None:
        """One that is too old."""
        (self.bin / name).write_text("#!/bin/sh\nexit 1\n")
        (self.bin / name).chmod(0o755)

    def run(self, shell: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; print(sys.version_info[1], sys.argv[1:], sys.flags.isolated)"
        argv = [shell, str(self.launcher), "-I", "-c", code, "a b", "$c"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_pinned_one_runs_whatever_else_is_there(tmp_path: Path, shell: str) -> None:
    node = Node(tmp_path, "python3.9")
    node.put("python3.9", "3.9")
    node.put("python3", "3.12")
    done = node.run(shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, "9 ['a b', '$c'] 1\n", "")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("name", "version"), [("python3", "3.12"), ("python3.12", "3.12"), ("python3.9", "3.9")])
def test_another_one_takes_its_place_and_says_so(tmp_path: Path, shell: str, name: str, version: str) -> None:
    node = Node(tmp_path, "python3.8")
    node.put(name, version)
    done = node.run(shell)
    assert (done.returncode, done.stdout) == (0, f"{version[2:]} ['a b', '$c'] 1\n")
    (line,) = done.stderr.splitlines()
    assert "python3.8" in line and f"{node.bin}/{name} " in line and "baremetal.sriov.site" in line


@pytest.mark.parametrize("shell", SHELLS)
def test_without_one_it_is_one_line_and_no_other_start(tmp_path: Path, shell: str) -> None:
    node = Node(tmp_path, "python3.8")
    node.old("python3")
    node.old("python3.7")
    done = node.run(shell)
    (line,) = done.stderr.splitlines()
    assert done.returncode == EXIT_CONFIG
    assert "python3.8" in line and "3.9 or newer" in line and "baremetal.sriov.site" in line


@pytest.mark.parametrize(("role", "unit"), [(role, unit) for role, units in BY_LAUNCHER.items() for unit in units])
def test_each_unit_starts_python_so_and_its_role_ships_what_that_needs(role: str, unit: str) -> None:
    lines = (ROOT / "files" / unit).read_text().splitlines()
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    shell, launcher, isolated = start.removeprefix("ExecStart=").split()[:3]
    assert (shell, isolated) == ("/bin/sh", "-I")
    values = yaml.safe_load((ROOT / "roles" / role / "vars" / "main.yml").read_text())
    entries = values["node_bundle_always" if role == "node" else "device_plugin_files"]
    (entry,) = [entry for entry in entries if entry.get("src") == "@COLLECTION@/files/python.sh"]
    assert entry["template"] is True
    assert entry["dest"].replace("{{ device_plugin_home }}", values.get("device_plugin_home", "")) == launcher


def test_the_cni_service_is_not_tried_ten_times_a_second_without_its_python() -> None:
    """No call depends on it: the client finds another Python."""
    lines = (ROOT / "files" / "cni" / "baremetal-sriov-cni.service").read_text().splitlines()
    assert "AssertFileIsExecutable=@PYTHON@" in lines[: lines.index("[Service]")]

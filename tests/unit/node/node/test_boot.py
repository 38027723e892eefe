# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot service's entry, on the reacting host and under a bare interpreter."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.checkout import ROOT
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, drivers, present


def test_boot_sets_up_what_it_can(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    """A PF that is gone is an error, and does not keep the other from its VFs."""
    present(host, [KERNEL, DPDK])
    host.reboot()
    host.base.joinpath(f"sys/bus/pci/devices/{PF1}").rename(host.base / "gone")
    assert boot.main(host) == 1
    assert f"{PF1}: expected a PCI function" in capsys.readouterr().err
    assert drivers(host, PF2) == ["vfio-pci"] * 7


def test_boot_without_a_goal_does_nothing(host: FakeHost) -> None:
    """No node.json: no error either."""
    assert boot.main(host) == 0 and not host.log


@pytest.mark.parametrize("text", ["", "{}", '{"format": 2}', '{"format": 1, "pfs": [{}], "functions": []}'])
def test_boot_refuses_a_damaged_goal(host: FakeHost, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In words, and without a change."""
    host.put("etc/baremetal-sriov/node.json", text)
    assert boot.main(host) == 1 and not host.log
    assert "node.json" in capsys.readouterr().err


def test_the_boot_entry_runs_the_library_from_the_nodes_folders(tmp_path: Path) -> None:
    """Laid out as on a node, under a bare interpreter; the copy looks for its goal in the test's folder only."""
    library = tmp_path / "lib/baremetal_sriov"
    shutil.copytree(ROOT / "plugins/module_utils", library)
    (tmp_path / "node").mkdir()
    shutil.copy(ROOT / "files/node/boot_entry.py", tmp_path / "node")
    render = (library / "policy/rendered_files.py").read_text()
    assert "/etc/baremetal-sriov/node.json" in render
    goal = tmp_path / "node.json"
    (library / "policy/rendered_files.py").write_text(render.replace("/etc/baremetal-sriov/node.json", str(goal)))

    def boots() -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-I", str(tmp_path / "node/boot_entry.py")]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    done = boots()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    goal.write_text("{}")
    done = boots()
    assert done.returncode == 1 and done.stderr.startswith("<3>") and "node.json" in done.stderr

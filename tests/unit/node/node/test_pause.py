# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A paused node: nothing of ours writes to PFs and VFs by itself, and nothing that is offered is lost."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot, command, pause
from support.checkout import ROOT
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present, snapshot

FILES = ROOT / "files"
CMDLINE = "proc/cmdline"


def by_hand(host: FakeHost) -> None:
    host.put(pause.PATH, "")


def by_command(host: FakeHost) -> None:
    assert command.main(host, ["pause", "--reason", "a disk is changed"]) == 0


def by_argument(host: FakeHost) -> None:
    host.put(CMDLINE, f"{host.get(CMDLINE).strip()} {pause.ARGUMENT}\n")


def by_argument_with_a_value(host: FakeHost) -> None:
    host.put(CMDLINE, f"{host.get(CMDLINE).strip()} {pause.ARGUMENT}=1\n")


def by_damage(host: FakeHost) -> None:
    host.put(pause.PATH, '{"since": [')


WAYS = [by_hand, by_command, by_argument, by_argument_with_a_value, by_damage]
RUNS: list[list[str]] = [[], [boot.EARLY], [boot.DRIFT], [boot.ONE_PF, PF1]]


@pytest.mark.parametrize("arguments", RUNS, ids=lambda words: "-".join(words) or "all")
@pytest.mark.parametrize("way", WAYS)
def test_no_service_writes_anything(
    tmp_path: Path, way: Callable[[FakeHost], None], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And each says why, with the way out."""
    host = make_host(tmp_path)
    present(host, [KERNEL, DPDK])
    way(host)
    host._set_numvfs(PF1, "0")
    since = len(host.log)
    capsys.readouterr()
    assert boot.main(host, arguments) == 0
    assert len(host.log) == since and host.numvfs(PF1) == 0 and drivers(host, PF2) == ["vfio-pci"] * 7
    assert ("baremetal-sriov resume" in capsys.readouterr().out) == (arguments != [boot.DRIFT])


def test_other_words_of_the_command_line_pause_nothing(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    for word in (f"x{pause.ARGUMENT}", f"{pause.ARGUMENT}d", pause.ARGUMENT.partition(".")[0]):
        host.put(CMDLINE, f"quiet intel_iommu=on iommu=pt {word}\n")
        assert not pause.read(host), word


@pytest.mark.parametrize("way", WAYS[:3])
def test_plan_and_site_tell_it_and_go_on(tmp_path: Path, way: Callable[[FakeHost], None]) -> None:
    """A run is somebody's word; its warning is in verify as well."""
    host = make_host(tmp_path)
    way(host)
    for check in (True, False):
        (warning,) = present(host, [KERNEL], check=check).plan.warnings
        assert warning.startswith("the node is paused by the ") and warning.endswith(pause.HOW_TO_END)
    assert host.numvfs(PF1) == 4


def test_a_pause_lasts_over_a_reboot_until_resume(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    present(host, [KERNEL])
    unit = "etc/systemd/system/baremetal-sriov-node.service"
    host.put(unit, (FILES / "node/baremetal-sriov-node.service").read_text())
    host.run(["systemctl", "daemon-reload"])
    by_command(host)
    told = json.loads(host.get(pause.PATH))
    assert told["reason"] == "a disk is changed" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["since"])
    host.reboot()
    assert boot.main(host, [boot.EARLY]) == 0 and boot.main(host) == 0 and host.numvfs(PF1) == 0
    assert command.main(host, ["resume"]) == 0
    assert not host.exists(pause.PATH) and "restart baremetal-sriov-node.service" in host.verbs
    assert boot.main(host) == 0 and host.numvfs(PF1) == 4


def test_resume_does_not_end_what_the_kernels_argument_began(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = make_host(tmp_path)
    present(host, [KERNEL])
    by_argument(host)
    assert command.main(host, ["resume"]) == 0
    assert capsys.readouterr().out.startswith(f"paused by the kernel argument {pause.ARGUMENT}\n")
    assert not [verb for verb in host.verbs if "start" in verb]


def test_teardown_ends_it(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    before = snapshot(host)
    present(host, [KERNEL])
    by_command(host)
    absent(host)
    assert snapshot(host) == before and not absent(host).plan.steps


def conditions(path: Path) -> list[str]:
    return re.findall(r"^(Condition\w+=.*)$", path.read_text(), re.M)


def test_the_units_have_it_as_conditions() -> None:
    """The drift unit's program looks itself: a timer starts a unit whose condition fails over and over."""
    expected = [f"ConditionPathExists=!{pause.PATH}", f"ConditionKernelCommandLine=!{pause.ARGUMENT}"]
    units = {path.name: conditions(path) for path in (FILES / "node").glob("*.service")}
    assert units.pop("baremetal-sriov-drift.service") == []
    assert len(units) == 4 and all(found[1:] == expected for found in units.values()), units


@pytest.mark.parametrize("path", sorted(FILES.glob("*/*.service")), ids=lambda path: path.stem)
def test_what_serves_pods_is_not_paused(path: Path) -> None:
    if path.parent.name != "node":
        assert not [line for line in conditions(path) if "pause" in line]


STATUS_FIELDS = {
    "format", "configured", "drift", "paused", "pfs", "differences", "errors", "stopped", "repairs", "last_pass",
    "reboot_for", "units", "waits_for_free",
}  # fmt: skip


def status(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = command.main(host, ["status", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It changes nothing; 1 says that something is not as configured."""
    host = make_host(tmp_path)
    assert command.main(host, ["status"]) == 0 and "not configured" in capsys.readouterr().out
    present(host, [KERNEL, DPDK])
    code, found = status(host, capsys)
    assert code == 0 and found.keys() == STATUS_FIELDS and found["differences"] == []
    assert found["pfs"][0] == {
        "address": PF1, "name": "enp1s0", "policies": ["kernel"], "vfs": 4, "configured_vfs": 4,
    }  # fmt: skip
    host._unbind(host.vf_address(PF2, 3))
    since = len(host.log)
    code, found = status(host, capsys)
    assert code == 1 and len(host.log) == since
    (difference,) = found["differences"]
    assert difference.startswith(f"{PF2} vf 3: to bind vfio-pci (policy dpdk)")
    assert command.main(host, ["status"]) == 1
    assert f"NOT as configured: {difference}" in capsys.readouterr().out


def test_what_can_not_be_told_is_told_as_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = make_host(tmp_path)
    host.put("etc/baremetal-sriov/node.json", "{")
    assert command.main(host, ["status"]) == 2
    assert "Run the role again" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["pause", "--help"]])
def test_help_names_the_file_the_argument_and_the_exit_status(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        command.main(make_host(tmp_path), words)
    told = capsys.readouterr().out
    assert end.value.code == 0 and "--help" in told
    if words == ["--help"]:
        assert pause.PATH in told and pause.ARGUMENT in told and "exit status" in told


def test_the_role_installs_it() -> None:
    text = (ROOT / "roles/node/vars/main.yml").read_text()
    assert "dest: /usr/local/sbin/baremetal-sriov\n" in text and "command_entry.py" in text
    assert (FILES / "node/command_entry.py").exists()


def test_the_commands_entry_runs_the_library_from_the_nodes_folders(tmp_path: Path) -> None:
    """Laid out as on a node, under a bare interpreter."""
    for folder in ("lib", "node"):
        (tmp_path / folder).mkdir()
    (tmp_path / "lib/baremetal_sriov").symlink_to(ROOT / "plugins/module_utils")
    shutil.copy(FILES / "node/command_entry.py", tmp_path / "node")
    argv = [sys.executable, "-I", "-B", str(tmp_path / "node/command_entry.py"), "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "resume" in done.stdout, done.stderr

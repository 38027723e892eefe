# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift: what got lost is made again, what differs is told, and who undoes it each time is left to a person."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot, drift_memory
from support.checkout import ROOT
from support.drift_runs import (
    CHANGES,
    LOST,
    MODES,
    OTHERS,
    VLAN,
    Change,
    drift,
    lose_driver,
    lose_kernels_driver,
    lose_vfs,
    other_count,
    other_vlan,
    sequence,
    writes,
)
from support.fake_base import killed_at_every_write
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present

FILES = ROOT / "files" / "node"


def configured(root: Path, mode: str = "restore", *policies: dict[str, Any]) -> FakeHost:
    host = make_host(root)
    present(host, [*(policies or (VLAN, DPDK))], drift=mode)
    return host


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("change", [pytest.param(one, id=f"finding-node-34-{one.__name__}") for one in LOST + OTHERS])
def test_what_each_mode_does(
    tmp_path: Path, mode: str, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    """restore makes what is lost, repair all, report nothing; what is left is told once, and counted."""
    host = configured(tmp_path, mode)
    change(host)
    since = len(host.log)
    assert drift(host) == 0
    made = mode == "repair" or (mode == "restore" and change in LOST)
    told = capsys.readouterr().out
    assert (": done" in told, "<4>" in told) == (made, not made)
    assert bool(writes(host, since)) == made
    assert bool(present(host, [VLAN, DPDK], drift=mode, check=True).plan.steps) != made
    vlan = host.pfs[PF1].settings.get(0, {}).get("vlan")
    assert (vlan == 100) == (made or change not in (lose_vfs, other_vlan, other_count))
    assert drift(host) == 0 and capsys.readouterr().out == "", "told once"
    metrics = host.get(drift_memory.METRICS)
    assert f"\nbaremetal_sriov_drift_repairs_total {int(made)}\n" in metrics
    assert (re.search(r"_differences 0\n", metrics) is not None) == made


@pytest.mark.parametrize("mode", [pytest.param("off", id="finding-node-34-off")])
def test_off(tmp_path: Path, mode: str) -> None:
    """A timer that is still there does nothing."""
    host = configured(tmp_path, mode)
    lose_vfs(host)
    since = len(host.log)
    assert drift(host) == 0 and len(host.log) == since


def test_a_node_that_is_right_is_looked_at_once(tmp_path: Path) -> None:
    """And nothing is written but what drift keeps."""
    host = configured(tmp_path)
    shown, since = [], len(host.log)
    show = host.show
    host.show = lambda argv: shown.append(argv) or show(argv)  # type: ignore[method-assign, func-returns-value]
    assert drift(host) == 0
    assert writes(host, since) == [] and len(shown) == 1, shown


def test_a_node_without_a_goal(tmp_path: Path) -> None:
    """No policy is for it, and the timer is there."""
    host = make_host(tmp_path)
    assert drift(host) == 0 and host.log == []


def test_what_a_pod_holds_stays_while_the_rest_is_restored(tmp_path: Path) -> None:
    """The pod's VF differs, too: that alone is nobody's business but a drain's."""
    host = configured(tmp_path, "restore", VLAN)
    host.move_away(host.vf_address(PF1, 0))
    other_vlan(host)
    lose_kernels_driver(host)
    since = len(host.log)
    assert drift(host) == 0
    assert drivers(host, PF1) == ["igbvf"] * 4
    held = host.vf_address(PF1, 0)
    assert not [line for line in writes(host, since) if held in line or " vf 0 " in line]


def test_repair_leaves_what_needs_a_drain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = configured(tmp_path, "repair", VLAN)
    other_count(host)
    host.move_away(host.vf_address(PF1, 0))
    assert drift(host) == 0 and host.numvfs(PF1) == 2
    assert "It needs a drain" in capsys.readouterr().out


def test_after_three_repairs_it_stops_and_names_the_writer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until it is right again for an hour, a person says so, or the next boot."""
    host = configured(tmp_path)
    host.put("etc/systemd/system/vfs.service", "[Service]\nExecStart=/bin/sh -c 'echo 0 > .../sriov_numvfs'\n")
    host.kernel_log = f"igb {PF1}: Reset adapter\n"
    for turn in range(3):
        lose_vfs(host)
        assert drift(host) == 0 and host.numvfs(PF1) == 4, turn
        host.clock += 60
    for turn in range(2):
        lose_vfs(host)
        lose_driver(host)
        capsys.readouterr()
        assert drift(host) == 1 and host.numvfs(PF1) == 0
        assert drivers(host, PF2) == ["vfio-pci"] * 7, "another object goes on"
        told = capsys.readouterr().err
        assert told == "" if turn else f"{PF1}: lost again after 3 repairs" in told
        if not turn:
            assert "/etc/systemd/system/vfs.service (a systemd unit, line 2)" in told and "Reset adapter" in told
        host.clock += 7200
    warnings = present(host, [VLAN, DPDK], check=True).plan.warnings
    assert [text for text in warnings if text.startswith(f"{PF1}: lost again after 3 repairs")], "in plan and verify"
    assert "_drift_stopped 1" in host.get(drift_memory.METRICS)
    present(host, [VLAN, DPDK])
    assert drift(host) == 0 and "_drift_stopped 0" in host.get(drift_memory.METRICS), "right by a run of the role"
    lose_vfs(host)
    assert drift(host) == 0 and host.numvfs(PF1) == 4


def test_three_repairs_in_many_hours_are_no_reason_to_stop(tmp_path: Path) -> None:
    host = configured(tmp_path)
    for turn in range(8):
        lose_vfs(host)
        assert drift(host) == 0 and host.numvfs(PF1) == 4, turn
        host.clock += 1500


def test_a_repair_that_fails_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = configured(tmp_path)
    lose_driver(host)
    host.refusals[f"{host.vf_address(PF2, 3)}"] = 5
    for turn in range(4):
        assert drift(host) == 1, turn
        told = capsys.readouterr().err
        assert ("lost again after 3 repairs" in told) == (turn == 3)


WAITING = [KERNEL, {**DPDK, "device_type": "netdevice"}]


def test_nothing_is_done_before_a_reboot_that_brings_it(tmp_path: Path) -> None:
    """A PF that waits stays as it is; the other one waits for nothing."""
    host = make_host(tmp_path, iommu=False)
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    host.put("proc/cmdline", "root=/dev/vda1 ro quiet\n")
    host.put("proc/sys/kernel/random/boot_id", "the-first\n")
    present(host, WAITING)
    present(host, [KERNEL, DPDK])
    host._unbind(host.vf_address(PF2, 1))
    lose_vfs(host)
    assert drift(host) == 0
    assert host.numvfs(PF1) == 4 and drivers(host, PF2)[1] is None


@pytest.mark.parametrize("mode", ["restore", "repair"])
def test_a_pass_that_is_killed_is_gone_on_with(tmp_path: Path, mode: str) -> None:
    """The next one ends what was begun: half of a PF is lost as well."""

    def make(number: int) -> FakeHost:
        host = configured(tmp_path / str(number), mode, VLAN)
        lose_vfs(host)
        return host

    for host in killed_at_every_write(make, drift, 5):
        assert drift(host) == 0
        assert not present(host, [VLAN], drift=mode, check=True).plan.steps, host.log[-12:]
        shutil.rmtree(host.base)


@pytest.mark.parametrize("what", ["absent", "changed"])
def test_another_run_that_came_first_wins(tmp_path: Path, what: str) -> None:
    """A teardown, or a new count, between the look and having the lock."""
    host = configured(tmp_path, "restore", KERNEL)
    host._unbind(host.vf_address(PF1, 0))
    lock = host.lock

    @contextmanager
    def after_another_run(path: str, seconds: float = 60.0) -> Iterator[None]:
        host.lock = lock  # type: ignore[method-assign]
        if what == "absent":
            absent(host)
        else:
            present(host, [{**KERNEL, "num_vfs": 6}])
        with lock(path, seconds):
            yield

    host.lock = after_another_run  # type: ignore[method-assign, assignment]
    assert drift(host) == 0
    assert host.numvfs(PF1) == (0 if what == "absent" else 6)
    assert drift_memory.read(host).total == 0, "nothing was repaired"


def test_teardown_leaves_nothing_of_it(tmp_path: Path) -> None:
    host = configured(tmp_path)
    lose_vfs(host)
    drift(host)
    absent(host)
    assert [path for path in host.tree() if "drift" in path] == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=6), st.sampled_from(MODES))
def test_whatever_drifts(changes: list[Change], mode: str) -> None:
    """`make soak ARGS="--only drift"` has thousands."""
    sequence(changes, mode)


@pytest.mark.parametrize("name", ["baremetal-sriov-drift.service", "baremetal-sriov-drift.timer"])
def test_systemd_takes_every_line(tmp_path: Path, name: str) -> None:
    """verify also says that a file of ours, or man, is not installed here; what it says of our lines counts."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this machine, so the units are not judged")
    for path in FILES.glob("baremetal-sriov-drift.*"):
        text = path.read_text().replace("@PYTHON@", "/usr/bin/python3").replace("@DRIFT_INTERVAL@", "5min")
        assert "@" not in text
        (tmp_path / path.name).write_text(text)
    argv = [program, "verify", "--man=no", str(tmp_path / name)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert name + ":" not in done.stderr


def test_the_timer_runs_what_the_boot_service_runs() -> None:
    """One program, told what it is for."""
    lines = [
        [line for line in (FILES / name).read_text().splitlines() if line.startswith("ExecStart=")]
        for name in ("baremetal-sriov-node.service", "baremetal-sriov-drift.service")
    ]
    assert [f"{line} {boot.DRIFT}" for line in lines[0]] == lines[1]

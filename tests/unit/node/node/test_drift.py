# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift made by hand is repaired by the program of the boot service, which a timer may start as well."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.checkout import ROOT
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present

FILES = ROOT / "files" / "node"


def test_drift_is_repaired_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each repair, none where nothing is to be done."""
    host = make_host(tmp_path)
    present(host, [KERNEL, DPDK])
    vf = host.vf_address(PF2, 3)
    host._unbind(vf)
    host._set_numvfs(PF1, "0")
    assert boot.main(host) == 0
    assert drivers(host, PF2) == ["vfio-pci"] * 7 and host.numvfs(PF1) == 4
    told = capsys.readouterr().out
    assert f"{PF1}: create 4 VFs: done" in told and f"{PF2} vf 3: bind vfio-pci: done" in told
    assert boot.main(host) == 0
    assert capsys.readouterr().out == ""


def test_what_a_pod_holds_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the reason is in the journal as an error."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    host._set_numvfs(PF1, "0")
    host._set_numvfs(PF1, "2")
    host.move_away(host.vf_address(PF1, 0))
    assert boot.main(host) == 1
    assert host.numvfs(PF1) == 2
    assert "needs drain" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["absent", "changed"])
def test_another_run_that_came_first_wins(tmp_path: Path, what: str) -> None:
    """A teardown, or a new count, between reading node.json and having the lock."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
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
    assert boot.main(host) == 0
    assert host.numvfs(PF1) == (0 if what == "absent" else 6)


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
    """One implementation."""
    lines = [
        [line for line in (FILES / name).read_text().splitlines() if line.startswith("ExecStart=")]
        for name in ("baremetal-sriov-node.service", "baremetal-sriov-drift.service")
    ]
    assert lines[0] == lines[1]

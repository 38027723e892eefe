# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands: what they start ends, and long ones show that they live."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devtool import console
from devtool.console import run_logged
from support.processes import ENDED, eventually, state_of


def test_a_command_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    log, pid = tmp_path / "log", tmp_path / "pid"
    assert run_logged(["sh", "-c", f"sleep 60 & echo $! >{pid}; echo started; wait"], log, limit_seconds=4) == 124
    text = log.read_text()
    assert "started" in text
    assert "took longer than 4.0 s" in text
    eventually(lambda: state_of(int(pid.read_text())) in ENDED)


def test_a_long_command_shows_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "HEARTBEAT_SECONDS", 0.5)
    code = "import time; print('half way', flush=True); time.sleep(2)"
    assert run_logged([sys.executable, "-c", code], tmp_path / "thing.log") == 0
    assert "thing: half way" in capsys.readouterr().out


def test_a_command_that_is_missing_has_a_status(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run_logged(["/nowhere/tool"], log) == 127
    assert "can't be started" in log.read_text()

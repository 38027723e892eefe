# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The long loop over the unit stages: half of it beside busy processes, and it goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soak_unit

from support.processes import ENDED, eventually, state_of

Turns = list[tuple[str, int]]


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """The stages that were run, each with the number of processes beside it; that of the node's Python fails once."""
    found: Turns = []
    beside = [0]

    @contextmanager
    def busy(number: int) -> Iterator[None]:
        beside[0] = number
        yield

    def run_stage(name: str) -> dict[str, Any]:
        found.append((name, beside[0]))
        failures = ["test_x: assert False"] if len(found) == 2 else []
        return {"stage": name, "cases": 7, "failures": failures, "seconds": 1}

    monkeypatch.setattr(soak_unit, "busy", busy)
    monkeypatch.setattr(soak_unit, "run_stage", run_stage)
    monkeypatch.setattr(soak_unit, "stamp", lambda: {"commit": "0123456789ab"})
    return found


def test_it_goes_on_where_it_was(turns: Turns, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "soak" / "unit.json"
    assert soak_unit.loop(1, results) == 1
    assert soak_unit.loop(3, results) == 1, "the failure of the first time counts"
    assert turns == [(name, beside) for beside in (0, 2, 0) for name in ("unit", "unit-py39")]
    assert len(json.loads(results.read_text())) == 6
    lines = capsys.readouterr().out.splitlines()
    assert "    test_x: assert False" in lines
    assert lines[-1] == "6 runs of unit and unit-py39 at 0123456789ab, 2 beside busy processes: 1 failed"


@pytest.mark.parametrize("commit", ["ba9876543210", "0123456789ab+changes"])
def test_runs_of_other_commits_do_not_count(
    turns: Turns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit: str
) -> None:
    results = tmp_path / "unit.json"
    soak_unit.loop(1, results)
    monkeypatch.setattr(soak_unit, "stamp", lambda: {"commit": commit})
    assert soak_unit.loop(1, results) == 0
    assert len(turns) == 4
    assert [one["commit"] for one in json.loads(results.read_text())] == ["0123456789ab"] * 2 + [commit] * 2


def test_what_keeps_the_cores_busy_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    popen = soak_unit.subprocess.Popen

    def noted(argv: list[str]) -> Any:
        process = popen(argv)
        started.append(process.pid)
        return process

    monkeypatch.setattr(soak_unit.subprocess, "Popen", noted)
    with soak_unit.busy(2):
        assert len(started) == 2
        eventually(lambda: all(state_of(pid) not in ENDED for pid in started), "both run")
    assert {state_of(pid) for pid in started} == {""}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of time: its arithmetic, and the lines of the project."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from devtool import budget, stages
from devtool.budget import Ledger
from devtool.console import ToolError
from sriovlab import steps


def test_the_ledger_is_of_this_noxfile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stage has a line, each line is a stage's, and what runs one after the other fits into the total."""
    monkeypatch.setattr(stages, "tool", lambda name: sys.executable)
    monkeypatch.setattr(budget, "best_of_three", lambda: 1.0)
    known = stages.all_stages()
    ledger = Ledger.start()
    assert ledger.reference > 0
    lab = {name for name in ledger.lines if name.startswith(budget.STEP)}
    named = {steps.BOOT_SSH, steps.BOOT_READY, steps.KEPT_SSH, steps.KEPT_READY, steps.REBOOT, steps.POD}
    assert lab == {f"{budget.STEP}{name}" for name in named}
    assert ledger.lines.keys() - lab == {budget.TOTAL, *(stage["name"] for stage in known)}
    chain = sum(ledger.lines[name] for name in ("lab-deps", "build", "molecule"))
    beside = sum(seconds for name, seconds in ledger.lines.items() if name not in (budget.TOTAL, *lab)) - chain
    assert max(chain, beside) <= ledger.lines[budget.TOTAL] <= 2400


@pytest.mark.parametrize(
    ("seconds", "scale", "over"),
    [(10, 1.0, False), (12.5, 1.0, False), (12.6, 1.0, True), (24, 2.0, False), (25.1, 2.0, True), (6, 0.5, False),
     (6.5, 0.5, True)],
)  # fmt: skip
def test_a_stage_over_its_line_is_said(seconds: float, scale: float, over: bool) -> None:
    told = Ledger({"unit": 10}, scale).over("unit", seconds)
    assert bool(told) == over
    if over:
        assert told.startswith("unit took ") and "10 s" in told and f"x {scale:.2f}" in told


def test_a_stage_without_a_line_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"no line for unit: give it"):
        Ledger({"ruff": 10}).over("unit", 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger whose machine of reference takes two seconds for the work."""
    path = tmp_path / "budget.toml"
    path.write_text("calibration_seconds = 2\ntotal_seconds = 9\n[lab]\n\"boot\" = 7\n[stages]\nunit = 5\n")
    return path


@pytest.mark.parametrize(
    ("first", "last", "ticks", "scale"),
    [(3.0, 2.0, [(100, 0), (900, 0)], 1.5), (2.0, 3.0, [(100, 0), (900, 0)], 1.5),
     (1.0, 1.0, [(100, 7), (700, 207)], 2 / 3), (2.0, 2.0, [(5, 5), (5, 5)], 1.0)],
    ids=["slow-at-first", "slow-at-the-end", "a-quarter-stolen", "no-time"],
)  # fmt: skip
def test_the_slower_of_start_and_end_counts(
    file: Path, monkeypatch: pytest.MonkeyPatch, first: float, last: float, ticks: list[tuple[int, int]], scale: float
) -> None:
    works, times = iter([first, last]), iter(ticks)
    monkeypatch.setattr(budget, "best_of_three", lambda: next(works))
    monkeypatch.setattr(budget, "cpu_times", lambda: next(times))
    started = Ledger.start(file)
    assert started == Ledger({budget.TOTAL: 9, "unit": 5, f"{budget.STEP}boot": 7}, first / 2, 2, ticks[0])
    assert started.end() == replace(started, scale=pytest.approx(scale))


def test_the_quickest_of_three_pairs_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "ROUNDS", 1000)
    assert 0 < budget.best_of_three() < 1


def test_times_of_proc_stat() -> None:
    assert budget.cpu_times("cpu  10 2 30 400 50 1 2 70 0 0\ncpu0 1 1 1 1\n") == (45, 70)
    worked, stolen = budget.cpu_times()
    assert worked > 0 <= stolen

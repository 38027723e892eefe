# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of time: what each stage may take, scaled by how fast this machine is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .console import ToolError, duration
from .deps import ROOT

FILE = ROOT / "tests" / "budget.toml"
TOTAL = "the whole run"
GRACE = 1.25
ROUNDS = 24_000_000


def work() -> float:
    """Seconds of wall-clock for a fixed CPU work of about one."""
    started = time.perf_counter()
    sum(number & 7 for number in range(ROUNDS))
    return time.perf_counter() - started


@dataclass(frozen=True)
class Ledger:
    """Seconds of each stage, and of TOTAL, on the machine of reference; `scale`: how much longer this one takes."""

    lines: Mapping[str, float]
    scale: float = 1.0

    def over(self, name: str, seconds: float) -> str:
        """A sentence where a stage took a quarter more than its line, else "". Raises ToolError for one without."""
        if name not in self.lines:
            raise ToolError(f"tests/budget.toml has no line for {name}: give it its seconds on two quiet cores")
        allowed = self.lines[name] * self.scale
        if seconds <= allowed * GRACE:
            return ""
        return (f"{name} took {duration(seconds)}; its line in tests/budget.toml is {self.lines[name]:g} s, "
                f"on this machine {duration(allowed)} (x {self.scale:.2f})")  # fmt: skip


def read(path: Path = FILE) -> tuple[float, Ledger]:
    """The reference's seconds for the work of the calibration, and its ledger."""
    import tomllib  # run.py says it where Python is too old

    found = tomllib.loads(path.read_text())
    return found["calibration_seconds"], Ledger({TOTAL: found["total_seconds"], **found["stages"]})


def calibrated(path: Path = FILE) -> Ledger:
    """The ledger, scaled by the best of three works of this machine."""
    reference, ledger = read(path)
    return Ledger(ledger.lines, min(work() for _turn in range(3)) / reference)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of time: what each stage may take, scaled by how fast this machine is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .console import ToolError, duration
from .deps import ROOT

FILE = ROOT / "tests" / "budget.toml"
TOTAL = "the whole run"
GRACE = 1.25
ROUNDS = 24_000_000
CORES = 2
STAT = Path("/proc/stat")


def work(_number: int = 0) -> float:
    """Seconds of wall-clock for a fixed CPU work of about one."""
    started = time.perf_counter()
    sum(number & 7 for number in range(ROUNDS))
    return time.perf_counter() - started


def best_of_three() -> float:
    """Seconds of the quickest of three works, done on two cores at once as stages are; the later of a pair counts."""
    with ProcessPoolExecutor(CORES) as pool:
        return min(max(pool.map(work, range(CORES))) for _turn in range(3))


def cpu_times(text: str | None = None) -> tuple[int, int]:
    """Ticks since boot that the CPUs worked, and those that the hypervisor gave to others meanwhile (proc(5), stat)."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, (text or STAT.read_text()).split(maxsplit=9)[1:9])
    return user + nice + system + irq + softirq, steal


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


@dataclass
class Calibration:
    """How fast this machine is: at the start of a run, and then again, as one that others share changes its speed."""

    reference: float  # seconds of the work on the machine of reference
    ledger: Ledger
    began: tuple[int, int]  # CPU times at the start

    @classmethod
    def start(cls, path: Path = FILE) -> Calibration:
        """The ledger, scaled by how fast the machine is now. Raises OSError, KeyError."""
        reference, ledger = read(path)
        return cls(reference, Ledger(ledger.lines, best_of_three() / reference), cpu_times())

    def end(self) -> Ledger:
        """The ledger, scaled by the slower of then and now, and by what the hypervisor took away in between."""
        (worked, stolen), (worked_before, stolen_before) = cpu_times(), self.began
        stolen -= stolen_before
        lost = stolen / max(worked - worked_before + stolen, 1)
        scale = max(self.ledger.scale, best_of_three() / self.reference) / max(1 - lost, 0.1)
        return Ledger(self.ledger.lines, scale)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of time: what each stage may take, scaled by how fast this machine is."""

from __future__ import annotations

import timeit
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import tomllib

from .console import ToolError, duration
from .deps import ROOT

FILE = ROOT / "tests" / "budget.toml"
TOTAL = "the whole run"
STEP = "lab: "  # before a step of the lab
ROUNDS = 24_000_000
CORES = 2


def work(_number: int = 0) -> float:
    """Seconds of wall-clock for a fixed CPU work of about one."""
    return timeit.timeit(lambda: sum(number & 7 for number in range(ROUNDS)), number=1)


def best_of_three() -> float:
    """Seconds of the quickest of three works, done on two cores at once as stages are; the later of a pair counts."""
    with ProcessPoolExecutor(CORES) as pool:
        return min(max(pool.map(work, range(CORES))) for _turn in range(3))


def cpu_times(text: str | None = None) -> tuple[int, int]:
    """Ticks since boot that the CPUs worked, and those that the hypervisor gave to others meanwhile (proc(5), stat)."""
    words = (text or Path("/proc/stat").read_text()).split(maxsplit=9)
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, words[1:9])
    return user + nice + system + irq + softirq, steal


@dataclass(frozen=True)
class Ledger:
    """Seconds of each stage, each step of the lab, and TOTAL, on the machine of reference.

    scale: how much longer this one takes. It is asked at the start of a run, and then again, as a machine that others
    share changes its speed.
    """

    lines: Mapping[str, float]
    scale: float = 1.0
    reference: float = 1.0  # seconds of the calibration's work on the machine of reference
    began: tuple[int, int] = (0, 0)  # CPU times at the start

    @classmethod
    def start(cls, path: Path = FILE) -> Ledger:
        """That of the file, scaled by how fast the machine is now. Raises OSError, KeyError."""
        found = tomllib.loads(path.read_text())
        reference = found["calibration_seconds"]
        lines = {TOTAL: found["total_seconds"], **found["stages"]}
        lines.update({f"{STEP}{name}": seconds for name, seconds in found["lab"].items()})
        return cls(lines, best_of_three() / reference, reference, cpu_times())

    def end(self) -> Ledger:
        """Scaled by the slower of then and now, and by what the hypervisor took away in between."""
        (worked, stolen), (worked_before, stolen_before) = cpu_times(), self.began
        stolen -= stolen_before
        lost = stolen / max(worked - worked_before + stolen, 1)
        return replace(self, scale=max(self.scale, best_of_three() / self.reference) / max(1 - lost, 0.1))

    def over(self, name: str, seconds: float) -> str:
        """A sentence where a stage took a quarter more than its line, else "". Raises ToolError for one without."""
        if name not in self.lines:
            raise ToolError(f"tests/budget.toml has no line for {name}: give it its seconds on two quiet cores")
        allowed = self.lines[name] * self.scale
        if seconds <= allowed * 1.25:
            return ""
        return (f"{name} took {duration(seconds)}; its line in tests/budget.toml is {self.lines[name]:g} s, "
                f"on this machine {duration(allowed)} (x {self.scale:.2f})")  # fmt: skip

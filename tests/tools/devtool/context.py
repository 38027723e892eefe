# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running stage has in its hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .ansible_log import failed_task
from .collection import OUTPUT
from .console import run_logged, say

JUNIT = OUTPUT / "junit"


class StageFailed(Exception):
    """The stage's check found something, or could not be carried out."""


class StageSkipped(Exception):
    """The stage can't be carried out here, for a reason that is no defect; the table shows it."""


@dataclass
class Context:
    """What a running stage has: its log, its JUnit file, and the clean copy of the project."""

    name: str
    copy: Path
    log: Path = field(init=False)
    junit: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = OUTPUT / f"{self.name}.log"
        self.junit = JUNIT / f"{self.name}.xml"

    def note(self, text: str) -> None:
        """Say something that belongs to the result, on the terminal and in the log."""
        say(f"    {text}")
        with self.log.open("a") as log:
            log.write(f"{text}\n")

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        limit_seconds: float = 1800.0,
    ) -> None:
        """Run a command of the stage; raises StageFailed when it fails."""
        status = run_logged(argv, self.log, env=env, cwd=cwd or self.copy, limit_seconds=limit_seconds)
        if status != 0:
            task = failed_task(self.log)
            raise StageFailed(f"{Path(argv[0]).name} ended with exit status {status}{task and ': '}{task}")


@dataclass(frozen=True)
class Stage:
    """A named check; `lab`: it needs the emulated node; `alone`: it writes what others read."""

    name: str
    what: str
    check: Callable[[Context], None]
    lab: bool = False
    alone: bool = False

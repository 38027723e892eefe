# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that end with the test run, whatever ends it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sriovlab.progress import LabError

TAIL = 3000  # characters of a log that an error shows


class ProgramEnded(LabError):
    """A program has ended by itself, though it was to run."""


class Program:
    """A running program; its output is in FOLDER/NAME.log.

    The kernel kills it when the thread that started it ends, which of pytest is the main one.
    """

    def __init__(self, argv: Sequence[str | Path], folder: Path, name: str) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("ab") as stream:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise ProgramEnded with the end of the log where the program has ended."""
        status = self._process.poll()
        if status is not None:
            raise ProgramEnded(f"{self.name}: expected it to run, found exit status {status} {self.tail()}")

    def tail(self) -> str:
        """The end of the log, and where all of it is."""
        return f"(all of its log: {self.log})\n{self.log.read_text(errors='replace')[-TAIL:].rstrip()}"

    def cpu_seconds(self) -> float:
        """What it has used until now."""
        words = (Path("/proc") / str(self.pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it at once: its files go with it."""
        self._process.kill()
        self._process.wait()

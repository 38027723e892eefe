# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for an event itself, longer where the machine is busy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sriovlab.progress import LabError

from .programs import ProgramEnded

MOST = 8.0
Found = TypeVar("Found")


def patience() -> float:
    """How many times as long as on a quiet machine something may take: what wants to run, for each core."""
    return min(MOST, max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0))))


def until(
    what: str, probe: Callable[[], Found | None], seconds: float = 30.0, state: Callable[[], Any] | None = None
) -> Found:
    """Ask until the answer is true, and return it; a LabError is an answer that is not, ProgramEnded is raised.

    Raises LabError with the last answer, or what `state` says then.
    """
    start, pause = time.monotonic(), 0.02
    while True:
        found, problem = _asked(probe)
        if found:
            return found
        spent = time.monotonic() - start
        if spent > seconds * patience():
            last = state() if state else problem or found
            raise LabError(f"{what}: expected within {seconds:.0f} s on a quiet machine; after {spent:.0f} s: {last!r}")
        time.sleep(pause)
        pause = min(0.25, pause * 1.5)


def _asked(probe: Callable[[], Found | None]) -> tuple[Found | None, str]:
    try:
        return probe(), ""
    except ProgramEnded:
        raise
    except LabError as exc:
        return None, str(exc)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for processes, for tests of what starts some."""

from __future__ import annotations

import time
from pathlib import Path

ENDED = ("", "Z", "X")  # gone, waiting to be reaped, about to be gone


def state_of(pid: int) -> str:
    """The letter that proc(5) has behind a process' name in brackets; "" where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""


def eventually(condition, seconds: float = 30.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{condition} is still false after {seconds} s"
        time.sleep(0.01)

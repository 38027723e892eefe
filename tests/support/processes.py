# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for what other processes do, for tests of what starts some."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable

DEADLINE = 30.0  # seconds for whatever should happen soon, also the start of a daemon on a busy machine
ENDED = ("", "Z", "X")  # gone, waiting to be reaped, about to be gone


def state_of(pid: int) -> str:
    """The letter that proc(5) has behind a process' name in brackets; "" where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""


def eventually(condition: Callable[[], Any], what: str = "") -> None:
    """Wait until something is so; `what` it is, for the message."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE} s: {what or condition}"
        time.sleep(0.01)

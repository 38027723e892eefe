# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes in the background that are known by a file of theirs, which their command line names."""

from __future__ import annotations

import os
import time
from pathlib import Path


def _words(pid: int) -> list[bytes]:
    """A process' command line; nothing where it has ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return []
    return [] if state in ("Z", "X") else words


def alive(pid: int, mark: Path) -> bool:
    """Whether `pid` is the process with this mark (and not one that got the same number later)."""
    return os.fsencode(mark) in _words(pid)


def read_pid(mark: Path) -> int:
    """The process that the last one with this mark was, or 0."""
    try:
        return int(mark.read_text())
    except (OSError, ValueError):
        return 0


def gone(pid: int, mark: Path, timeout: float) -> bool:
    """Wait until a process is gone, `timeout` seconds at most; whether it is."""
    deadline = time.monotonic() + timeout
    # One that ends loses its command line before its files, and with them its locks.
    while alive(pid, mark) or _words(pid) == [b""]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd is told of our state: sd_notify(3) by the standard library."""

from __future__ import annotations

import os
import socket


def notify(*states: str, wait: bool = False) -> bool:
    """Send states such as READY=1 and STATUS=text; True where they went out, or there is no service manager.

    wait: for up to a second where the manager is busy. Otherwise nothing waits for it: devices come first.
    """
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return True
    address = "\0" + path[1:] if path.startswith("@") else path
    message = "\n".join(state.replace("\n", " ") for state in states)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(1 if wait else 0)
            sender.sendto(message.encode(), address)
    except OSError:
        return False  # the manager is gone or busy; its own timeouts decide
    return True


class Watchdog:
    """Tells systemd that we turn, twice as often as its WatchdogSec= asks for; nothing without it."""

    def __init__(self) -> None:
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self._every = int(microseconds) / 2e6 if ours and microseconds.isdecimal() else 0.0
        self._next = 0.0

    def beat(self, now: float) -> None:
        """`now` is time.monotonic()."""
        if self._every and now >= self._next and notify("WATCHDOG=1"):
            self._next = now + self._every

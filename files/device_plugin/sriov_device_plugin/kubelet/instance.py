# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One device plugin on a node: two would take the same resources from each other at the kubelet, again and again."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time

# In the folder of device-info files, which service and pod share, and which is the root user's.
FILE = ".baremetal-sriov-device-plugin.lock"
PATIENCE = 10.0  # seconds that the other one has to leave, as at an update or when a pod takes the service's place
LOOK_EVERY = 0.2

log = logging.getLogger(__name__)


def claim(directory: str) -> str:
    """Be the one of this node, until this process ends. Returns "", or who is it already.

    Where the lock can't be made, that is said, and we go on without.
    """
    path = os.path.join(directory, FILE)
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        log.warning("%s; a second device plugin on this node would not be noticed", error)
        return ""
    until, said = time.monotonic() + PATIENCE, False
    while not _take(lock):
        other = f"another device plugin serves this node (process {_owner(lock)}, which holds {path})"
        if time.monotonic() >= until:
            os.close(lock)
            return f"{other}; expected one: stop the service or delete the DaemonSet"
        if not said:
            log.warning("%s; waiting for its end for %g s", other, PATIENCE)
            said = True
        time.sleep(LOOK_EVERY)
    with contextlib.suppress(OSError):
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
    return ""


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _owner(lock: int) -> str:
    """Its number, as the other one wrote it; in a pod it is one of that pod's."""
    with contextlib.suppress(OSError):
        os.lseek(lock, 0, os.SEEK_SET)
        text = os.read(lock, 20).decode("ascii", "replace")
        if text.isdecimal():
            return text
    return "unknown"

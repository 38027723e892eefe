# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab per machine at a time: two on two cores double every time that a test measures.

The lock is a flock whose descriptor the lab's holder and its QEMUs inherit, so it is held exactly as long as one of
them lives, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .progress import LabError, say

NAME = "baremetal-sriov-lab.lock"


def path() -> Path:
    """The lock file: in the machine's temporary folder, shared by all checkouts."""
    return Path(tempfile.gettempdir()) / NAME


def _open(file: Path) -> int:
    # O_CREAT only when needed: in a sticky folder the kernel refuses it for another user's existing file.
    try:
        return os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666))
            file.chmod(0o666)
        return os.open(file, os.O_RDWR | os.O_CLOEXEC)


def holder(descriptor: int) -> str:
    """Who wrote the lock file last, in words."""
    try:
        found = json.loads(os.pread(descriptor, 4096, 0))
        return f"the checkout {found['checkout']} (process {found['pid']}, since {found['since']})"
    except (ValueError, KeyError, TypeError):
        return "somebody who did not say"


def note(descriptor: int, checkout: Path | None = None) -> None:
    """Write that this process has the lock, for the checkout that is given, or for the one that is noted."""
    if checkout is None:
        checkout = Path(json.loads(os.pread(descriptor, 4096, 0))["checkout"])
    text = {"checkout": str(checkout), "pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(text).encode(), 0)


@contextlib.contextmanager
def held(checkout: Path, timeout: float) -> Iterator[int]:
    """Hold the machine's lab lock; gives its descriptor, for others to inherit and so to hold it longer.

    Waits up to `timeout` seconds. Raises LabError that names the holder.
    """
    descriptor = _open(path())
    try:
        _wait(descriptor, timeout)
        note(descriptor, checkout)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait(descriptor: int, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    told: float | None = None
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            now = time.monotonic()
            message = f"the lab of this machine is in use by {holder(descriptor)}"
            if now >= deadline:
                raise LabError(f"{message}; end it there with `python3 tests/lab/lab.py down`") from None
            if told is None or now - told > 60:
                say(f"waiting: {message}")
                told = now
            time.sleep(1)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks that keep two calls off one VF or PF."""

from __future__ import annotations

import fcntl
import os
import signal
import time

import pytest

from sriov_cni.errors import CniError
from sriov_cni.journal import Lock


def holder(path, seconds: float) -> int:
    """A process that holds the lock for so long; its process id, once it has it."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        fcntl.flock(os.open(path, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
        os.close(tell)
        time.sleep(seconds)
        os._exit(0)
    os.close(tell)
    os.read(ready, 1)
    os.close(ready)
    return pid


@pytest.fixture
def undisturbed():
    """SIGALRM means what it meant before, and no timer runs."""
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    yield
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_IGN
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    signal.signal(signal.SIGALRM, before)


def test_it_is_had_once_the_other_lets_go(tmp_path, undisturbed):
    path = tmp_path / "lock"
    pid = holder(path, 0.2)
    with Lock(str(path), "PF 0000:01:00.0", 30.0), path.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.waitpid(pid, 0)


def test_it_gives_up(tmp_path, undisturbed):
    path = tmp_path / "lock"
    pid = holder(path, 60.0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])  # as a runtime may leave it
    expected = r"PF 0000:01:00\.0 is held by another call .*more than 0 s; 'fuser .*lock'"
    try:
        with pytest.raises(CniError, match=expected) as raised:
            Lock(str(path), "PF 0000:01:00.0", 0.1).__enter__()
        assert raised.value.code == 11
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

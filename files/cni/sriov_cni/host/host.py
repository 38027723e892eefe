# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands touch of the machine besides netlink messages; tests pass a NodeHost of their own."""

from __future__ import annotations

import os
import time
from _collections_abc import Callable, Iterator

from shared import pci

from ..netlink.socket import Socket
from .log import Log

SETTING = "/etc/baremetal-sriov/cni.json"  # the node's; a network cannot change it
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.1  # seconds


class NodeHost:
    """The running machine. `sys_root` and `proc_root` are put before /sys and /proc."""

    sys_root = ""
    proc_root = ""
    state = "/var/lib/cni/sriov"
    setting = SETTING
    settle_seconds = 10.0  # for the kernel to bring a VF back after its namespace ended
    mac_seconds = 2.0  # for a driver to take a MAC
    lock_seconds = 60.0  # for another call on the same VF or PF to end
    ipam_seconds = 90.0  # for the delegated IPAM plugin to answer
    ipam_del_seconds = 10.0  # in DEL, for which a pod waits that has to go
    gate_seconds = 30.0  # for an IPAM plugin that an ADD left behind to end, before it is stopped

    def __init__(self) -> None:
        self.log = Log()
        self._socket: Socket | None = None
        self.later: Callable[[], None] | None = None  # to be done once the runtime has its answer

    @property
    def socket(self) -> Socket:
        """A netlink socket of the host's namespace; first used before any namespace is entered."""
        if self._socket is None:
            self._socket = Socket()
        return self._socket

    def net_names(self, address: str) -> list[str]:
        """The function's interfaces in the host's namespace."""
        return pci.net_names(self.sys_root, address)

    def boot_id(self) -> str:
        """The id of this boot; "" where the kernel tells none."""
        return pci.read_text(f"{self.proc_root}/proc/sys/kernel/random/boot_id") or ""

    def of_earlier_boot(self, path: str) -> bool:
        """True for a file that was last written before this boot; False where that cannot be told."""
        try:
            return os.stat(path).st_mtime < time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        except OSError:
            return False

    def step(self, what: str) -> None:
        """Called right before each change, with its name; for tests that stop the process there."""


def backoff(seconds: float) -> Iterator[None]:
    """Rounds with waits of 2, 4, 8 .. 100 ms between them, up to a deadline: `for _round in backoff(2.0):`.

    The first round comes at once, and one more comes after the deadline: what took long may have helped.
    """
    end = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    late = False
    yield
    while not late:
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
        late = time.monotonic() >= end
        yield


def read_file(path: str, limit: int) -> bytes:
    """Up to `limit` bytes of a file, never by a link, and without waiting where it is none. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.read(fd, limit)
    finally:
        os.close(fd)


def read_all(fd: int, limit: int) -> bytes:
    """All of a stream; where it has more, some bytes more than `limit`. Raises OSError."""
    raw = b""
    while len(raw) <= limit:
        part = os.read(fd, 1 << 17)
        if not part:
            break
        raw += part
    return raw


def write_text(path: str, text: str) -> None:
    """Write an attribute of sysfs or a sysctl. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)

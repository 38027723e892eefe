# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces: open by path, tell one from another, enter and come back."""

from __future__ import annotations

import fcntl
import os
from _collections_abc import Callable
from _stat import S_ISREG

CLONE_NEWNET = 0x40000000
NS_GET_NSTYPE = 0xB703  # linux/nsfs.h, since 4.11

_setns: Callable[..., object] | None = None  # found at the first use


class Netns:
    """An open network namespace. Its identity (device and inode) is unique as long as it is held or alive."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path
        status = os.fstat(fd)
        self.identity = f"{status.st_dev}:{status.st_ino}"

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def __del__(self) -> None:
        self.close()


def open_netns(path: str) -> Netns | None:
    """The namespace at `path`; None where nothing is there, or something that is no network namespace."""
    try:
        if not S_ISREG(os.stat(path).st_mode):  # to open a device or a FIFO may do something
            return None
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        kind = fcntl.ioctl(fd, NS_GET_NSTYPE)
    except OSError:  # an ordinary file: what is left of a bind mount after the namespace is gone
        kind = 0
    if kind != CLONE_NEWNET:
        os.close(fd)
        return None
    return Netns(fd, path)


def own_netns() -> Netns:
    """The namespace that this process is in. Raises OSError where /proc is missing."""
    path = "/proc/self/ns/net"
    return Netns(os.open(path, os.O_RDONLY | os.O_CLOEXEC), path)


def set_netns(fd: int) -> None:
    """Put this (single-threaded) process into a namespace. Raises OSError."""
    global _setns
    _setns = _setns or getattr(os, "setns", None)  # from Python 3.12 on
    if _setns is None:
        from ..host.libc import function

        _setns = function("setns")
    _setns(fd, CLONE_NEWNET)


class Inside:
    """`with Inside(pod):` runs the block in a namespace, and always comes back."""

    def __init__(self, netns: Netns) -> None:
        self._netns = netns

    def __enter__(self) -> None:
        self._home = own_netns()
        set_netns(self._netns.fd)

    def __exit__(self, *error: object) -> None:
        set_netns(self._home.fd)
        self._home.close()

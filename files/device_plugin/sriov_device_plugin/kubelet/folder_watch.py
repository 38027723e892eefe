# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of the kubelet's sockets: what comes and goes there wakes the main loop at once.

A kubelet that starts wipes its folder, makes its own socket, and admits pods soon after: each moment until we are
registered is one in which it refuses a pod that has our devices. Linux Documentation/filesystems/dnotify.rst: the
signal is SIGIO, which is what the kernel's netlink messages raise as well. Without it the loop looks twice a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import os

KINDS = fcntl.DN_CREATE | fcntl.DN_DELETE | fcntl.DN_RENAME | fcntl.DN_MULTISHOT


class FolderWatch:
    """The present folders at some paths; call `tend` now and then, since a folder may be made anew."""

    def __init__(self, paths: list[str]) -> None:
        self._watched: dict[str, tuple[int, tuple[int, int]]] = dict.fromkeys(paths, (-1, (0, 0)))

    def tend(self) -> None:
        """Watch the folders that are there."""
        for path, (fd, known) in self._watched.items():
            try:
                found = os.stat(path)
            except OSError:
                continue  # with its folder the watch is gone; a new one is another folder
            if (found.st_dev, found.st_ino) == known:
                continue
            self._close(fd)
            self._watched[path] = (_watch(path), (found.st_dev, found.st_ino))

    def close(self) -> None:
        """Watch nothing any more."""
        for path, (fd, _known) in self._watched.items():
            self._close(fd)
            self._watched[path] = (-1, (0, 0))

    def _close(self, fd: int) -> None:
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def _watch(path: str) -> int:
    """A folder's descriptor, which has to stay open; -1 where it can't be watched."""
    fd = -1
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.fcntl(fd, fcntl.F_NOTIFY, KINDS)
    except OSError:  # it went meanwhile, or the kernel has no dnotify
        if fd >= 0:
            os.close(fd)
        return -1
    return fd

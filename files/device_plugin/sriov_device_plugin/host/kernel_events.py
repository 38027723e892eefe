# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says on its own: link changes, and devices and drivers that come and go.

A message is only a reason to look: sysfs is what counts, so a lost message costs time, not truth. Linux
rtnetlink(7), group RTMGRP_LINK, and the uevents of lib/kobject_uevent.c; both may be heard without a capability.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket

LINK = "link"
DEVICE = "device"
NETLINK_KOBJECT_UEVENT = 15  # Linux include/uapi/linux/netlink.h
GROUP = 1  # RTMGRP_LINK, and the kernel's own messages of the uevent family
MOST = 4096  # messages that one call takes; the rest wait for the next one
SUBSYSTEMS = frozenset((b"pci", b"net", b"auxiliary", b"infiniband", b"vdpa", b"vfio-dev", b"vfio", b"uio",
                        b"infiniband_verbs", b"misc"))  # fmt: skip

log = logging.getLogger(__name__)


class Events:
    """Two netlink sockets; each message also raises `signal_number` in this process, which ends a wait for it."""

    def __init__(self, signal_number: int) -> None:
        self._sockets: dict[str, socket.socket] = {}
        for kind, protocol in ((LINK, socket.NETLINK_ROUTE), (DEVICE, NETLINK_KOBJECT_UEVENT)):
            try:
                self._sockets[kind] = _listen(protocol, signal_number)
            except OSError as error:
                log.warning("no %s messages from the kernel (%s); looking regularly instead", kind, error)

    def hears(self, kind: str) -> bool:
        """False where the system does not let us listen, so that looking must do."""
        return kind in self._sockets

    def drain(self) -> set[str]:
        """The kinds that something was said about since the last call; never waits."""
        return {kind for kind, listener in self._sockets.items() if _drain(kind, listener)}

    def close(self) -> None:
        """Stop listening."""
        for listener in self._sockets.values():
            listener.close()
        self._sockets.clear()


def _listen(protocol: int, signal_number: int) -> socket.socket:
    listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
    try:
        listener.bind((0, GROUP))
        fcntl.fcntl(listener, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(listener, fcntl.F_SETSIG, signal_number)
        fcntl.fcntl(listener, fcntl.F_SETFL, fcntl.fcntl(listener, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        listener.close()
        raise
    return listener


def _drain(kind: str, listener: socket.socket) -> bool:
    found = False
    for _turn in range(MOST):
        try:
            message, sender = listener.recvfrom(65536)
        except BlockingIOError:
            break
        except OSError:  # ENOBUFS: there was more than the buffer holds
            found = True
            continue
        if sender[0] == 0:  # the kernel; a process may send as well
            found = found or kind == LINK or _matters(message)
    return found


def _matters(message: bytes) -> bool:
    """True for what a pool can depend on. `ACTION@PATH`, then KEY=VALUE, each ended by NUL."""
    lines = message.split(b"\0")
    if b"@/devices/virtual/net/" in lines[0]:  # veth and the like: pods come and go
        return False
    return any(line[10:] in SUBSYSTEMS for line in lines[1:] if line.startswith(b"SUBSYSTEM="))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rtnetlink on the wire: messages, attributes, one socket (Linux
Documentation/userspace-api/netlink/intro.rst).
"""

from __future__ import annotations

import os
from _collections_abc import Iterator
from _socket import AF_NETLINK, SO_RCVTIMEO, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET
from _socket import socket as _Socket
from struct import Struct, pack

Message = tuple[int, int, bytes]  # type, flags, payload

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR = 0x1, 0x4, 0x10
NLM_F_DUMP = 0x300
NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x200, 0x400, 0x800
_NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x100, 0x200
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLA_TYPE_MASK, _NLA_F_NESTED = 0x3FFF, 0x8000
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 270, 10, 11, 12
_NLMSGERR_ATTR_MSG = 1

# A PF's answer with all its VFs is one message of up to some 100 KiB (128 to 512 VFs).
_RECEIVE_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30  # for one answer; the kernel answers at once, but for the wait for its RTNL lock
_DUMP_TRIES = 5

_HEADER = Struct("=IHHII")
_ATTRIBUTE = Struct("=HH")
_ERROR = Struct("=iI")  # of struct nlmsgerr: the code, and the length in the header of our message


class NetlinkError(OSError):
    """The kernel refused message number `index` of a batch; `reason` is its extended acknowledgement, or
    "".
    """

    def __init__(self, number: int, reason: str = "", index: int = 0) -> None:
        super().__init__(number, os.strerror(number))
        self.reason = reason
        self.index = index

    def __str__(self) -> str:
        return f"{self.strerror} ({self.reason})" if self.reason else str(self.strerror)


def attribute(kind: int, data: bytes) -> bytes:
    """One attribute, padded to 4 bytes."""
    return _ATTRIBUTE.pack(len(data) + 4, kind) + data + bytes(-len(data) % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NLA_F_NESTED, b"".join(parts))


def number(kind: int, value: int) -> bytes:
    """An attribute with a 32-bit number in the host's byte order."""
    return attribute(kind, pack("=I", value))


def text(kind: int, value: str) -> bytes:
    """An attribute with a zero-terminated string."""
    return attribute(kind, value.encode() + b"\0")


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each attribute in `data`; stops at one that does not fit."""
    at, end = 0, len(data)
    while at + 4 <= end:
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < 4 or at + size > end:
            return
        yield kind & _NLA_TYPE_MASK, data[at + 4 : at + size]
        at += (size + 3) & ~3


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, flags, sequence number and payload of each message in a datagram."""
    at, end = 0, len(data)
    while at + 16 <= end:
        size, kind, flags, sequence, _port = _HEADER.unpack_from(data, at)
        if size < 16 or at + size > end:
            return
        yield kind, flags, sequence, data[at + 16 : at + size]
        at += (size + 3) & ~3


def encode(message: Message, sequence: int, port: int = 0) -> bytes:
    """A message with its header, padded to 4 bytes."""
    kind, flags, payload = message
    return _HEADER.pack(16 + len(payload), kind, flags, sequence, port) + payload + bytes(-len(payload) % 4)


def _failure(flags: int, payload: bytes, index: int) -> NetlinkError | None:
    """The error in an NLMSG_ERROR message; None where it is a plain acknowledgement."""
    code, size = _ERROR.unpack_from(payload)
    if code == 0:
        return None
    reason = ""
    if flags & _NLM_F_ACK_TLVS:
        # the code, then the header of our message, and its payload unless the answer is capped
        start = 20 if flags & _NLM_F_CAPPED else 4 + ((size + 3) & ~3)
        for kind, value in attributes(payload[start:]):
            if kind == _NLMSGERR_ATTR_MSG:
                reason = value.rstrip(b"\0").decode("utf-8", "replace")
    return NetlinkError(-code, reason, index)


class Socket:
    """A route netlink socket of the network namespace that the process is in when it is made."""

    def __init__(self) -> None:
        self._socket = _Socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        try:  # noqa: SIM105 - contextlib takes long to import
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)  # the kernel filters what is listed
        except OSError:  # before 4.20
            pass
        self._socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack("@ll", _TIMEOUT_SECONDS, 0))
        self._socket.bind((0, 0))
        self._sequence = 0

    def fileno(self) -> int:
        """For ioctl(2), whose requests are of the socket's namespace as well."""
        return self._socket.fileno()

    def change(self, *batch: Message) -> None:
        """Send messages in one go, wait for all acknowledgements. Raises NetlinkError for the first that
        failed.

        The kernel goes on with the rest of a batch after one message failed, so the caller has to undo.
        """
        first = self._sequence + 1
        data = []
        for kind, flags, payload in batch:
            self._sequence += 1
            data.append(encode((kind, flags | NLM_F_REQUEST | NLM_F_ACK, payload), self._sequence))
        self._socket.send(b"".join(data))
        error: NetlinkError | None = None
        waiting = len(batch)
        while waiting:
            for kind, flags, sequence, payload in messages(self._receive()):
                if kind == _NLMSG_ERROR and first <= sequence <= self._sequence:
                    waiting -= 1
                    error = error or _failure(flags, payload, sequence - first)
        if error is not None:
            raise error

    def get(self, message: Message) -> bytes:
        """The payload of the one answer to a request. Raises NetlinkError."""
        return next(payload for kind, _flags, payload in self._answers(message, 0) if kind != _NLMSG_ERROR)

    def dump(self, message: Message) -> list[bytes]:
        """The payloads of all answers; asked again where the kernel says that the list changed meanwhile."""
        for _turn in range(_DUMP_TRIES):
            found: list[bytes] = []
            changed = 0
            for kind, flags, payload in self._answers(message, NLM_F_DUMP):
                changed |= flags & NLM_F_DUMP_INTR
                if kind == _NLMSG_DONE:
                    break
                found.append(payload)
            if not changed:
                break
        return found

    def _answers(self, message: Message, more_flags: int) -> Iterator[Message]:
        """Type, flags and payload of each answer to a request, without end. Raises NetlinkError."""
        kind, flags, payload = message
        self._sequence += 1
        self._socket.send(encode((kind, flags | more_flags | NLM_F_REQUEST, payload), self._sequence))
        while True:
            for kind, flags, sequence, payload in messages(self._receive()):
                error = _failure(flags, payload, 0) if (kind, sequence) == (_NLMSG_ERROR, self._sequence) else None
                if error is not None:
                    raise error
                if sequence == self._sequence:
                    yield kind, flags, payload

    def _receive(self) -> bytes:
        return self._socket.recv(_RECEIVE_BYTES)

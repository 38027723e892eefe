# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gRPC call with an empty request over a unix socket: just what it takes to ask the kubelet, with bounds.

A node has no gRPC library. The windows are opened for the longest answer at once, so that the server never waits for
us, and headers are never decoded: a call that fails ends without a message.

Sources: RFC 9113 (HTTP/2: frames, settings, windows), RFC 7541 (HPACK: literal fields without indexing), and gRPC over
HTTP/2 (doc/PROTOCOL-HTTP2.md of grpc/grpc).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..host.host import Host
from ..model.errors import HostError

if TYPE_CHECKING:
    import socket

MESSAGE_LIMIT = 16 << 20  # bytes of an answer: what the kubelet's own clients allow
FRAME_LIMIT = 16384  # bytes; what a peer may send that was told nothing else
FRAMES_LIMIT = 100_000
FIRST_WINDOW = 65535
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK = END_STREAM = 0x1
END_HEADERS, PADDED = 0x4, 0x8
ENABLE_PUSH, INITIAL_WINDOW_SIZE = 2, 4
STREAM = 1  # ours, the only one

Frame = tuple[int, int, int, bytes]  # type, flags, stream, payload


def call(host: Host, path: str, method: str, seconds: float) -> bytes:
    """The message that a method such as /v1.PodResourcesLister/List answers with. Raises HostError.

    path: the socket's; seconds: for all of it.
    """
    give_up = host.monotonic() + seconds
    with host.connect(path, seconds) as connection:
        try:
            connection.sendall(_request(method))
            return _answer(_Reader(host, path, connection, give_up))
        except OSError as error:
            found = error.strerror or "nothing more in time"  # a time that is over has no errno
            raise _failed(path, f"{found} (limit {seconds:g} s)") from error


def _failed(path: str, found: str) -> HostError:
    return HostError(path, "an answer in gRPC", found, "See whether the service behind this socket is well.")


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return b"".join((len(payload).to_bytes(3, "big"), bytes((kind, flags)), stream.to_bytes(4, "big"), payload))


def _field(name: str, value: str) -> bytes:
    """A header as a literal that is not indexed and not compressed; both texts are shorter than 127 bytes."""
    texts = (name.encode("ascii"), value.encode("ascii"))
    return b"\0" + b"".join(bytes((len(text),)) + text for text in texts)


def _request(method: str) -> bytes:
    fields = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", method),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    )
    settings = ((ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, MESSAGE_LIMIT + FIRST_WINDOW))
    told = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in settings)
    return b"".join(
        (
            PREFACE,
            _frame(SETTINGS, 0, 0, told),
            _frame(WINDOW_UPDATE, 0, 0, MESSAGE_LIMIT.to_bytes(4, "big")),
            _frame(HEADERS, END_HEADERS, STREAM, b"".join(_field(name, value) for name, value in fields)),
            _frame(DATA, END_STREAM, STREAM, bytes(5)),  # a message that is not compressed, of no bytes
        )
    )


class _Reader:
    """Frames from a socket, until a time."""

    def __init__(self, host: Host, path: str, connection: socket.socket, give_up: float) -> None:
        self.host = host
        self.path = path
        self.connection = connection
        self.give_up = give_up

    def frames(self) -> Iterator[Frame]:
        """Each frame; what HTTP/2 asks of every peer is answered here. Raises HostError, OSError."""
        for _number in range(FRAMES_LIMIT):
            head = self._take(9)
            length = int.from_bytes(head[:3], "big")
            if length > FRAME_LIMIT:
                raise _failed(self.path, f"a frame of {length} bytes, so no HTTP/2")
            kind, flags = head[3], head[4]
            payload = self._take(length)
            if kind == SETTINGS and not flags & ACK:
                self.connection.sendall(_frame(SETTINGS, ACK, 0, b""))
            elif kind == PING and not flags & ACK:
                self.connection.sendall(_frame(PING, ACK, 0, payload))
            else:
                yield kind, flags, int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload
        raise _failed(self.path, f"more than {FRAMES_LIMIT} frames")

    def _take(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            left = self.give_up - self.host.monotonic()
            if left <= 0:
                raise TimeoutError
            self.connection.settimeout(left)
            part = self.connection.recv(size - len(found))
            if not part:
                raise _failed(self.path, "the end of the connection")
            found += part
        return bytes(found)


def _answer(reader: _Reader) -> bytes:
    """The message of our stream, whole."""
    data = bytearray()
    for kind, flags, stream, payload in reader.frames():
        if kind == GOAWAY and int.from_bytes(payload[:4], "big") & 0x7FFFFFFF < STREAM:  # the last one that it answers
            raise _failed(reader.path, "that it takes no calls now (GOAWAY)")
        if stream != STREAM:
            continue
        if kind == RST_STREAM:
            raise _failed(reader.path, f"that it gives up the call (error {int.from_bytes(payload[:4], 'big')})")
        if kind == DATA:
            data += _unpadded(reader.path, flags, payload)
            if len(data) > MESSAGE_LIMIT + 5:
                raise _failed(reader.path, f"more than {MESSAGE_LIMIT} bytes")
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            break
    length = int.from_bytes(data[1:5], "big")
    if len(data) < 5 or data[0] != 0 or len(data) != length + 5:
        raise _failed(reader.path, f"{len(data)} bytes that are no message: the call failed, or is not known there")
    return bytes(data[5:])


def _unpadded(path: str, flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise _failed(path, "a frame with more padding than it has bytes")
    return payload[1 : len(payload) - payload[0]]

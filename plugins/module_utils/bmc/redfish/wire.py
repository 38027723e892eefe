# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to a BMC: HTTP(S) with a limit for the time of each request and for what is read.

A BMC is not trusted: it may hang, send a byte now and then, break off, or answer without an end.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import re
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from ...model.errors import Mistake, raise_if
from .errors import BmcError, StoppedError, UnreachableError

LIMIT = 8 * 1024 * 1024  # bytes of an answer; attribute registries have up to 2 MiB
_PART = 65536
ADDRESS = re.compile(r"(?:(https?)://)?(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?")


@dataclass(frozen=True)
class BmcAddress:
    """Where a BMC is, and how it is known to be that. fingerprint: SHA-256 of its certificate, in place of a CA."""

    address: str
    verify: bool = True
    ca_path: str | None = None
    fingerprint: str | None = None
    seconds: float = 30.0

    def parts(self) -> tuple[bool, str, int]:
        """Whether it speaks TLS, host, port. Raises InvalidSpecError."""
        found = ADDRESS.fullmatch(self.address)
        wrong = []
        port = int(found[3] or 0) if found else 0
        if found is None or port > 65535:
            problem = f"expected a host, or https://HOST:PORT, found {self.address!r}. Leave out any path."
            wrong.append(Mistake("address", problem))
        plain = found is not None and found[1] == "http"
        if plain and self.verify:
            problem = "expected https, found http: password and settings would go over the network in the open. "
            wrong.append(Mistake("address", problem + "Write https, or validate_certs: false to accept that."))
        digest = _bare(self.fingerprint)
        if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", digest):
            problem = f"expected the SHA-256 of a certificate, 64 hexadecimal digits, found {self.fingerprint!r}. "
            command = "openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint -sha256"
            wrong.append(Mistake("fingerprint", f"{problem}{command} tells it."))
        raise_if(wrong)
        if found is None:
            raise AssertionError("raise_if ends here without an address")
        return not plain, found[2].strip("[]"), port or (80 if plain else 443)


@dataclass(frozen=True)
class Reply:
    """An answer. headers: in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Wire:
    """The connection, made again where the BMC closed it. stop: set when the run ends."""

    target: BmcAddress
    stop: threading.Event = field(default_factory=threading.Event)
    limit: int = LIMIT
    connection: http.client.HTTPConnection | None = None

    def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None, last: bool = False
    ) -> Reply:
        """One request. last: it is made though the run ends. Raises BmcError.

        A GET is sent again over a new connection where the BMC had closed the old one; nothing else ever is.
        """
        if self.stop.is_set() and not last:
            raise StoppedError(self.target.address, "the run to go on", "it is being stopped", "Run it again.")
        if self.connection is not None and _closed_by_peer(self.connection):
            self.close()
        kept = self.connection is not None
        try:
            return self._once(method, path, headers, body)
        except UnreachableError as error:
            if not kept or method != "GET" or isinstance(error.__cause__, TimeoutError):
                raise
            return self._once(method, path, headers, body)

    def _once(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Reply:
        deadline = time.monotonic() + self.target.seconds
        what = f"{method} {path} at {self.target.address}"
        try:
            if self.connection is None:
                self.connection = self._connected(deadline)
            sock: Any = self.connection.sock
            sock.deadline = deadline
            self.connection.request(method, path, body, {"Accept": "application/json", **headers})
            response = self.connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            reply = Reply(response.status, told, self._body(response, what))
            if response.will_close:
                self.close()
            return reply
        except TimeoutError as error:
            self.close()
            remedy = "Look whether the BMC is busy; reset the BMC if it stays so, or allow more time."
            raise UnreachableError(
                what, f"an answer within {self.target.seconds:g} s", "none", remedy
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            found = str(error) or type(error).__name__
            raise UnreachableError(what, "an answer", f"the connection failed: {found}", "Look at the BMC.") from error
        except BaseException:
            self.close()
            raise

    def _body(self, response: http.client.HTTPResponse, what: str) -> bytes:
        parts, size = [], 0
        while part := response.read(_PART):
            parts.append(part)
            size += len(part)
            if size > self.limit:
                raise BmcError(what, f"at most {self.limit} bytes", "more", "Look whether that address is a BMC.")
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(parts)

    def _connected(self, deadline: float) -> http.client.HTTPConnection:
        tls, host, port = self.target.parts()
        seconds = max(deadline - time.monotonic(), 0.001)
        plain = socket.create_connection((host, port), seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self._secured(plain, host) if tls else plain
        except BaseException:
            plain.close()
            raise
        connection = http.client.HTTPConnection(host, port)
        connection.sock = _TimedSocket(sock, deadline)
        return connection

    def _secured(self, plain: socket.socket, host: str) -> socket.socket:
        fingerprint = _bare(self.target.fingerprint)
        try:
            context = ssl.create_default_context(cafile=None if fingerprint else self.target.ca_path)
        except (OSError, ssl.SSLError) as error:
            remedy = "Name a PEM file with the certificate of the CA."
            raise BmcError(
                f"ca_path {self.target.ca_path}", "certificates that can be read", str(error), remedy
            ) from error
        if fingerprint or not self.target.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            sock = context.wrap_socket(plain, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            remedy = "Give its CA as ca_path, or its fingerprint; nothing was sent."
            raise BmcError(
                f"the certificate of {self.target.address}", "one that is trusted", error.verify_message, remedy
            ) from error
        found = hashlib.sha256(sock.getpeercert(True) or b"").hexdigest()
        if fingerprint and found != fingerprint:
            sock.close()
            remedy = "Look whether that is the BMC, and correct the fingerprint if it is; nothing was sent."
            raise BmcError(f"the certificate of {self.target.address}", f"SHA-256 {fingerprint}", found, remedy)
        return sock

    def close(self) -> None:
        """Let the connection go."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class _TimedSocket:
    """A socket whose reads and writes all end at one time, however little each of them brings.

    As with a socket of its own, what is read from it may outlive its close: an answer that ends the connection.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock = sock
        self.deadline = deadline
        self.readers = 0
        self.closing = False

    def in_time(self) -> socket.socket:
        """The socket, for as long as there is time."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.sock.settimeout(left)
        return self.sock

    def sendall(self, data: bytes) -> None:
        """As a socket's."""
        self.in_time().sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What an answer is read from."""
        self.readers += 1
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        """As a socket's."""
        self.closing = True
        self.close_unread()

    def close_unread(self, readers: int = 0) -> None:
        """Close it once nobody reads. readers: that have ended."""
        self.readers -= readers
        if self.closing and self.readers <= 0:
            self.sock.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, source: _TimedSocket) -> None:
        self.source = source

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        return self.source.in_time().recv_into(into)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.source.close_unread(1)


def _closed_by_peer(connection: http.client.HTTPConnection) -> bool:
    """Between two requests nothing comes but the end."""
    sock: Any = connection.sock
    return bool(select.select([sock.sock], [], [], 0)[0])


def _bare(fingerprint: str | None) -> str | None:
    """Without colons, in lower case; None for none."""
    return fingerprint.replace(":", "").strip().lower() if fingerprint else None

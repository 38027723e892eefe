# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fake BMCs on the loopback, each with a port of its own: one loop takes the connections, each has a thread."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from support.bmc import resources
from support.bmc.fake import Answer, FakeBmc

_HUGE = 10 * 1024 * 1024


class _Died(Exception):
    """The connection ends, in the middle of whatever it is."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = wbufsize = True
    bmc: FakeBmc
    closing: threading.Event

    def do_GET(self) -> None:
        self._serve("GET")

    do_PATCH = do_POST = do_DELETE = do_GET

    def _serve(self, _method: str) -> None:
        method, path = self.command, self.path.split("?")[0].rstrip("/")
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        with self.bmc.lock:
            self.bmc.log.append((method, path))
            fault = next((one for one in self.bmc.faults if one.hits(method, path)), None)
        what = fault.what if fault else ""
        if what in ("hang", "die"):
            self._break(what)
        elif what == "drip":
            self._drip()
        elif what.isdigit():
            self._send(Answer(int(what), resources.error("Base.1.8.GeneralError", "It went wrong")))
        elif what == "html":
            self._send(Answer(200, b"<!DOCTYPE html><html><body>Please log in</body></html>"))
        elif what == "huge":
            self._send(Answer(200, b'{"x": "' + b"x" * _HUGE + b'"}'))
        elif what == "garbage":
            self._send(Answer(200, {"Members": 7, "Attributes": [1], "Systems": "x", "Boot": None, "Links": []}))
        elif what == "elsewhere":
            self._send(Answer(302, None, {"Location": "https://192.0.2.1/redfish/v1/"}))
        else:
            with self.bmc.lock:
                self.bmc.tick()
                answer = self._answer(method, path, body)
            if what == "die-after":
                raise _Died
            self._send(answer)

    def _answer(self, method: str, path: str, body: Any) -> Answer:
        bmc = self.bmc
        if method == "POST" and path.endswith("/Sessions") and bmc.shape.sessions:
            return bmc.login(body)
        if path != resources.ROOT and not bmc.knows(self.headers):
            return Answer(401, resources.error("Base.1.8.NoValidSession", "No valid session"))
        if method == "DELETE":
            return self._delete(path)
        if method == "POST" and path.endswith("ComputerSystem.Reset"):
            return bmc.reset(body.get("ResetType", ""))
        if method == "PATCH":
            bmc.writes.append((method, path, body))
            return self._patch(path, body)
        found = resources.resource(bmc, path)
        if found is not None and "$expand" in self.path:
            whole = [resources.resource(bmc, one["@odata.id"]) for one in found["Members"]]
            found = {**found, "Members": [one for one in whole if one is not None]}
        if found is None:
            return Answer(404, resources.error("Base.1.8.ResourceMissingAtURI", f"There is no {path}"))
        etagged = bmc.shape.etag == "header" and path == resources.settings_path(bmc.shape).rstrip("/")
        return Answer(200, found, {"ETag": bmc.etag()} if etagged else {})

    def _delete(self, path: str) -> Answer:
        number = path.rpartition("/")[2]
        if "/Sessions/" in path and self.bmc.sessions.pop(number, None):
            return Answer(204)
        if self.bmc.jobs.pop(number, None):
            self.bmc.writes.append(("DELETE", path, None))
            self.bmc.applied_by_job = False
            return Answer(200)
        return Answer(404, resources.error("Base.1.8.ResourceMissingAtURI", f"There is no {path}"))

    def _patch(self, path: str, body: Any) -> Answer:
        if path == resources.settings_path(self.bmc.shape).rstrip("/"):
            return self.bmc.stage(body, self.headers.get("If-Match"))
        if path == resources.SYSTEM:
            boot = body.get("Boot", {})
            names = {"target": "Target", "enabled": "Enabled", "mode": "Mode"}
            for name, word in names.items():
                self.bmc.boot[name] = boot.get(f"BootSourceOverride{word}", self.bmc.boot[name])
            return Answer(204)
        for nic in self.bmc.nics:
            if (status := nic.patch(path, body)) is not None:
                return Answer(status)
        return Answer(405, resources.error("Base.1.8.OperationNotAllowed", "Not here"))

    def _break(self, what: str) -> None:
        if what == "hang":
            self.closing.wait(30)
        raise _Died

    def _drip(self) -> None:
        """A byte now and then: no single read ever waits long."""
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.closing.wait(0.05):
                break
        raise _Died

    def _send(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else b""
        if answer.body is not None and not body:
            body = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        kind = "text/html" if body.startswith(b"<") else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if not self.bmc.shape.keeps_alive:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Not to the tests' output."""


class Farm:
    """BMCs that answer until the end of the `with`."""

    def __init__(self, certificate: Path | None = None) -> None:
        """certificate: a PEM file with key and certificate; without one they speak plain HTTP."""
        self.scheme = "https" if certificate else "http"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self.context is not None and certificate is not None:
            self.context.load_cert_chain(certificate)
        self.selector, self.closing = selectors.DefaultSelector(), threading.Event()
        self.loop = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Farm:
        self.loop.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.closing.set()
        self.loop.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self.selector.close()

    def add(self, bmc: FakeBmc) -> str:
        """Put one on the network; its address."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.selector.register(listening, selectors.EVENT_READ, bmc)
        return f"{self.scheme}://127.0.0.1:{listening.getsockname()[1]}"

    def _run(self) -> None:
        while not self.closing.is_set():
            for key, _events in self.selector.select(0.05):
                taken, peer = key.fileobj.accept()  # type: ignore[union-attr]
                threading.Thread(target=self._connection, args=(taken, peer, key.data), daemon=True).start()

    def _connection(self, taken: socket.socket, peer: Any, bmc: FakeBmc) -> None:
        handler = type("BmcHandler", (Handler,), {"bmc": bmc, "closing": self.closing})
        with contextlib.suppress(OSError, _Died), contextlib.closing(taken):
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context is None:
                handler(taken, peer, self)
            else:
                with self.context.wrap_socket(taken, server_side=True) as wrapped:
                    handler(wrapped, peer, self)


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[Path, str]:
    """A key with a certificate that signs itself, in one file; and its fingerprint."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "bmc.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path, made.fingerprint(hashes.SHA256()).hex()


@contextlib.contextmanager
def waited(seconds: float) -> Iterator[None]:
    """Fails where the block takes longer: what hangs must not hang us."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds

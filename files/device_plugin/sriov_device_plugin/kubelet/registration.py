# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping the pools known to the kubelet, across its restarts, in both of its ways.

With a plugins_registry folder the kubelet's plugin watcher finds our sockets and asks them. Without it we
call Register on kubelet.sock in device-plugins, and again whenever that socket is a new one; a kubelet that
starts wipes the folder, our sockets included. All is found by looking twice a second, cheap, so that nothing is
missed; folder_watch.py has us look at once where something was made there.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time

import grpc

from ..api import deviceplugin_pb2 as api
from .plugin_server import API_VERSION, OPTIONS, PoolServer, PoolService

WATCHER_DIR = "plugins_registry"
LEGACY_DIR = "device-plugins"
KUBELET_SOCKET = "kubelet.sock"
REGISTER_TIMEOUT = 3.0  # seconds
RETRY_AFTER = 5.0  # seconds after a refusal or an error
# Seconds that a kubelet which went away has to come back by itself, before we offer a new socket: one that lost
# nothing but its stream to us sees that, and nothing else.
LOST_AFTER = 10.0
WAIT_LONG = 30.0  # seconds without a listening kubelet until that is said
OTHER_WAY_AFTER, LONGEST_PAUSE = 10.0, 600.0  # seconds until the other way is tried, doubled each time
MAX_SOCKET_PATH = 107  # bytes; sun_path of Linux include/uapi/linux/un.h, less the final NUL

log = logging.getLogger(__name__)

# Device, inode and creation time: inode numbers are used again at once.
Identity = tuple[int, int, int]


def identity(path: str) -> Identity | None:
    """What tells one socket from a later one at the same path; None where there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def accepts(path: str) -> bool:
    """Whether a process listens on a Unix socket, however busy it is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client:
        try:
            client.connect(path)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


class PoolEndpoint:
    """One pool's socket, and how the kubelet stands to it."""

    def __init__(self, service: PoolService, kubelet_dir: str) -> None:
        self.service = service
        self.kubelet_dir = kubelet_dir
        self.registered_with: Identity | None = None  # the kubelet.sock that took us
        self.retry_at = 0.0
        self.unanswered: Identity | None = None  # the kubelet.sock of which we have said that nobody answers
        self._lost_at: float | None = None
        self._server = PoolServer(service)
        self._socket: Identity | None = None
        self._waits = Waits()

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.service.pool.config.resource_name

    @property
    def registered(self) -> bool:
        """True where the kubelet has taken the pool, and is not known to have gone since."""
        taken = self.service.registered.is_set() or self.registered_with is not None
        return taken and not self.service.lost.is_set()

    @property
    def serving_legacy(self) -> bool:
        """True where our socket is there and we are the one to call."""
        if self._socket is None or not os.path.dirname(self.service.endpoint).endswith(LEGACY_DIR):
            return False
        return identity(self.service.endpoint) == self._socket

    def tend(self, now: float) -> None:
        """Listen where we should and do not: at first, after a wipe, after the watcher's refusal; or the other way."""
        if now < self.retry_at:
            return
        waited_for = self._waits.too_long(self, now)
        if self._socket is not None:
            refused, lost = self.service.refused.is_set(), self._lost_too_long(now)
            if identity(self.service.endpoint) == self._socket and not refused and not lost and not waited_for:
                return
            reason = "refused" if refused else "the kubelet did not come back" if lost else waited_for
            reason = reason or "the socket is gone"
            log.info("%s: %s; listening again", self.name, reason)
            self.close()
            if refused:
                self.retry_at = now + RETRY_AFTER
                return
        folder = self._waits.folder(self.kubelet_dir)
        if folder is None:
            return
        path = socket_path(folder, self.service.pool.config.prefix, self.service.pool.config.name)
        try:
            self._server.start(path)
        except OSError as error:
            log.error("%s: %s; next try in %g s", self.name, error, RETRY_AFTER)
            self.retry_at = now + RETRY_AFTER
            return
        self._socket = identity(path)
        self.registered_with = None
        log.info("%s: listening on %s", self.name, path)

    def _lost_too_long(self, now: float) -> bool:
        if not self.service.lost.is_set():
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = now
            log.info("%s: the kubelet has gone", self.name)
        return self._lost_at is not None and now >= self._lost_at + LOST_AFTER

    def close(self) -> None:
        """Stop listening; the socket goes."""
        self._server.stop()
        self._socket = None
        self.registered_with = None

    def begin_close(self, grace: float) -> threading.Event | None:
        """For the end of the program: what is set once running calls have ended, or their `grace` seconds have."""
        return self._server.begin_stop(grace)


class Waits:
    """How long a kubelet lets a pool wait for its ListAndWatch: the other way is tried, and later it is said."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._turn_at = 0.0  # when the other way is tried
        self._pause = OTHER_WAY_AFTER
        self._kubelet: Identity | None = None  # the kubelet.sock that we wait for
        self._other = False  # the other folder than the one that comes first
        self._works = False  # this kubelet has listened to us here, so it will again
        self._listens = 0  # how often one has
        self._said = ""

    def folder(self, kubelet_dir: str) -> str | None:
        """The folder for our sockets; None while the kubelet has made none (it never ran here)."""
        found = registration_dirs(kubelet_dir)
        return found[-1 if self._other else 0] if found else None

    def too_long(self, endpoint: PoolEndpoint, now: float) -> str:
        """Say once what is waited for; why to listen elsewhere now, "" for not to."""
        kubelet = identity(os.path.join(endpoint.kubelet_dir, LEGACY_DIR, KUBELET_SOCKET))
        is_listened_to = endpoint.service.is_listened_to or endpoint.service.listens != self._listens
        self._listens = endpoint.service.listens
        self._works = is_listened_to or (self._works and kubelet == self._kubelet)
        if is_listened_to or self._since is None or kubelet != self._kubelet:
            self._other = self._other and (is_listened_to or kubelet == self._kubelet)
            self._since, self._kubelet, self._said = now, kubelet, ""
            self._pause = OTHER_WAY_AFTER
            self._turn_at = now + self._pause
            return ""
        folders = registration_dirs(endpoint.kubelet_dir)
        words = self._words(endpoint, folders, kubelet) if now >= self._since + WAIT_LONG else ""
        if words and not self._said:
            self._said = words
            log.warning("%s: %s", endpoint.name, words)
        if now < self._turn_at or len(folders) < 2 or kubelet is None or self._works:
            return ""
        # After a boot the socket of the kubelet before lies there: who comes may look here first.
        if not accepts(os.path.join(endpoint.kubelet_dir, LEGACY_DIR, KUBELET_SOCKET)):
            self._turn_at = now + self._pause
            return ""
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._turn_at = now + self._pause
        self._other = not self._other
        return "nobody listens; the other way is tried"

    def _words(self, endpoint: PoolEndpoint, folders: list[str], kubelet: Identity | None) -> str:
        waited = f"waiting for {WAIT_LONG:g} s and more:"
        if not folders:
            return (
                f"{waited} {endpoint.kubelet_dir} has neither {WATCHER_DIR} nor {LEGACY_DIR}; expected the folder of a "
                f"running kubelet. Start it, or name its --root-dir by --kubelet-root-dir"
            )
        where = f"on {endpoint.service.endpoint}"
        if endpoint.registered_with is not None or endpoint.service.registered.is_set():
            return f"{waited} the kubelet took the pool and does not list its devices {where}; see the kubelet's log"
        if kubelet is None:
            return f"{waited} no kubelet has come {where}; is it running, and is {endpoint.kubelet_dir} its --root-dir?"
        return f"{waited} the kubelet has not asked {where}; is {endpoint.kubelet_dir} its --root-dir?"


def known_dirs(kubelet_dir: str) -> list[str]:
    """The folders for our sockets, the one to be preferred first."""
    return [os.path.join(kubelet_dir, name) for name in (WATCHER_DIR, LEGACY_DIR)]


def registration_dirs(kubelet_dir: str) -> list[str]:
    """Those that are there."""
    return [path for path in known_dirs(kubelet_dir) if os.path.isdir(path)]


def socket_path(folder: str, prefix: str, name: str) -> str:
    """`PREFIX_NAME.sock`, or a digest of it where the path would be longer than a Unix socket's may be."""
    path = os.path.join(folder, f"{prefix}_{name}.sock")
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    import hashlib  # seldom needed, and it loads OpenSSL: 2 MiB

    return os.path.join(folder, hashlib.sha256(f"{prefix}/{name}".encode()).hexdigest()[:16] + ".sock")


def register(kubelet_dir: str, endpoints: list[PoolEndpoint]) -> None:
    """Call Register for the pools that the present kubelet.sock has not taken yet."""
    path = os.path.join(kubelet_dir, LEGACY_DIR, KUBELET_SOCKET)
    # Before we look at our sockets: a kubelet wipes the folder, then makes this one, and dials ours at once.
    kubelet = identity(path)
    now = time.monotonic()
    waiting = [p for p in endpoints if p.serving_legacy and p.registered_with != kubelet and now >= p.retry_at]
    if kubelet is None or not waiting:
        return
    with grpc.insecure_channel(f"unix:{path}") as channel:
        call = channel.unary_unary(
            "/v1beta1.Registration/Register",
            request_serializer=api.RegisterRequest.SerializeToString,
            response_deserializer=api.Empty.FromString,
        )
        for endpoint in waiting:
            request = api.RegisterRequest(
                version=API_VERSION,
                endpoint=os.path.basename(endpoint.service.endpoint),
                resource_name=endpoint.name,
                options=OPTIONS,
            )
            try:
                call(request, timeout=REGISTER_TIMEOUT)
            except grpc.RpcError as error:
                _failed(endpoint, path, kubelet, error, now)
                if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    return  # the others would wait as long
            else:
                endpoint.registered_with = kubelet
                log.info("%s: registered with the kubelet", endpoint.name)


def _failed(endpoint: PoolEndpoint, path: str, kubelet: Identity, error: grpc.RpcError, now: float) -> None:
    endpoint.registered_with = None
    if error.code() == grpc.StatusCode.UNAVAILABLE:  # a stale socket, or a kubelet that is still starting
        if endpoint.unanswered != kubelet:
            endpoint.unanswered = kubelet
            log.info("%s: no kubelet answers on %s yet", endpoint.name, path)
        return
    endpoint.retry_at = now + RETRY_AFTER
    log.error(
        "%s: the kubelet did not register it: %s: %s; next try in %g s",
        endpoint.name, error.code().name, str(error.details())[:500], RETRY_AFTER,
    )  # fmt: skip

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping the pools known to the kubelet, across its restarts, in both of its ways.

With a plugins_registry folder the kubelet's plugin watcher finds our sockets and asks them. Without it we
call Register on kubelet.sock in device-plugins, and again whenever that socket is a new one; a kubelet that
starts wipes the folder, our sockets included. All is found by looking twice a second: cheap, and nothing is
missed.
"""

from __future__ import annotations

import logging
import os
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
        return self._socket is not None and os.path.dirname(self.service.endpoint).endswith(LEGACY_DIR)

    def tend(self, now: float) -> None:
        """Listen where we should and do not: at first, after a wipe, after the watcher's refusal."""
        if now < self.retry_at:
            return
        if self._socket is not None:
            refused, lost = self.service.refused.is_set(), self._lost_too_long(now)
            if identity(self.service.endpoint) == self._socket and not refused and not lost:
                return
            reason = "refused" if refused else "the kubelet did not come back" if lost else "the socket is gone"
            log.info("%s: %s; listening again", self.name, reason)
            self.close()
            if refused:
                self.retry_at = now + RETRY_AFTER
                return
        folder = registration_dir(self.kubelet_dir)
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


def registration_dir(kubelet_dir: str) -> str | None:
    """The folder for our sockets; None while the kubelet has made none (it never ran here)."""
    for name in (WATCHER_DIR, LEGACY_DIR):
        path = os.path.join(kubelet_dir, name)
        if os.path.isdir(path):
            return path
    return None


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

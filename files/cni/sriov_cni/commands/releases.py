# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that IPAM plugins did not take back: the pod goes, and they are asked again later.

One file for each container and interface, `CONTAINER@IFNAME`, with the configuration and the environment that the
plugin got; the time of the next try is the file's own. It is there before DEL takes the VF back, and goes once the
plugin has done its part. A file without a configuration only says that a DEL is still to come, whose VF another
command took back.
"""

from __future__ import annotations

import os
import time

from shared.pci import list_dir

from ..host.host import NodeHost, read_file
from ..spec.config import canonical
from ..spec.delegate import ipam_type
from ..spec.errors import CniError
from ..spec.json_text import Json, dumps, loads
from ..vf.journal import Lock, Store
from . import TRACE, Request

_FORMAT = 1
_KEPT = 1024  # files; a runtime makes a new container for each try to start a pod
_TRIES = 48
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 3600  # seconds; each is twice the one before
_NEVER = (1 << 31) - 1  # seconds of Unix time, the last that every file system has: given up
_EXPECTED_SECONDS = 7 * 86400  # for a DEL to come
_ASIDE, _ASIDE_SECONDS = ".new-", 600.0
_READ_LIMIT = 8 << 20  # bytes; a configuration has 1 MiB, and JSON may escape each of them
_TURNS = 5
_VARIABLES = ("CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS", "CNI_ARGS", "CNI_PATH", "PATH", *TRACE)


class HeldAddress:
    """One file's content."""

    def __init__(self, environment: dict[str, str], conf: str, tries: int = 0, error: str = "") -> None:
        self.environment, self.conf, self.tries, self.error = environment, conf, tries, error

    @property
    def owner(self) -> tuple[str, str]:
        return self.environment["CNI_CONTAINERID"], self.environment["CNI_IFNAME"]

    @property
    def request(self) -> Request:
        """The DEL that is to come. Raises ValueError where its configuration is none."""
        conf = loads(self.conf.encode())
        if not isinstance(conf, dict):
            raise ValueError("its configuration is no JSON object")
        return Request({**self.environment, "CNI_COMMAND": "DEL"}, self.conf.encode(), canonical(conf))

    def pause(self) -> float:
        """Seconds until the next try."""
        return float(min(_FIRST_PAUSE * 2 ** min(max(self.tries - 1, 0), 16), _LONGEST_PAUSE))


def known(host: NodeHost, container: str, ifname: str) -> bool:
    """True where the owner may hold an address though there is no journal of it."""
    return os.access(_path(host, container, ifname), os.F_OK)


def note(host: NodeHost, request: Request, error: CniError | None = None) -> bool:
    """Keep it that the request's address is to be released; `error` is why it was not. False where that failed, which
    is logged: a DEL does not fail for it.
    """
    before = _read(_path(host, request.container, request.ifname))
    if before is not None and before.conf and error is None:
        return True
    environment = {name: request.environment[name] for name in _VARIABLES if name in request.environment}
    tries = (before.tries if before is not None else 0) + (1 if error is not None else 0)
    held = HeldAddress(environment, request.raw.decode(), tries, str(error or ""))
    return _write(host, held, time.time() + held.pause(), error is not None)


def expect(host: NodeHost, container: str, ifname: str) -> None:
    """Keep it that the owner's DEL is to come, though its VF is taken back now."""
    if not known(host, container, ifname):
        environment = {"CNI_CONTAINERID": container, "CNI_IFNAME": ifname}
        _write(host, HeldAddress(environment, ""), time.time() + _EXPECTED_SECONDS, False)


def settle(host: NodeHost, container: str, ifname: str) -> None:
    """Forget the owner's address: it is released, or a DEL is sure to come for it."""
    try:
        os.unlink(_path(host, container, ifname))
        os.rmdir(_folder(host))
    except OSError:
        return  # it was not there, or is not the only one


def before_add(host: NodeHost, request: Request) -> bool:
    """Release what an earlier ADD of the same owner left, which keeps some plugins from giving it another, and see that
    nobody releases the new one. True where the old one is still held. Call it with the journal begun.
    """
    if not known(host, request.container, request.ifname):
        return False
    with _lock(host, host.lock_seconds):
        held = _read(_path(host, request.container, request.ifname))
        failure = _release(host, held) if held is not None else ""
        settle(host, request.container, request.ifname)
    return bool(failure)


def pending(host: NodeHost, forced: bool = False) -> list[tuple[str, str]]:
    """Container and interface of what is to be tried now, or, where `forced`, of all."""
    found, now = [], time.time()
    for name in list_dir(_folder(host)):
        container, at, ifname = name.partition("@")
        file = f"{_folder(host)}/{name}"
        try:
            status = os.stat(file)
            if name.startswith(_ASIDE):
                if now - status.st_ctime > _ASIDE_SECONDS:  # of a process that was killed
                    os.unlink(file)
            elif at and (forced or status.st_mtime <= now):
                found.append((container, ifname))
        except OSError:
            continue  # it was released meanwhile
    return found


def sweep(host: NodeHost, most: int, forced: bool = False) -> list[tuple[tuple[str, str], str]]:
    """Try up to `most` that are pending, or, where `forced`, all. Returns owners, with why it is not released, "" where
    it is. Raises nothing: another process may be at it, and the next call comes.
    """
    told: list[tuple[tuple[str, str], str]] = []
    for owner in pending(host, forced)[:most]:
        try:
            with _lock(host, host.lock_seconds if forced else 0.0):
                failure = _try(host, owner)
        except CniError as error:
            if not forced:
                return told
            failure = str(error)
        if failure is not None:
            told.append((owner, failure))
    return told


def entries(host: NodeHost) -> list[Json]:
    """What is held, by whom, and when it is tried again, for `sriov attachments`."""
    found = []
    for container, ifname in sorted(pending(host, forced=True)):
        path = _path(host, container, ifname)
        held = _read(path)
        if held is None or not held.conf:
            continue
        conf = held.request.conf
        found.append({
            "vf": "", "container": container, "interface": ifname, "network": conf.get("name", ""),
            "netns": held.environment.get("CNI_NETNS", ""), "in_use": False, "made_by": "baremetal.sriov",
            "address_held_by": ipam_type(conf), "tries": held.tries, "error": held.error, "next_try": _time_of(path),
        })  # fmt: skip
    return found


def _try(host: NodeHost, owner: tuple[str, str]) -> str | None:
    """Why it is not released, "" where it is; None where nothing was tried."""
    path = _path(host, *owner)
    held = _read(path)
    if held is None:
        _defer(path)
        return None
    if not held.conf:  # its DEL did not come
        if _time_of(path) <= _stamp(time.time()):
            settle(host, *owner)
        return None
    if owner in Store(host).owners():  # an ADD of the same owner: its address is in use, or about to be
        _defer(path)
        return None
    failure = _release(host, held)
    if not failure:
        settle(host, *owner)
        return ""
    held.tries, held.error = held.tries + 1, failure
    _write(host, held, time.time() + held.pause() if held.tries < _TRIES else _NEVER, True)
    return failure


def _defer(path: str) -> None:
    """Leave it for now, and let others have their turn."""
    try:
        os.utime(path, (time.time() + _LONGEST_PAUSE,) * 2)
    except OSError:
        return  # it is gone


def _release(host: NodeHost, held: HeldAddress) -> str:
    """Have the IPAM plugin do its DEL. Returns why it did not, "" where it did, or there is nothing to do."""
    try:
        ipam = held.request.ipam(host) if held.conf else None
        if ipam is not None:
            ipam.call("DEL")
            host.log.info(f"the address of container {held.owner[0]} interface {held.owner[1]} is released")
    except (CniError, OSError, ValueError) as error:
        host.log.warning(f"the address of container {held.owner[0]} interface {held.owner[1]} is not released: {error}")
        return str(error)
    return ""


def _lock(host: NodeHost, seconds: float) -> Lock:
    """One process at a time asks for addresses of before, and none while their owner gets a new one."""
    Store(host).prepare()
    return Lock(f"{host.state}/locks/releases.lock", "the list of addresses to release", seconds)


def _folder(host: NodeHost) -> str:
    return f"{host.state}/releases"


def _path(host: NodeHost, container: str, ifname: str) -> str:
    return f"{_folder(host)}/{container}@{ifname}"


def _stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _time_of(path: str) -> str:
    """When it is tried again; "" for never."""
    try:
        at = os.stat(path).st_mtime
    except OSError:
        return ""
    return _stamp(at) if at < _NEVER else ""


def _read(path: str) -> HeldAddress | None:
    """None for what is gone, or cannot be used."""
    try:
        raw = loads(read_file(path, _READ_LIMIT))
        if not isinstance(raw, dict) or raw.get("format") != _FORMAT:
            return None
        environment, conf, tries, error = (raw.get(key) for key in ("environment", "conf", "tries", "error"))
        if not isinstance(environment, dict) or not {"CNI_CONTAINERID", "CNI_IFNAME"} <= environment.keys():
            return None
        if not all(isinstance(value, str) for value in (*environment.values(), conf, error)):
            return None
        if conf:
            loads(str(conf).encode())
    except (OSError, ValueError):
        return None
    return HeldAddress(environment, str(conf), tries if isinstance(tries, int) else 0, str(error))


def _create(folder: str, path: str) -> int:
    """An empty file in the folder, which others remove when theirs was the last one in it. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    for _turn in range(_TURNS):
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(folder, 0o700, exist_ok=True)
    return os.open(path, flags, 0o600)


def _write(host: NodeHost, held: HeldAddress, at: float, sync: bool) -> bool:
    """Put the file there. A process that is killed leaves it; `sync` has it outlast a power loss as well."""
    path, folder = _path(host, *held.owner), _folder(host)
    aside = f"{folder}/{_ASIDE}{os.getpid()}"
    data = dumps({"format": _FORMAT, **vars(held)}).encode()
    try:
        if len(list_dir(_folder(host))) >= _KEPT and not known(host, *held.owner):
            raise OSError(0, f"{_KEPT} others are waiting")
        fd = _create(folder, aside)
        try:
            if os.write(fd, data) != len(data):
                raise OSError(0, "the disk is full")
            os.utime(fd, (at, at))
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(aside, path)
    except OSError as error:
        what = f"that the address of container {held.owner[0]} interface {held.owner[1]} is to be released"
        host.log.error(f"{path} cannot be written ({error.strerror}), so it is not kept {what}")
        return False
    return True

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels for a node's Python, fetched and unpacked on the controller.

Runs under the controller's Python and is not shipped to nodes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..host.host import Host
from ..model.errors import CommandError, HostError

FORMAT = 1
_TOLD = "wheels.json"  # in a folder of the cache, what it is for
DOWNLOAD_SECONDS = 900.0
MISSING_SECONDS = 86400.0  # for so long wheels that were not to be had are not asked for again
NO_INDEX = "Check the controller's way to its package index, or give a folder of wheels."
# PEP 600: a manylinux_2_N wheel runs on every glibc from 2.N on. 2.5 is the oldest that the tags know.
_OLDEST_GLIBC = 5
# PEP 656: the musl versions that wheels are built for.
_OLDEST_MUSL = 1
_LEGACY_MANYLINUX = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}


@dataclass(frozen=True)
class WheelsRequest:
    """What is wanted. folder: wheels to take instead of downloading."""

    requirements: str
    version: str
    machine: str
    libc: str
    folder: str | None = None


@dataclass(frozen=True)
class Unpacked:
    """Where the unpacked wheels lie, and their file names."""

    path: str
    wheels: tuple[str, ...]


@dataclass(frozen=True)
class Next:
    """The wheels for a Python that the node may have next; unpacked: None where they are not to be had, by `reason`."""

    abi: str
    unpacked: Unpacked | None
    reason: str = ""


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def abi(version: str) -> str:
    """The folder's name on the node, such as "cp311": what an interpreter finds its own by."""
    return "cp{}{}".format(*_minor(version))


def following(version: str, count: int) -> list[str]:
    """The next versions of Python: an upgrade of the distribution brings one of them."""
    major, minor = _minor(version)
    return [f"{major}.{minor + number}" for number in range(1, count + 1)]


def platforms(machine: str, libc: str) -> list[str]:
    """Platform tags that a node accepts, newest first (PEP 600, PEP 656).

    Raises HostError for a C library that no wheel tag is known for.
    """
    match = re.fullmatch(r"(glibc|musl)\s+(\d+)\.(\d+).*", libc.strip())
    if match is None:
        raise HostError(
            "the node's C library",
            "glibc or musl with its version",
            repr(libc),
            "Give a folder of wheels that fit, and report this libc.",
        )
    name, major, minor = match.group(1), int(match.group(2)), int(match.group(3))
    tags = []
    if name == "musl":
        return [f"musllinux_{major}_{number}_{machine}" for number in range(minor, _OLDEST_MUSL - 1, -1)]
    for number in range(minor, _OLDEST_GLIBC - 1, -1):
        tags.append(f"manylinux_{major}_{number}_{machine}")
        if number in _LEGACY_MANYLINUX:
            tags.append(f"{_LEGACY_MANYLINUX[number]}_{machine}")
    return tags


def download_command(python: str, request: WheelsRequest, destination: str, retries: str = "5") -> list[str]:
    """The pip call that fetches wheels for the node and nothing that would have to be built."""
    version = ".".join(request.version.split(".")[:2])
    command = [
        python,
        "-m",
        "pip",
        "download",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
        "--retries",
        retries,
        "--only-binary",
        ":all:",
        "--implementation",
        "cp",
        "--python-version",
        version,
        "--requirement",
        request.requirements,
        "--dest",
        destination,
    ]
    command += [word for tag in platforms(request.machine, request.libc) for word in ("--platform", tag)]
    if request.folder is not None:
        command += ["--no-index", "--find-links", request.folder]
    return command


def prepare(request: WheelsRequest, cache: str, python: str) -> Unpacked:
    """The folder of unpacked wheels, from the cache or made now; complete or not there, also when killed.

    Raises HostError where the requirements can't be read, the cache can't be written, or no wheel fits.
    """
    return _prepared(request, cache, lambda home: _make(request, home, python), partial(_used, request))


def ready(request: WheelsRequest, count: int, cache: str) -> list[str]:
    """Which folders of these wheels, and of those for the next `count` Pythons, are there.

    Raises HostError, OSError.
    """
    versions = [request.version, *following(request.version, count)]
    keys = [_key(replace(request, version=version)) for version in versions]
    homes = [os.path.join(cache, "wheels", key) for key in keys]
    return [os.path.join(home, "site") for home in homes if os.path.exists(home)]


def prepare_following(request: WheelsRequest, count: int, cache: str, python: str) -> list[Next]:
    """The same for the next `count` Pythons, of which none has to be there yet. Raises HostError for the cache."""
    found = []
    for version in following(request.version, count):
        wanted = replace(request, version=version)
        try:
            unpacked = _prepared(wanted, cache, partial(_make_once, wanted, python), _names)
            found.append(Next(abi(version), unpacked))
        except _NotToBeHadError as error:
            found.append(Next(abi(version), None, str(error)))
    return found


class _NotToBeHadError(Exception):
    """There are no wheels for this Python, as far as is known."""


def _make_once(request: WheelsRequest, python: str, home: str) -> None:
    """Make it, unless that failed lately: a controller without a package index waits for it in each run otherwise.

    Raises _NotToBeHadError.
    """
    note = f"{home}.missing"
    if os.path.exists(note) and abs(time.time() - os.stat(note).st_mtime) < MISSING_SECONDS:
        with open(note, encoding="utf-8") as stream:
            raise _NotToBeHadError(stream.read())
    try:
        _make(request, home, python, retries="1")
    except HostError as error:
        with open(note, "w", encoding="utf-8") as stream:
            stream.write(str(error))
        raise _NotToBeHadError(str(error)) from error
    os.utime(os.path.join(home, _TOLD), (0, 0))  # no node has asked for it


def _prepared(
    request: WheelsRequest, cache: str, make: Callable[[str], None], read: Callable[[str], list[str]]
) -> Unpacked:
    try:
        home = os.path.join(cache, "wheels", _key(request))
        os.makedirs(os.path.dirname(home), mode=0o755, exist_ok=True)
        with open(f"{home}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(home):
                make(home)
        names = read(os.path.join(home, _TOLD))
    except OSError as error:
        raise HostError(
            str(error.filename or cache),
            "a readable requirements file and a writable cache folder",
            error.strerror or str(error),
            "Correct the path, or name another cache folder.",
        ) from error
    return Unpacked(os.path.join(home, "site"), tuple(names))


def _names(path: str) -> list[str]:
    """The wheels' names, of a folder that is there for later."""
    with open(path, encoding="utf-8") as stream:
        names: list[str] = json.load(stream)["wheels"]
    return names


def _used(request: WheelsRequest, path: str) -> list[str]:
    """The wheels' names; it is noted that they are used, and for which Python, which folders of 0.1.1 do not tell."""
    with open(path, encoding="utf-8") as stream:
        told = json.load(stream)
    with contextlib.suppress(PermissionError):  # of somebody else's cache
        if "python" in told:
            os.utime(path)
        else:
            _tell(path, told["wheels"], request)
    names: list[str] = told["wheels"]
    return names


def _tell(path: str, names: list[str], request: WheelsRequest) -> None:
    python = {"version": request.version, "machine": request.machine, "libc": request.libc}
    with open(f"{path}.new", "w", encoding="utf-8") as stream:
        json.dump({"format": FORMAT, "wheels": names, "python": python}, stream)
    os.replace(f"{path}.new", path)


def provided(request: WheelsRequest, count: int, cache: str, python: str) -> dict[str, Any]:
    """What the module sriov_wheels returns. count: of the next Pythons. Raises HostError as `prepare` does."""
    found = prepare(request, cache, python)
    others = prepare_following(request, count, cache, python)
    return {
        "abi": abi(request.version),
        "site": found.path,
        "wheels": list(found.wheels),
        "others": [
            {"abi": one.abi, "site": one.unpacked.path, "wheels": list(one.unpacked.wheels)}
            for one in others
            if one.unpacked
        ],
        "missing": [{"abi": one.abi, "reason": one.reason} for one in others if not one.unpacked],
    }


def last_used(requirements: str, cache: str, folder: str | None = None) -> WheelsRequest | None:
    """The request of these requirements whose folder is ready and was asked for last: most nodes of a fleet have the
    same Python. None where nothing is. Raises HostError for a folder of wheels that can't be read.
    """
    found: list[tuple[float, str]] = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(os.path.join(cache, "wheels")):
            with contextlib.suppress(OSError):
                found.append((os.stat(os.path.join(entry.path, _TOLD)).st_mtime, entry.path))
    for _when, home in sorted(found, reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            with open(os.path.join(home, _TOLD), encoding="utf-8") as stream:
                told = json.load(stream)
            request = WheelsRequest(requirements, folder=folder, **told["python"])
            if _key(request) == os.path.basename(home):
                return request
    return None


def _key(request: WheelsRequest) -> str:
    """The cache folder's name. Raises OSError, and HostError for a folder of wheels that can't be read."""
    with open(request.requirements, "rb") as stream:
        text = stream.read()
    version = ".".join(request.version.split(".")[:2])
    parts = [str(FORMAT), hashlib.sha256(text).hexdigest(), version, request.machine, request.libc]
    if request.folder is not None:
        try:
            parts += sorted(os.listdir(request.folder))
        except OSError as error:
            raise HostError(
                request.folder,
                "a readable folder of wheels on the controller",
                error.strerror or str(error),
                "Correct sriov_device_plugin_wheels (the module's option wheels), or leave it out to download them.",
            ) from error
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _make(request: WheelsRequest, home: str, python: str, retries: str = "5") -> None:
    work = tempfile.mkdtemp(prefix=".making-", dir=os.path.dirname(home))
    try:
        wheels = os.path.join(work, "wheels")
        os.mkdir(wheels)
        _download(download_command(python, request, wheels, retries), request)
        names = sorted(os.listdir(wheels))
        for name in names:
            with zipfile.ZipFile(os.path.join(wheels, name)) as archive:
                archive.extractall(os.path.join(work, "site"))
        shutil.rmtree(wheels)
        _tell(os.path.join(work, _TOLD), names, request)
        os.chmod(work, 0o755)
        os.rename(work, home)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(command: list[str], request: WheelsRequest) -> None:
    wanted = f"wheels for Python {request.version} on {request.machine} with {request.libc}"
    try:
        done = Host().run(command, seconds=DOWNLOAD_SECONDS, check=False, variables=os.environ)
    except CommandError as error:
        raise HostError("pip download", wanted, error.problem.found, NO_INDEX) from error
    if done.status != 0:
        lines = done.stderr.strip().splitlines()[-8:]
        raise HostError("pip download", wanted, " / ".join(lines) or f"exit status {done.status}", NO_INDEX)

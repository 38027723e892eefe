# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether another process sees the same host as this one, so that the work may be done here in its place.

Multus' thick daemon, and some kubelets, have a mount namespace of their own, and call plugins with the host's root
folder as theirs: then it counts that every path that the call uses leads to the very same file.
"""

from __future__ import annotations

import os
from struct import pack

from ..host.libc import Memory, function

# A process in another one of these would have other interfaces or rights than we.
_NAMESPACES = ("net", "user")
_OPENAT2, _RESOLVE_IN_ROOT, _O_PATH = 437, 0x10, 0o10000000  # linux/openat2.h, since 5.6
_HOW = "=QQQ"
_PATHS_LIMIT = 64  # of CNI_PATH
# What the plugin reads and writes, and what it starts IPAM plugins for.
_FOLDERS = ("/sys/bus/pci/devices", "/var/lib/cni", "/var/log", "/etc", "/run", "/usr/lib", "/dev")


def place_of(proc: str) -> list[tuple[int, int]]:
    """What tells where a process is: namespaces and root folder."""
    names = ["ns/mnt", *[f"ns/{kind}" for kind in _NAMESPACES], "root"]
    return [_identity(os.stat(f"{proc}/{name}")) for name in names]


def sees(proc: str, environment: dict[str, str]) -> bool:
    """True where a process in another mount namespace sees for its call, with this environment, what we see. Raises
    OSError where it is gone.
    """
    if place_of(proc)[1:] != place_of("/proc/self")[1:]:  # all but the mount namespace
        return False
    folders = environment.get("CNI_PATH", "").split(":")
    paths = [path for path in (*folders, environment.get("CNI_NETNS", "")) if path]
    if len(paths) > _PATHS_LIMIT or not all(path.startswith("/") for path in paths):
        return False
    if folder_of(proc, environment) is None:
        return False
    with _Root(f"{proc}/root") as root:
        return all(root.identity(path) == _own(path) for path in (*paths, *_FOLDERS))


def folder_of(proc: str, environment: dict[str, str]) -> str | None:
    """A path of ours to the folder that the process is in; None where none is known."""
    theirs = _identity(os.stat(f"{proc}/cwd"))
    candidates = "/", environment.get("PWD", ""), os.readlink(f"{proc}/cwd")
    return next((path for path in candidates if path.startswith("/") and _own(path) == theirs), None)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _own(path: str) -> tuple[int, int] | None:
    """None for what is not there."""
    try:
        return _identity(os.stat(path))
    except (OSError, ValueError):
        return None


class _Root:
    """Another process' root folder: paths, and links on the way, are followed as it would."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._syscall = function("syscall")

    def __enter__(self) -> _Root:
        self._at = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._at)

    def identity(self, path: str) -> tuple[int, int] | None:
        """None for what is not there. A namespace of a process is a link that the kernel follows by itself."""
        if path.startswith("/proc/"):
            return _own(f"{self._path}{path}")
        how, name = Memory(pack(_HOW, os.O_CLOEXEC | _O_PATH, 0, _RESOLVE_IN_ROOT)), Memory(os.fsencode(path) + b"\0")
        try:
            fd = self._syscall(_OPENAT2, self._at, name.address, how.address, len(bytes(how)))
        except OSError:
            return None
        try:
            return _identity(os.fstat(fd))
        finally:
            os.close(fd)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of CNI plugins as Multus' thick daemon makes them: in its cgroup, which has a tenth of a CPU, in a mount
namespace of its own, with the host's root folder, which it has at another place, as theirs.

# source: Multus 4.3.0, pkg/server/exec_chroot.go, and deployments/multus-daemonset-thick.yml: limits.cpu 100m, the
# host's / at /hostroot.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from cni_pairs import Call, environment_of

PERIOD, QUOTA = 100000, 10000  # microseconds: what a kubelet writes for 100m
_GROUPS = Path("/sys/fs/cgroup")
_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_SLAVE = 0x20000, 0x1000, 0x4000, 0x80000  # linux/sched.h, linux/mount.h
_libc = ctypes.CDLL(None, use_errno=True)


class Daemon:
    """A context manager; `start` is a Starter of cni_pairs. Raises RuntimeError where no cgroup limits a CPU."""

    def __enter__(self) -> Daemon:
        self._root = Path(tempfile.mkdtemp(prefix="bench-hostroot-"))
        self._group = self._make_group()
        return self

    def __exit__(self, *_error: object) -> None:
        self._root.rmdir()
        for _turn in range(100):  # the last process leaves it a moment after its end
            with suppress(OSError):
                self._group.rmdir()
                return
            time.sleep(0.01)

    def _make_group(self) -> Path:
        name = f"bench-cni-{os.getpid()}"
        if (_GROUPS / "cpu").is_dir():
            group, limits = _GROUPS / "cpu" / name, {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": QUOTA}
        else:
            group, limits = _GROUPS / name, {"cpu.max": f"{QUOTA} {PERIOD}"}
        try:
            group.mkdir()
            for file, value in limits.items():
                (group / file).write_text(str(value))
        except OSError as error:
            raise RuntimeError(f"{group}: expected a cgroup that limits a CPU, found none: {error}") from None
        return group

    def start(self, call: Call, command: str, container: str, stdin: int, stdout: int) -> tuple[int, float]:
        """Start one plugin as the daemon does, once its process is where it has to be; its id, and when that was."""
        ready, tell = os.pipe()
        wait, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                for fd, number in ((stdin, 0), (stdout, 1), (stdout, 2)):
                    os.dup2(fd, number)
                self._enter()
                os.write(tell, b"r")
                os.read(wait, 1)
                os.execve(call["program"], [call["program"]], environment_of(command, container))
            finally:
                os._exit(127)
        os.read(ready, 1)
        at = time.perf_counter()
        os.write(go, b"g")
        for fd in (ready, tell, wait, go):
            os.close(fd)
        return pid, at

    def _enter(self) -> None:
        _call("unshare", _CLONE_NEWNS)
        _mount(None, "/", _MS_REC | _MS_SLAVE)
        _mount("/", str(self._root), _MS_REC | _MS_BIND)
        os.chroot(self._root)
        os.chdir("/")
        Path(self._group, "cgroup.procs").write_text(str(os.getpid()))


def _mount(source: str | None, target: str, flags: int) -> None:
    _call("mount", source.encode() if source else None, target.encode(), None, ctypes.c_ulong(flags), None)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")

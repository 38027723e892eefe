# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the node: the CNI plugin is killed before a system call that writes; then DEL, and all is as it was.

Usage: cni_calls.py NAMESPACE SAMPLE, the configuration on stdin. ADD, and then DEL, is traced to its end to count such
calls; SAMPLE of them, evenly spread, are where the next runs die. It is the installed package that is traced, not what
the runtime calls, which may hand its work to another process. Prints JSON: per command the number of calls, and whether
each run was killed. Ends with status 1 where something is not as it was.

ptrace(2) by the C library, since a node has no strace; Linux 5.3 or newer, x86_64.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import tempfile
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cni_cycles import Wrong, by_ip, code, left_over

# linux/ptrace.h
TRACEME, CONT_TO_SYSCALL, SETOPTIONS, GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
OPTIONS = 0x1 | 0x8 | 0x100000  # mark stops at system calls, follow threads, kill what is traced with us
ENTRY = 1
ALL_THREADS = 0x40000000  # __WALL of waitpid(2)
# write sendto sendmsg clone vfork fsync flock rename mkdir unlink setns memfd_create clone3 (asm/unistd_64.h)
WRITING = frozenset([1, 44, 46, 56, 58, 74, 73, 82, 83, 87, 308, 319, 435])
PLUGIN = ["/usr/bin/python3", "-BIS", "-c", f"import sys\nsys.path.insert(0, '{code()}')\n"
          "from sriov_cni.main import main\nsys.exit(main())"]  # fmt: skip


class SyscallInfo(ctypes.Structure):
    """The beginning of struct ptrace_syscall_info, as it is for the entry into a call."""

    _fields_ = [("op", ctypes.c_uint8), ("arch", ctypes.c_uint32), ("ip", ctypes.c_uint64), ("sp", ctypes.c_uint64),
                ("number", ctypes.c_uint64)]  # fmt: skip


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def ptrace(request: int, pid: int, address: int = 0, data: Any = 0) -> None:
    """Raises OSError, but not for a process that has just been killed."""
    if _libc.ptrace(request, pid, address, data) < 0 and ctypes.get_errno() != 3:
        raise OSError(ctypes.get_errno(), f"ptrace request {request:#x}")


class Traced:
    """One call of the plugin; it dies before its writing call number `kill_at`, counted over all its threads."""

    def __init__(self, command: str, netns: str, config: bytes, kill_at: int = 0) -> None:
        self.calls = 0
        self._kill_at = kill_at
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as output:
            stdin.write(config)
            stdin.seek(0)
            self._pid = self._start(command, netns, stdin.fileno(), output.fileno())
            self.status = os.waitstatus_to_exitcode(self._follow())
            output.seek(0)
            self.told = output.read().decode()

    @property
    def killed(self) -> bool:
        """False where it came to its end."""
        return self.status == -signal.SIGKILL

    def _start(self, command: str, netns: str, stdin: int, output: int) -> int:
        environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": netns, "CNI_IFNAME": "net1",
                       "CNI_NETNS": f"/run/netns/{netns}", "CNI_PATH": "/opt/cni/bin",
                       "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}  # fmt: skip
        pid = os.fork()
        if pid:
            return pid
        try:
            os.dup2(stdin, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            ptrace(TRACEME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.execve(PLUGIN[0], PLUGIN, environment)
        finally:
            os._exit(127)

    def _follow(self) -> int:
        """Its wait status."""
        os.waitpid(self._pid, 0)
        ptrace(SETOPTIONS, self._pid, 0, OPTIONS)
        ptrace(CONT_TO_SYSCALL, self._pid)
        while True:
            thread, status = os.waitpid(-1, ALL_THREADS)
            if not os.WIFSTOPPED(status):
                if thread == self._pid:
                    return status
                continue
            number = os.WSTOPSIG(status)
            if number == signal.SIGTRAP | 0x80:
                self._at_call(thread)
            # Stops of the tracing itself are not told to the plugin; other signals are.
            told = 0 if number in (signal.SIGTRAP, signal.SIGTRAP | 0x80, signal.SIGSTOP) else number
            ptrace(CONT_TO_SYSCALL, thread, 0, told)

    def _at_call(self, thread: int) -> None:
        info = SyscallInfo()
        ptrace(GET_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.byref(info))
        if info.op == ENTRY and info.number in WRITING:
            self.calls += 1
            if self.calls == self._kill_at:
                os.kill(self._pid, signal.SIGKILL)


def call(command: str, netns: str, config: bytes) -> int:
    """One call to its end; the number of its writing calls. Raises Wrong."""
    traced = Traced(command, netns, config)
    if traced.status:
        raise Wrong(f"{command}: {traced.told}")
    return traced.calls


def sample(netns: str, config: bytes, size: int) -> dict[str, Any]:
    """All runs. Raises Wrong."""
    before = by_ip()
    calls = {command: call(command, netns, config) for command in ("ADD", "DEL")}
    found: dict[str, Any] = {}
    for command, count in calls.items():
        killed = []
        for turn in range(size):
            kill_at = 1 + turn * (count - 1) // max(1, size - 1)
            if command == "DEL":
                call("ADD", netns, config)
            killed.append(Traced(command, netns, config, kill_at).killed)
            call("DEL", netns, config)
            if by_ip() != before or left_over([]):
                raise Wrong(f"{command} killed at call {kill_at} of {count}: was {before}, is {by_ip()}; left over: "
                            f"{left_over([])}")  # fmt: skip
        found[command] = {"calls": count, "killed": killed}
    return found


if __name__ == "__main__":
    print(json.dumps(sample(sys.argv[1], sys.stdin.buffer.read(), int(sys.argv[2]))))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warm way in, for tests: the service of a program, and a client that counts what is not handed over."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import cni_native

CALL = {"CNI_CONTAINERID": "c", "CNI_NETNS": "/nowhere", "CNI_IFNAME": "net1", "CNI_PATH": "/nowhere"}
ADD = {"CNI_COMMAND": "ADD", **CALL}
CONF = {"cniVersion": "1.0.0", "name": "n", "type": "sriov", "deviceID": "0000:ff:1f.7"}
_TIME = re.compile(rb"time=\S+ ")


def opened(pid: int) -> list[str]:
    """The names of the files that a process has open; what goes meanwhile is left out."""
    found = []
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    except OSError:
        return found
    return found


class Warm(cni_native.Service):
    """The service, and a client that leaves a line in `direct` for each call that it runs the program itself."""

    def __init__(self, launcher: Path, base: Path, shell: str) -> None:
        super().__init__(launcher, base, shell)
        self.handoff = self.program.with_suffix("")
        self.launcher = launcher
        self._direct = self.handoff.with_suffix(".direct")
        counting = self.handoff.with_suffix(".program")
        counting.write_text(f'#!/bin/sh\necho direct >> {self._direct}\nexec {launcher} "$@"\n')
        counting.chmod(0o755)
        text = self.program.read_text()
        assert f"sriov_program={launcher}\n" in text
        self.program.write_text(text.replace(f"sriov_program={launcher}\n", f"sriov_program={counting}\n"))

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)  # a test that failed may have left it standing
        super().__exit__(*error)

    @property
    def direct(self) -> int:
        """How many calls were not handed over."""
        return len(self._direct.read_text().split()) if self._direct.exists() else 0

    def busy(self) -> list[int]:
        """The workers that have taken a call: they hold the sign of life of its client."""
        sign = f"{self.handoff}/life"
        return [pid for pid in self.workers() if any(name.startswith(sign) for name in opened(pid))]

    def start(self, environment=None, **streams) -> subprocess.Popen:
        streams = {name: streams.get(name, subprocess.PIPE) for name in ("stdin", "stdout", "stderr")}
        return subprocess.Popen([self.program], env=environment or ADD, **streams)

    def started_and_taken(self) -> tuple[subprocess.Popen, int]:
        """A client whose worker waits for the configuration on stdin, and that worker."""
        client = self.start()
        eventually(self.busy)
        return client, self.busy()[0]


def eventually(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{condition} is still false after {seconds} s"
        time.sleep(0.01)


def outcome(done: subprocess.Popen, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    out, err = done.communicate(stdin, timeout=60)
    return done.returncode, out, _TIME.sub(b"", err or b"")


def stop_all(warm) -> list[int]:
    """Nobody takes a request any more. The service first: it may be about to make a worker."""
    stop(warm.pid)
    workers = warm.workers()
    for pid in workers:
        stop(pid)
    return [warm.pid, *workers]


def stop(pid: int) -> None:
    """Returns once it stands still: the signal alone may be on its way yet."""
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: stands_still(pid))


def stands_still(pid: int) -> bool:
    """proc(5): the state is behind the name in brackets; a worker may end by itself before it stops."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "TZ"
    except FileNotFoundError:
        return True


def claimed_and_asked(warm) -> bool:
    """A client's request waits: it is in the FIFO, and not only about to be written."""
    fd = os.open(warm.handoff / "request", os.O_RDONLY | os.O_NONBLOCK)
    try:
        waiting = int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)
    finally:
        os.close(fd)
    return waiting > 0 and any(file.read_text().strip() for file in warm.handoff.glob("claim*"))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warm way in, for tests: the service of a program, and a client that counts what is not handed over."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import cni_native

from support import cni_code
from support.processes import ENDED, eventually, state_of

ADD = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c", "CNI_NETNS": "/nowhere", "CNI_IFNAME": "net1",
       "CNI_PATH": "/nowhere"}  # fmt: skip
CONF = {"cniVersion": "1.0.0", "name": "n", "type": "sriov", "deviceID": "0000:ff:1f.7"}


class Warm(cni_native.Service):
    """The service, and a client that leaves a line in a file for each call that it runs the program itself."""

    def __init__(self, launcher: Path, shell: str = "/bin/sh") -> None:
        super().__init__(launcher, shell)
        self._direct = self.handoff.with_suffix(".direct")
        itself, text = 'exec "$sriov_program"', self.program.read_text()
        self.program.write_text(text.replace(itself, f"echo direct >> {self._direct}\n{itself}"))

    def __exit__(self, *error: object) -> None:
        self.process.send_signal(signal.SIGCONT)  # a test that failed may have left it standing
        super().__exit__(*error)

    @property
    def direct(self) -> int:
        """How many calls were not handed over."""
        return len(self._direct.read_text().split()) if self._direct.exists() else 0

    def busy(self) -> list[int]:
        """The workers that have taken a call: they hold the sign of life of its client."""
        life = f"{self.handoff}/life"
        return [pid for pid in self.workers() if any(name.startswith(life) for name in open_files(pid))]

    def start(self, environment=None, stdin=PIPE, stdout=PIPE, stderr=PIPE) -> Popen:
        return Popen([self.program], env=environment or ADD, stdin=stdin, stdout=stdout, stderr=stderr,
                     close_fds=False)  # fmt: skip

    def started_and_taken(self) -> tuple[Popen, int]:
        """A client whose worker waits for the configuration on stdin, and that worker."""
        client = self.start()
        eventually(self.busy)
        return client, self.busy()[0]

    def stop_all(self) -> list[int]:
        """Nobody takes a request any more. The service first: it may be about to make a worker."""
        stop(self.pid)
        workers = self.workers()
        for pid in workers:
            stop(pid)
        return [self.pid, *workers]

    def claimed_and_asked(self) -> bool:
        """A client's request waits: it is in the FIFO, and not only about to be written."""
        with open(self.handoff / "request", "r+b", buffering=0) as requests:
            claims = [file.read_text().strip() for file in self.handoff.glob("claim*")]
            return any(claims) and bool(select.select([requests], [], [], 0)[0])


def open_files(pid: int) -> Iterator[str]:
    """Where the open files of a process lead; none where it has ended."""
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):  # closed since
                yield os.readlink(f"/proc/{pid}/fd/{number}")


def launcher_with(program: Path, folder: Path, lines: str) -> Path:
    """The installed launcher of a copy in `folder`, which does these lines before it starts."""
    shutil.copytree(program.parent / "lib", folder / "lib")
    text = program.read_text().replace(str(program.parent), str(folder))
    return cni_code.put(folder / "sriov", text.replace("from sriov_cni.main", f"{lines}from sriov_cni.main"))


def outcome(done: Popen, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    out, err = done.communicate(stdin, timeout=60)
    return done.returncode, out, re.sub(rb"time=\S+ ", b"", err or b"")


def stop(pid: int) -> None:
    """Returns once it stands still: the signal alone may be on its way yet. A worker may end by itself before."""
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: state_of(pid) in ("T", *ENDED))

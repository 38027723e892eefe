# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder where client.sh and the service meet: what a shell can use without starting a process.

`version` links to the service's open folder of modules, by which a client sees that it lives and is of its version.
`request` is a FIFO that all clients write to: one record of RECORD bytes each, slot and process id, in one write.
A client has one of SLOTS slots N: `claimN` holds its process id and is made by no second one while it is there;
`replyN` is a FIFO on which it gets two lines, "t" and the exit code with the document for stdout (a long one is there
already), or "n" if it has to do the work itself; `lifeN` is a FIFO that it holds open as long as it lives. The service
makes replyN anew for each call, so that nobody ever reads what was meant for
another.
"""

from __future__ import annotations

import fcntl
import os
import time
from _collections_abc import Iterable
from _stat import S_ISFIFO

SLOTS = 64
RECORD = 32  # bytes; far below PIPE_BUF, so that records never mix (pipe(7))
_FIONREAD = 0x541B  # asm-generic/ioctls.h
_STALE_SECONDS = 60.0  # a claim that old, by a process that is dead, was never followed by a request


class Handoff:
    """The service's side. `folder` is there, and for root alone. Raises OSError."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in sorted(os.listdir(self._at), key=lambda name: name != "version"):  # nobody comes in any more
            if name != "stage":
                os.unlink(name, dir_fd=self._at)
        self.stage = f"{folder}/stage"  # of warm_up.py
        self._make_fifo("request")
        self.request = self._open("request", os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self.request, True)
        self._asking = self._open("request", os.O_WRONLY)  # held, or readers would see an end
        self._replies = [-1] * SLOTS
        for slot in range(SLOTS):
            self._make_fifo(f"life{slot}")
            self.renew(slot)

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self._at)

    def _make_fifo(self, name: str) -> None:
        """In the place of whatever has the name: a shell makes a file of what it opens and does not find."""
        os.mkfifo("new", 0o600, dir_fd=self._at)
        os.rename("new", name, src_dir_fd=self._at, dst_dir_fd=self._at)

    def open_to(self, code: int) -> None:
        """Let clients in, whose program's modules are in the folder that this process has open as `code`."""
        os.symlink(f"/proc/{os.getpid()}/fd/{code}", "new", dir_fd=self._at)
        os.rename("new", "version", src_dir_fd=self._at, dst_dir_fd=self._at)

    def close_door(self) -> None:
        """Let no client in any more; those that are in are served."""
        try:
            os.unlink("version", dir_fd=self._at)
        except FileNotFoundError:
            return  # never opened, or systemd has removed the folder

    def renew(self, slot: int) -> None:
        """Give the slot to whoever comes next; who has it reads to the end of what is there."""
        self._make_fifo(f"reply{slot}")
        reader = self._open(f"reply{slot}", os.O_RDONLY | os.O_NONBLOCK)
        writer = self._open(f"reply{slot}", os.O_WRONLY | os.O_NONBLOCK)
        os.close(reader)
        self.hang_up(slot)
        self._replies[slot] = writer
        try:
            os.unlink(f"claim{slot}", dir_fd=self._at)
        except FileNotFoundError:
            return  # a new folder

    def hang_up(self, slot: int) -> None:
        """Let go of the slot's reply: without a worker that has it, the client sees its end."""
        if self._replies[slot] >= 0:
            os.close(self._replies[slot])
        self._replies[slot] = -1

    def sweep(self, served: Iterable[int]) -> None:
        """Renew the slots of clients that died before they asked, leaving those that are `served`."""
        for slot in set(range(SLOTS)) - set(served):
            try:
                age = time.time() - os.stat(f"claim{slot}", dir_fd=self._at).st_mtime
            except FileNotFoundError:
                continue
            pid = self.claimer(slot)
            if age > _STALE_SECONDS and (pid is None or not os.path.isdir(f"/proc/{pid}")):
                self.renew(slot)

    def waiting(self) -> int:
        """How many requests nobody has taken yet."""
        return int.from_bytes(fcntl.ioctl(self.request, _FIONREAD, bytes(4)), "little") // RECORD

    def dismiss(self, count: int) -> None:
        """Have as many spare workers end, once they have served the requests before this."""
        os.set_blocking(self._asking, False)
        os.write(self._asking, bytes(RECORD) * count)

    def for_worker(self) -> None:
        """In a worker: hold nothing that others wait to be let go of."""
        os.close(self._asking)
        for slot in range(SLOTS):
            self.hang_up(slot)

    def next(self) -> tuple[int, int] | None:
        """Slot and process id of the next request; None for dismiss(), or where the service is gone. Raises
        ValueError for what client.sh does not write.
        """
        record = os.read(self.request, RECORD)
        if not record.strip(b"\0"):
            return None
        words = record.split()
        if len(record) != RECORD or len(words) != 2 or not all(word.isdigit() for word in words):
            raise ValueError(f"expected a slot and a process id in {self._folder}/request, found {record!r}")
        slot, pid = int(words[0]), int(words[1])
        if slot >= SLOTS or not 0 < pid < 1 << 31:
            raise ValueError(f"slot {slot} and process {pid} in {self._folder}/request: expected others")
        return slot, pid

    def claimer(self, slot: int) -> int | None:
        """The process id in the slot's claim; None where there is none."""
        try:
            fd = self._open(f"claim{slot}", os.O_RDONLY)
        except OSError:
            return None
        text = os.read(fd, RECORD)
        os.close(fd)
        return int(text) if text.strip().isdigit() else None

    def reply(self, slot: int) -> int:
        """The end for writing of the slot's reply. Raises OSError where nobody reads there."""
        return self._open(f"reply{slot}", os.O_WRONLY | os.O_NONBLOCK)

    def life(self, slot: int) -> int:
        """The slot's sign of life, of which the client holds the other end. Raises OSError where it holds none."""
        return self._open(f"life{slot}", os.O_WRONLY | os.O_NONBLOCK)


def same_fifo(one: int, other: int) -> bool:
    """True for two open ends of one FIFO."""
    first, second = os.fstat(one), os.fstat(other)
    return S_ISFIFO(first.st_mode) and (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that holds the machine's lab for all nodes of one lab, as long as any may be on or off.

It has the lock's descriptor and gives it to whoever starts a node, so the lab is held as long as this process or one of
the lab's QEMUs lives, however they end. It is the wires too: a datagram that one node sends to a wire goes to all
others. A multicast group would need no process, but QEMU hands each sender its own frames back from it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import lock, process
from .progress import LabError

WIRES = ("cluster", "cards")  # the cluster's network, and what joins the hubs of all nodes' SR-IOV cards
NODES = ("node1", "node2", "node3")
SOCKET, MARK = "holder.sock", "holder.pid"
FRAME_BYTES = 70_000
# How long a node that does not read may keep the others waiting.
PATIENCE = struct.pack("ll", 0, 2000)
START_SECONDS = 30.0


def pid(run_dir: Path) -> int:
    """The holder of this run folder's lab, or 0 where none lives."""
    found = process.read_pid(run_dir / MARK)
    return found if process.alive(found, run_dir / MARK) else 0


def start(run_dir: Path, descriptor: int) -> int:
    """Start the process, which inherits the lock's descriptor, and return its id; one that lives goes on."""
    if not pid(run_dir):
        words = [sys.executable, "-m", __name__, str(run_dir / MARK), str(descriptor)]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
        with (run_dir / "holder.log").open("ab") as log:
            done = subprocess.run(
                words, env=env, cwd="/", pass_fds=(descriptor,), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                timeout=START_SECONDS, check=False,
            )  # fmt: skip
        if done.returncode != 0 or not pid(run_dir):
            raise LabError(f"the process that holds the lab did not start; {run_dir / 'holder.log'} says why")
    return pid(run_dir)


@contextlib.contextmanager
def descriptor(run_dir: Path) -> Iterator[int]:
    """The lock's descriptor, from the holder. Raises LabError where that is gone."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(START_SECONDS)
        try:
            asking.connect(str(run_dir / SOCKET))
            found = socket.recv_fds(asking, 1, 1)[1]
        except OSError:
            found = []
    if not found:
        raise LabError(
            "the process that holds this lab is gone, and the wires between the nodes with it: end what is left of "
            "the lab with `python3 tests/lab/lab.py down`"
        )
    try:
        yield found[0]
    finally:
        os.close(found[0])


def stop(run_dir: Path) -> None:
    """End the process, by force where it does not listen; none is fine."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        found = pid(run_dir)
        if not found:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(found, number)
        process.gone(found, run_dir / MARK, 5.0)


class Wire:
    """One wire: what a node sends to its socket goes to all other nodes' sockets of that name."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self.ends = [str(run_dir / node / f"{name}.sock") for node in NODES]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, PATIENCE)
        bind(self.socket, run_dir / f"{name}.sock")

    def forward(self) -> None:
        """Pass one frame on. One that a node is off for, or too slow for, is lost to it, as on any wire."""
        frame, sender = self.socket.recvfrom(FRAME_BYTES, socket.MSG_DONTWAIT)
        if sender not in self.ends:
            return
        for end in self.ends:
            if end != sender:
                with contextlib.suppress(OSError):
                    self.socket.sendto(frame, end)


def bind(sock: socket.socket, path: Path) -> None:
    """Bind in the place of what a killed process left."""
    path.unlink(missing_ok=True)
    sock.bind(str(path))


def serve(run_dir: Path, held: int, ready: int) -> None:
    """Give the descriptor to who asks, and forward frames, until a signal ends the process."""
    door = socket.socket(socket.AF_UNIX)
    bind(door, run_dir / SOCKET)
    door.listen()
    waiting = selectors.DefaultSelector()
    waiting.register(door, selectors.EVENT_READ)
    for name in WIRES:
        wire = Wire(run_dir, name)
        waiting.register(wire.socket, selectors.EVENT_READ, wire)
    os.write(ready, b"1")
    os.close(ready)
    while True:
        for key, _events in waiting.select():
            with contextlib.suppress(OSError):
                if isinstance(key.data, Wire):
                    key.data.forward()
                else:
                    client, _address = door.accept()
                    with client:
                        socket.send_fds(client, [b"1"], [held])


def main(mark: Path, held: int) -> int:
    """Go to the background; the exit status, once that serves."""
    there, ready = os.pipe()
    child = os.fork()
    if child:
        os.close(ready)
        return 0 if os.read(there, 1) else 1
    os.close(there)
    os.setsid()
    # By itself: whoever started it may have been killed.
    mark.write_text(str(os.getpid()))
    lock.note(held)
    serve(mark.parent, held, ready)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that holds the machine's lab for all nodes, and the wires that end in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovlab import holder, lock
from sriovlab.progress import LabError


@pytest.fixture
def run_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lab")
    monkeypatch.setattr(lock, "path", lambda: folder / "lab.lock")
    yield folder
    holder.stop(folder)


def start(folder: Path) -> int:
    with lock.held(folder, timeout=0) as descriptor:
        return holder.start(folder, descriptor)


def free(folder: Path) -> bool:
    """Whether somebody else can have the lab now."""
    try:
        with lock.held(folder, timeout=0):
            return True
    except LabError:
        return False


def test_it_holds_the_lab_until_it_is_stopped(run_dir: Path) -> None:
    assert holder.pid(run_dir) == 0
    pid = start(run_dir)
    assert holder.pid(run_dir) == pid != os.getpid()
    assert not free(run_dir)
    holder.stop(run_dir)
    assert holder.pid(run_dir) == 0
    assert free(run_dir)


def test_who_waits_is_told_its_number(run_dir: Path) -> None:
    pid = start(run_dir)
    told = rf"in use by the checkout .* \(process {pid}, since"
    with pytest.raises(LabError, match=told), lock.held(run_dir, timeout=0):
        pass


def test_it_can_be_started_again(run_dir: Path) -> None:
    first = start(run_dir)
    holder.stop(run_dir)
    assert start(run_dir) != first
    assert not free(run_dir)


def test_killed_it_leaves_nothing_locked(run_dir: Path) -> None:
    os.kill(start(run_dir), signal.SIGKILL)
    with lock.held(run_dir, timeout=10):
        pass
    assert holder.pid(run_dir) == 0
    holder.stop(run_dir)
    assert start(run_dir)


def test_one_that_does_not_listen_is_ended_too(run_dir: Path) -> None:
    os.kill(start(run_dir), signal.SIGSTOP)
    holder.stop(run_dir)
    assert free(run_dir)


def test_what_a_later_command_starts_holds_the_same_lab(run_dir: Path) -> None:
    pid = start(run_dir)
    with holder.descriptor(run_dir) as descriptor:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(LabError, match="in use"), lock.held(run_dir, timeout=1):
        pass
    child.communicate(b"\n", timeout=60)
    with lock.held(run_dir, timeout=10):
        pass


def test_without_one_there_is_no_descriptor(run_dir: Path) -> None:
    with pytest.raises(LabError, match=r"holds this lab is gone.*lab\.py down"), holder.descriptor(run_dir):
        pass


class Card:
    """A node's end of a wire, as QEMU makes it."""

    def __init__(self, run_dir: Path, node: str, wire: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.hub = str(run_dir / f"{wire}.sock")
        own = run_dir / node / f"{wire}.sock"
        own.parent.mkdir(exist_ok=True)
        own.unlink(missing_ok=True)
        self.socket.bind(str(own))
        self.socket.settimeout(10)

    def send(self, frame: bytes) -> None:
        self.socket.sendto(frame, self.hub)

    def receive(self) -> bytes:
        return self.socket.recv(70000)


def test_a_frame_goes_to_every_other_node_of_its_wire_once(run_dir: Path) -> None:
    start(run_dir)
    first, second, third = (Card(run_dir, f"node{number}", "cluster") for number in (1, 2, 3))
    other = Card(run_dir, "node2", "cards")
    first.send(b"one")
    assert (second.receive(), third.receive()) == (b"one", b"one")
    second.send(b"two")
    assert (first.receive(), third.receive()) == (b"two", b"two")
    for card in (first, second, third, other):
        card.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            card.receive()


def test_a_wire_works_whoever_is_off_and_for_who_comes_back(run_dir: Path) -> None:
    start(run_dir)
    first, second, third = (Card(run_dir, f"node{number}", "cards") for number in (1, 2, 3))
    second.socket.close()
    first.send(b"one")
    assert third.receive() == b"one"
    second = Card(run_dir, "node2", "cards")
    third.send(b"two")
    assert (first.receive(), second.receive()) == (b"two", b"two")


def test_a_node_that_does_not_read_stops_nobody(run_dir: Path) -> None:
    start(run_dir)
    first, stuck, third = (Card(run_dir, f"node{number}", "cards") for number in (1, 2, 3))
    for number in range(200):
        first.send(b"%d" % number)
        assert third.receive() == b"%d" % number
    stuck.socket.close()


def test_what_no_node_sends_is_not_forwarded(run_dir: Path) -> None:
    start(run_dir)
    first, second = (Card(run_dir, f"node{number}", "cluster") for number in (1, 2))
    stranger = Card(run_dir, "stranger", "cluster")
    stranger.send(b"foreign")
    first.send(b"own")
    assert second.receive() == b"own"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate to the host, with real files and processes: writes that hang, and commands that leave others behind."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host import host as host_module
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Host
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import CommandError, HostError, SlowError
from support.processes import ENDED, eventually, state_of


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A root folder."""
    return Host(str(tmp_path))


def full_pipe(tmp_path: Path) -> int:
    """A FIFO that takes nothing more: a write to it hangs, as one to sysfs does. Returns its reading end."""
    os.mkfifo(tmp_path / "attribute")
    fd = os.open(tmp_path / "attribute", os.O_RDWR | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(fd, b"x" * 4096)
    return fd


def children() -> set[str]:
    """Process ids of ours, those of other tests among them."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


@pytest.mark.parametrize("name", [pytest.param("attribute", id="finding-node-18")])
def test_a_write_that_hangs_ends_in_time(host: Host, tmp_path: Path, name: str) -> None:
    """And is left alone: it is done once the kernel can. Nobody has to wait for the process."""
    fd = full_pipe(tmp_path)
    before = children()
    with pytest.raises(SlowError, match="the write hangs in the kernel"):
        host.write_attribute(f"/{name}", "7", seconds=0.3)
    assert children() <= before
    told = b""
    give_up = time.monotonic() + 30
    while not told.endswith(b"7") and time.monotonic() < give_up:
        with contextlib.suppress(BlockingIOError):
            told = os.read(fd, 1 << 20)
    os.close(fd)
    assert told.endswith(b"7")


HANG = """
import os
import support.checkout
from ansible_collections.baremetal.sriov.plugins.module_utils.host import host as host_module
host = host_module.Host({root!r})
with host.lock("/lock"):
    try:
        host.write_attribute("/attribute", "7", seconds=0.3)
    except Exception as error:
        print(os.getpid(), error)
"""


def test_a_hanging_write_holds_neither_the_streams_nor_the_lock(host: Host, tmp_path: Path) -> None:
    """Whoever reads what the module prints sees its end, and the next run gets the lock."""
    fd = full_pipe(tmp_path)
    program = HANG.format(root=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    try:
        out, _rest = process.communicate(timeout=60)
        assert b"the write hangs in the kernel" in out
        os.killpg(process.pid, 0)  # the child that hangs is still there
        with host.lock("/lock", seconds=0.0):
            pass
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        os.close(fd)


def test_a_writer_that_is_killed_did_not_write(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is no success."""
    (tmp_path / "attribute").write_text("0")
    monkeypatch.setattr(host_module, "_write_and_report", lambda *_message: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(HostError, match="ended without an answer"):
        host.write_attribute("/attribute", "7")


def test_a_writer_that_fails_oddly_never_returns_into_the_program(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child ends, whatever happens in it."""

    def fails(*_message: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(host_module, "_write_and_report", fails)
    here = os.getpid()
    with pytest.raises(HostError, match="ended without an answer"):
        host.write_attribute("/attribute", "7")
    assert os.getpid() == here


def test_what_the_kernel_answers(host: Host, tmp_path: Path) -> None:
    """Success, a missing attribute, and one that refuses; nothing is created."""
    (tmp_path / "attribute").write_text("0")
    host.write_attribute("/attribute", "7")
    assert (tmp_path / "attribute").read_text() == "7"
    with pytest.raises(HostError, match=rf"errno {errno.ENOENT}"):
        host.write_attribute("/missing", "7")
    with pytest.raises(HostError, match=rf"errno {errno.ENOSPC}"):
        Host().write_attribute("/dev/full", "7")
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("detached", ["", "setsid "])
def test_a_grandchild_that_keeps_stdout_keeps_nobody_waiting(detached: str) -> None:
    """The command has ended, so its result is there."""
    done = Host().run(["sh", "-c", f"{detached}sleep 300 & echo $!; echo said >&2; exit 3"], check=False)
    assert (done.status, done.stderr) == (3, "said\n")
    os.kill(int(done.stdout), signal.SIGKILL)


def test_a_command_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    """Also where a grandchild has left the process group and holds its output."""
    away, child = tmp_path / "away", tmp_path / "child"
    script = f"setsid sleep 300 & echo $! >{away}; sleep 300 & echo $! >{child}; wait"
    with pytest.raises(CommandError, match="it still ran, and was stopped"):
        Host().run(["sh", "-c", script], seconds=2.0)
    eventually(lambda: state_of(int(child.read_text())) in ENDED)
    os.kill(int(away.read_text()), signal.SIGKILL)


def test_a_command_reads_what_it_is_given_and_its_output_is_text() -> None:
    """Bytes that are no UTF-8 don't stop anything."""
    done = Host().run(["sh", "-c", r"cat; printf '\377'; exit 0"], stdin="given\n")
    assert done.stdout == "given\n\ufffd"
    with pytest.raises(CommandError, match="no such-command-here on the host"):
        Host().run(["such-command-here"])
    with pytest.raises(CommandError, match=r"expected the command to start; found Permission denied"):
        Host().run(["/etc/passwd"])


def test_output_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound, as for every read."""
    monkeypatch.setattr(host_module, "OUTPUT_LIMIT", 1000)
    with pytest.raises(CommandError, match="at most 1000 bytes"):
        Host().run(["sh", "-c", "head -c 2000 /dev/zero"])


def test_what_a_kill_left_of_a_write_goes_with_the_next(host: Host, tmp_path: Path) -> None:
    """The file beside it always has the same name."""
    left = tmp_path / "etc/.a.baremetal-sriov-new"
    left.parent.mkdir()
    left.write_text("half")
    left.chmod(0o644)
    host.write_file("/etc/a", b"whole", 0o640)
    assert (tmp_path / "etc/a").read_text() == "whole" and not left.exists()
    assert stat.S_IMODE((tmp_path / "etc/a").stat().st_mode) == 0o640
    left.write_text("half")
    host.remove_file("/etc/a")
    assert not list((tmp_path / "etc").iterdir())


def test_who_listens_at_a_socket(tmp_path: Path) -> None:
    """However long its path is; a socket that is left, a file and nothing have nobody."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    host = Host(str(tmp_path))
    path = f"/{folder.name}/a.sock"
    assert host.socket_owner(path) is None
    with socket.socket(socket.AF_UNIX) as listener:
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        listener.bind(f"/proc/self/fd/{fd}/a.sock")
        assert host.socket_owner(path) is None, "bound, and not listening"
        listener.listen(0)
        assert host.socket_owner(path) == os.getpid()
        held = [socket.socket(socket.AF_UNIX) for _number in range(3)]
        for one in held:  # nobody is let in any more
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(f"/proc/self/fd/{fd}/a.sock")
        assert host.socket_owner(path, 0.1) == 0
        for one in held:
            one.close()
        os.close(fd)
    assert host.socket_owner(path) is None
    (folder / "file").write_text("")
    assert host.socket_owner(f"/{folder.name}/file") is None


def test_a_place_that_takes_no_writes(tmp_path: Path) -> None:
    """Whether it is there, or would be."""
    host = Host()
    assert host.is_read_only("/sys/fs/nothing/at/all") == bool(os.statvfs("/sys/fs").f_flag & os.ST_RDONLY)
    assert not Host(str(tmp_path)).is_read_only("/usr/lib/x")

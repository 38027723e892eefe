# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of the warm way in: what ends it, what it does without, and the folder where clients meet it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest
from cniworld import missing
from warm import Warm, eventually, outcome

from sriov_cni import main
from sriov_cni.warm import warm_up
from sriov_cni.warm.handoff import Handoff


def test_another_version_is_installed(program, tmp_path):
    """A call is never of the old one, and the service ends so that systemd starts the new one."""
    shutil.copytree(program.parent / "lib", tmp_path / "lib")
    launcher = tmp_path / "sriov"
    hurry = "from sriov_cni import service\nservice._TICK_SECONDS = 0.2\nfrom sriov_cni.main"
    text = program.read_text().replace(str(program.parent), str(tmp_path)).replace("from sriov_cni.main", hurry)
    launcher.write_text(text)
    launcher.chmod(0o755)
    with Warm(launcher, tmp_path, "/bin/sh") as warm:
        pack = tmp_path / "lib/sriov_cni/__pycache__/__init__.all.pyc"
        aside = tmp_path / "new"
        shutil.copy(pack, aside)
        os.kill(warm.pid, signal.SIGSTOP)
        aside.rename(pack)
        assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
        assert warm.direct == 1
        os.kill(warm.pid, signal.SIGCONT)
        assert warm.wait() == 1


def test_what_is_no_request_ends_the_service(program):
    with Warm(program, program.parent, "/bin/sh") as warm:
        fd = os.open(warm.handoff / "request", os.O_WRONLY)
        os.write(fd, b"5 bytes\n")
        os.close(fd)
        assert warm.wait() == 1


@pytest.mark.parametrize("record", [b"64 1", b"-1 1", b"0 0", b"0 99999999999", b"x y", b"1"])
def test_records_that_no_client_writes(program, record):
    with Warm(program, program.parent, "/bin/sh") as warm:
        fd = os.open(warm.handoff / "request", os.O_WRONLY)
        os.write(fd, record.ljust(31) + b"\n")
        os.close(fd)
        assert warm.wait() == 1


def test_claims_of_the_dead_are_swept(tmp_path):
    handoff = Handoff(str(tmp_path))
    dead = subprocess.Popen(["true"])
    dead.wait()
    for slot, (pid, age) in enumerate([(dead.pid, 100), (dead.pid, 1), (os.getpid(), 100), (dead.pid, 100)]):
        claim = tmp_path / f"claim{slot}"
        claim.write_text(f"{pid}\n")
        os.utime(claim, (time.time() - age,) * 2)
    handoff.sweep([3])
    assert sorted(file.name for file in tmp_path.glob("claim*")) == ["claim1", "claim2", "claim3"]


def test_what_an_earlier_service_left_is_cleared(tmp_path):
    for name in ("pack", "claim3", "reply3", "life9", "request"):
        (tmp_path / name).write_text("left")
    Handoff(str(tmp_path))
    assert not list(tmp_path.glob("claim*"))
    assert not (tmp_path / "pack").exists()
    assert all(file.is_fifo() for file in tmp_path.iterdir())


@pytest.mark.parametrize("what", ["modules one by one", "no folder"])
def test_what_the_service_cannot_do_without(program, tmp_path, what):
    """Without the one file it lets nobody in, but is no failed unit; without a folder it is one."""
    lib = program.parent / "lib"
    if what == "modules one by one":
        shutil.copytree(lib, tmp_path / "lib")
        shutil.rmtree(tmp_path / "lib/sriov_cni/__pycache__")
        lib = tmp_path / "lib"
    launcher = tmp_path / "sriov"
    launcher.write_text(program.read_text().replace(str(program.parent / "lib"), str(lib)))
    launcher.chmod(0o755)
    folder = tempfile.mkdtemp(dir=tmp_path)
    environment = {"RUNTIME_DIRECTORY": folder} if what != "no folder" else {}
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(20)
        service = subprocess.Popen([launcher, "serve"], env={**environment, "NOTIFY_SOCKET": str(address)},
                                   stderr=subprocess.PIPE)
        if what != "no folder":
            assert systemd.recv(100) == b"READY=1"
            assert systemd.recv(100) == b"WATCHDOG=1"
            assert not os.path.lexists(f"{folder}/pack")
            service.terminate()
        _out, err = service.communicate(timeout=60)
    assert service.returncode == (2 if what == "no folder" else 0)
    assert (b"RUNTIME_DIRECTORY" if what == "no folder" else b"one file") in err


def test_warm_up_goes_all_the_way_and_leaves_nothing(tmp_path):
    """What a worker does before it waits: an ADD that is refused late, an ADD and a DEL."""
    if os.geteuid() != 0:
        missing("root: it opens a namespace")
    warm_up.set_stage(str(tmp_path))
    warm_up.set_stage(str(tmp_path))
    before = subprocess.run(["ip", "-j", "-d", "link", "show"], capture_output=True, check=True).stdout
    assert warm_up.warm_up(str(tmp_path), main.answer_call, lambda: 0) == [1, 0, 0]
    assert warm_up.warm_up(str(tmp_path), main.answer_call, lambda: 1) == []
    assert list((tmp_path / "state" / "journal").iterdir()) == []
    assert subprocess.run(["ip", "-j", "-d", "link", "show"], capture_output=True, check=True).stdout == before


def test_workers_warm_up(program):
    with Warm(program, program.parent, "/bin/sh") as warm:
        eventually((warm.handoff / "stage/state/journal").is_dir)


@pytest.mark.parametrize(
    "leaves", ["os.open('/', 0)", "os.fork() or time.sleep(1)", "_thread.start_new_thread(time.sleep, (9,))"]
)
def test_a_worker_that_is_not_as_before_ends(program, tmp_path, leaves):
    """Whatever a call leaves behind in it, the next call gets nothing of it."""
    launcher = tmp_path / "sriov"
    seam = f"import _thread, os, time\nfrom sriov_cni import main as calls\nwas = calls.answer\n" \
        f"def leave(environment):\n    {leaves}\n    return was(environment)\ncalls.answer = leave\nfrom sriov_cni.main"
    launcher.write_text(program.read_text().replace("from sriov_cni.main", seam))
    launcher.chmod(0o755)
    with Warm(launcher, program.parent, "/bin/sh") as warm:
        before = set(warm.workers())
        assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
        eventually(lambda: len(before - set(warm.workers())) == 1)
        assert warm.direct == 0


def test_more_workers_than_are_needed_are_let_go(program, tmp_path):
    launcher = tmp_path / "sriov"
    hurry = "from sriov_cni import service\nservice._TICK_SECONDS = 0.2\nfrom sriov_cni.main"
    launcher.write_text(program.read_text().replace("from sriov_cni.main", hurry))
    launcher.chmod(0o755)
    with Warm(launcher, program.parent, "/bin/sh") as warm:
        clients = [warm.start({"CNI_COMMAND": "VERSION"}) for _turn in range(12)]
        assert [outcome(client)[0] for client in clients] == [0] * 12
        eventually(lambda: len(warm.workers()) == 3)
        assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
        assert warm.direct == 0

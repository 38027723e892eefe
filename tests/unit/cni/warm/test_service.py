# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of the warm way in: what ends it, what it does without, and the folder where clients meet it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

from sriov_cni import main
from sriov_cni.vf.journal import Attachment
from sriov_cni.warm import warm_up
from sriov_cni.warm.handoff import Handoff
from support import cni_code
from support.cni_warm import ADD, Warm, launcher_with, outcome
from support.needs import missing
from support.processes import eventually
from support.vector_ids import finding

NEXT = "ba9876543210"
HURRY = "from sriov_cni.warm import service\nservice._TICK_SECONDS = 0.2\n"


def test_another_version_is_installed(program, tmp_path):
    """A call is never of the old one, and the service ends so that systemd starts the new one."""
    with Warm(launcher_with(program, tmp_path, HURRY)) as warm:
        old = warm.program.read_text()
        os.kill(warm.pid, signal.SIGSTOP)
        cni_code.install(tmp_path, sys.executable, NEXT)
        cni_code.put(warm.program, old.replace(f"lib/{cni_code.VERSION}\n", f"lib/{NEXT}\n"))
        assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
        assert warm.direct == 1
        os.kill(warm.pid, signal.SIGCONT)
        assert warm.process.wait(60) == 1


def test_the_program_is_removed(program, tmp_path):
    with Warm(launcher_with(program, tmp_path, HURRY)) as warm:
        (tmp_path / "sriov").unlink()
        assert warm.process.wait(60) == 1


CHECK = '"$sriov_at/version" -ef "$sriov_version"'


@pytest.mark.parametrize(
    ("check", "direct"),
    [
        pytest.param('"$sriov_at/pack" -ef "$sriov_version"', 1, id="0.1.0-finds-no-link"),
        pytest.param('"$sriov_at/life0" -ef "$sriov_at/life0"', 0, id="0.1.0-had-looked-before-the-update"),
    ],
)
def test_a_client_of_the_first_release(program, check, direct):
    """It differs in the link that it looks at alone."""
    with Warm(program) as warm:
        text = warm.program.read_text()
        assert CHECK in text
        cni_code.put(warm.program, text.replace(CHECK, check))
        assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
        assert warm.direct == direct


def test_a_service_of_the_first_release(program):
    """Its link has another name, and leads to a file."""
    with Warm(program) as warm:
        (warm.handoff / "version").rename(warm.handoff / "pack")
        assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
        assert warm.direct == 1


def test_what_is_no_request_ends_the_service(program):
    with Warm(program) as warm:
        fd = os.open(warm.handoff / "request", os.O_WRONLY)
        os.write(fd, b"5 bytes\n")
        os.close(fd)
        assert warm.process.wait(60) == 1


@pytest.mark.parametrize("record", [b"64 1", b"-1 1", b"0 0", b"0 99999999999", b"x y", b"1"])
def test_records_that_no_client_writes(program, record):
    with Warm(program) as warm:
        fd = os.open(warm.handoff / "request", os.O_WRONLY)
        os.write(fd, record.ljust(31) + b"\n")
        os.close(fd)
        assert warm.process.wait(60) == 1


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
    for name in ("version", "pack", "claim3", "reply3", "life9", "request"):
        (tmp_path / name).write_text("left")
    Handoff(str(tmp_path))
    assert not list(tmp_path.glob("claim*"))
    assert not list(tmp_path.glob("version")) + list(tmp_path.glob("pack"))
    assert all(file.is_fifo() for file in tmp_path.iterdir())


@pytest.mark.parametrize("what", ["no pidfd_getfd", "no folder"])
def test_what_the_service_cannot_do_without(program, tmp_path, what):
    """Without the system call it lets nobody in, but is no failed unit; without a folder it is one."""
    old_kernel = "from sriov_cni.host import libc\nlibc._PIDFD_GETFD = 9999\n" if what != "no folder" else ""
    launcher = launcher_with(program, tmp_path, old_kernel)
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
            assert not os.path.lexists(f"{folder}/version")
            service.terminate()
        _out, err = service.communicate(timeout=60)
    assert service.returncode == (2 if what == "no folder" else 0)
    assert (b"RUNTIME_DIRECTORY" if what == "no folder" else b"pidfd_getfd(2) cannot be used") in err


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
    with Warm(program) as warm:
        eventually((warm.handoff / "stage/state/journal").is_dir)


@pytest.mark.parametrize(
    "leaves", ["os.open('/', 0)", "os.fork() or time.sleep(1)", "_thread.start_new_thread(time.sleep, (9,))"]
)
def test_a_worker_that_is_not_as_before_ends(program, tmp_path, leaves):
    """Whatever a call leaves behind in it, the next call gets nothing of it."""
    seam = f"import _thread, os, time\nfrom sriov_cni import main as calls\nwas = calls.answer\n" \
        f"def leave(environment):\n    {leaves}\n    return was(environment)\ncalls.answer = leave\n"
    with Warm(launcher_with(program, tmp_path, seam)) as warm:
        before = set(warm.workers())
        assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
        eventually(lambda: len(before - set(warm.workers())) == 1)
        assert warm.direct == 0


@pytest.mark.parametrize("command", ["VERSION", "ADD"])
def test_a_worker_that_dies_with_its_answer_leaves_one_document(program, tmp_path, command):
    """The runtime takes all of stdout for one (CNI specification 1.1.0, section 2), here the client's own."""
    seam = "import os\nfrom sriov_cni import main as calls\nwas = calls.answer\n" \
        "def die(environment):\n    was(environment)\n    os.kill(os.getpid(), 9)\ncalls.answer = die\n"
    with Warm(launcher_with(program, tmp_path, seam)) as warm:
        status, out, _err = outcome(warm.start({**ADD, "CNI_COMMAND": command}))
        assert (status, json.loads(out)["code"], warm.direct) == (1, 11, 0)


def test_more_workers_than_are_needed_are_let_go(program, tmp_path):
    with Warm(launcher_with(program, tmp_path, HURRY)) as warm:
        clients = [warm.start({"CNI_COMMAND": "VERSION"}) for _turn in range(12)]
        assert [outcome(client)[0] for client in clients] == [0] * 12
        eventually(lambda: len(warm.workers()) == 3)
        assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
        assert warm.direct == 0


@finding("finding-cni-08-service")
def test_the_service_sees_to_what_was_left(program, tmp_path):
    """Of an earlier boot, so that there is nothing to undo; and a VF that is withheld though its journal is gone."""
    state = tmp_path / "state"
    for folder in ("journal", "locks", "withheld"):
        (state / folder).mkdir(parents=True)
    left = Attachment(address="0000:ff:1f.7", container="c", ifname="net1", boot="another")
    (state / "journal" / "0000:ff:1f.7@c@net1").write_text(json.dumps(left.to_dict()))
    (state / "withheld" / "0000:ff:1f.6").write_text("{}")
    os.utime(state / "withheld" / "0000:ff:1f.6", (1, 1))
    with Warm(launcher_with(program, tmp_path, HURRY)):
        eventually(lambda: os.listdir(state / "journal") == [] and os.listdir(state / "withheld") == [])

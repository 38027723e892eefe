# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warm way in: client.sh in real shells, with the real service. Each call is answered as by the program itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess

import pytest

from support.cni_warm import ADD, CONF, Warm, outcome, stop
from support.needs import missing
from support.processes import eventually

SHELLS = {"dash": "/bin/dash", "bash": "/bin/bash --posix"}


def started(program, shell):
    if os.geteuid() != 0:
        missing("root: the folder is for root alone")
    if not os.path.exists(shell.split()[0]):
        missing(shell)
    return Warm(program, shell)


@pytest.fixture(params=SHELLS.values(), ids=SHELLS)
def warm(request, program):
    with started(program, request.param) as made:
        yield made


@pytest.fixture(params=SHELLS.values(), ids=SHELLS, scope="module")
def lasting(request, program):
    """For calls that leave the service as it is."""
    with started(program, request.param) as made:
        yield made


@pytest.mark.parametrize(
    ("environment", "stdin"),
    [
        ({"CNI_COMMAND": "VERSION"}, b""),
        ({}, b""),
        ({"CNI_COMMAND": "PLAY"}, b""),
        ({"CNI_COMMAND": "ADD", "CNI_IFNAME": "a b"}, b""),
        ({"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "\udcff"}, b""),
        (ADD, b"{"),
        (ADD, b" " * (1 << 20) + b"{}"),
        (ADD, json.dumps(CONF).encode()),
        (ADD, json.dumps({**CONF, "mac": "\u00e4" * 30000}).encode()),
        ({**ADD, "CNI_COMMAND": "DEL", "CNI_NETNS": ""}, json.dumps({**CONF, "cniVersion": "9"}).encode()),
        ({**ADD, "CNI_COMMAND": "CHECK"}, json.dumps({**CONF, "cniVersion": "0.3.1"}).encode()),
        ({"CNI_COMMAND": "STATUS"}, json.dumps({**CONF, "cniVersion": "1.1.0"}).encode()),
        ({**ADD, "IFS": "0", "sriov_code": "7", "no.name": "x", "BIG": "y" * 100000, "ENV": "/nowhere"}, b"[]"),
    ],
)
def test_same_answer_in_both_ways(lasting, environment, stdin):
    direct = subprocess.Popen([lasting.launcher], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    assert outcome(lasting.start(environment or {"A": "b"}), stdin) == outcome(direct, stdin)
    assert lasting.direct == 0


def test_streams_are_the_very_same(warm, tmp_path):
    """Files keep the place where reading and writing goes on; what was there before stays."""
    conf = tmp_path / "conf"
    conf.write_bytes(b"skipped" + json.dumps(CONF).encode())
    for command in ("ADD", "VERSION"):
        with open(conf, "rb") as stdin, open(tmp_path / "out", "wb") as out, open(tmp_path / "err", "ab") as err:
            os.lseek(stdin.fileno(), len("skipped"), os.SEEK_SET)
            os.write(out.fileno(), b"before ")
            client = warm.start({**ADD, "CNI_COMMAND": command}, stdin=stdin, stdout=out, stderr=err)
            assert client.wait(60) == (1 if command == "ADD" else 0)
            os.write(out.fileno(), b"after")
        text = (tmp_path / "out").read_bytes()
        assert text.startswith(b'before {"cniVersion"')
        assert text.endswith(b"}\nafter")
    assert (tmp_path / "err").read_bytes().count(b"cniName") == 1
    assert warm.direct == 0


def test_dev_null_and_sockets(warm):
    ours, theirs = socket.socketpair()
    with ours, theirs, open(os.devnull, "r+b") as null:
        assert warm.start(ADD, stdin=null, stdout=theirs, stderr=null).wait(60) == 1
        assert json.loads(ours.recv(10000))["code"] == 6
        client = warm.start(ADD, stdin=theirs, stderr=null)
        ours.sendall(json.dumps(CONF).encode())
        ours.shutdown(socket.SHUT_WR)
        assert json.loads(outcome(client)[1])["code"] == 100
    assert warm.direct == 0


def test_a_closed_stream_is_left_to_the_program(warm):
    done = subprocess.run(["/bin/sh", "-c", f"exec {warm.program} <&-"], env=ADD, capture_output=True, check=False)
    assert (done.returncode, "stdin" in json.loads(done.stdout)["msg"]) == (1, True)
    assert warm.direct == 1


def test_working_directory_is_the_clients(warm, tmp_path):
    (tmp_path / "here").write_text("#!/bin/sh\npwd > seen\n")
    (tmp_path / "here").chmod(0o755)
    conf = json.dumps({**CONF, "cniVersion": "1.1.0", "ipam": {"type": "here"}}).encode()
    environment = {**ADD, "CNI_COMMAND": "STATUS", "CNI_PATH": ".", "PATH": os.environ["PATH"]}
    subprocess.run([warm.program], env=environment, input=conf, capture_output=True, cwd=tmp_path, check=False)
    assert (tmp_path / "seen").read_text() == f"{tmp_path}\n"
    assert warm.direct == 0


def test_arguments_are_for_the_program(warm):
    done = subprocess.run([warm.program, "--version"], capture_output=True, check=False)
    assert (done.returncode, warm.direct) == (0, 1)
    assert done.stdout.startswith(b"sriov, the CNI plugin")


def test_many_at_once(warm):
    clients = [warm.start() for _turn in range(20)]
    for number, client in enumerate(clients):
        status, out, _err = outcome(client, json.dumps({**CONF, "deviceID": f"0000:ff:1e.{number}"}).encode())
        assert status == 1
        assert f"0000:ff:1e.{number}" in json.loads(out)["msg"]
    assert warm.direct == 0
    eventually(lambda: list(warm.handoff.glob("claim*")) == [] and warm.busy() == [])


def test_without_the_service(program):
    made = Warm(program)
    assert outcome(made.start({"CNI_COMMAND": "VERSION"}))[0] == 0
    assert made.direct == 1


def test_after_a_sudden_end_of_the_service(warm):
    workers = warm.workers()
    os.kill(warm.pid, signal.SIGKILL)
    eventually(lambda: not any(os.path.isdir(f"/proc/{pid}/fd") for pid in workers))  # they end with it
    assert os.path.lexists(warm.handoff / "version")
    assert outcome(warm.start(), b"{")[0] == 1
    assert warm.direct == 1


def test_service_ends_before_a_call_is_taken(warm):
    """The client does the work itself, with stdin as it was."""
    pids = warm.stop_all()
    client = warm.start()
    eventually(warm.claimed_and_asked)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    status, out, _err = outcome(client, json.dumps(CONF).encode())
    assert (status, json.loads(out)["code"], warm.direct) == (1, 100, 1)


def test_service_ends_after_a_call_was_taken(warm):
    client, worker = warm.started_and_taken()
    os.kill(warm.pid, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    status, out, _err = outcome(client)
    assert (status, json.loads(out)["code"], warm.direct) == (1, 11, 0)
    assert "baremetal-sriov-cni" in json.loads(out)["msg"]


def test_worker_is_killed(warm):
    client, worker = warm.started_and_taken()
    os.kill(worker, signal.SIGKILL)
    status, out, _err = outcome(client)
    assert (status, json.loads(out)["code"], warm.direct) == (1, 11, 0)
    assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
    assert warm.direct == 0


def test_a_waiting_worker_is_killed(program):
    """It may have had a request in its hand: the service ends, and with it every client's wait."""
    with Warm(program) as warm:
        os.kill(warm.workers()[0], signal.SIGKILL)
        eventually(lambda: not os.path.exists(warm.handoff / "version"))
        assert outcome(warm.start(), b"{")[0] == 1
        assert warm.direct == 1


def test_client_is_killed(warm):
    client, worker = warm.started_and_taken()
    client.kill()
    client.communicate()
    eventually(lambda: not os.path.isdir(f"/proc/{worker}"))
    eventually(lambda: list(warm.handoff.glob("claim*")) == [])


def test_client_is_killed_before_its_call_is_taken(warm):
    pids = warm.stop_all()
    client = warm.start()
    eventually(warm.claimed_and_asked)
    client.kill()
    client.communicate()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: list(warm.handoff.glob("claim*")) == [])
    assert outcome(warm.start(), b"{")[0] == 1
    assert warm.direct == 0


def test_no_slot_is_free(warm):
    for slot in range(64):
        (warm.handoff / f"claim{slot}").write_text(f"{os.getpid()}\n")
    assert outcome(warm.start(), b"{")[0] == 1
    assert warm.direct == 1


def test_another_slot_where_the_first_is_taken(warm):
    for slot in range(63):
        (warm.handoff / f"claim{slot}").write_text(f"{os.getpid()}\n")
    for _turn in range(2):
        assert outcome(warm.start(), b"{")[0] == 1
        eventually(lambda: not (warm.handoff / "claim63").exists())
    assert warm.direct == 0


@pytest.mark.parametrize("share", ["--net", "--pid --fork --mount", "--user --map-root-user"])
def test_a_client_with_another_view_does_the_work_itself(warm, share):
    argv = ["unshare", *share.split(), str(warm.program)]
    done = subprocess.run(argv, env=ADD, input=b"{", capture_output=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 6)
    assert warm.direct == 1
    assert outcome(warm.start(), b"{")[0] == 1
    assert warm.direct == 1


def test_stop_waits_for_calls(warm):
    client, _worker = warm.started_and_taken()
    os.kill(warm.pid, signal.SIGTERM)
    eventually(lambda: not os.path.exists(warm.handoff / "version"))
    assert outcome(warm.start(), b"{")[0] == 1
    assert warm.direct == 1
    assert os.path.isdir(f"/proc/{warm.pid}/fd")
    status, out, _err = outcome(client, json.dumps(CONF).encode())
    assert (status, json.loads(out)["code"], warm.direct) == (1, 100, 1)


def test_stop_lets_go_of_who_waits(warm):
    """More clients than workers: who was not taken does the work itself."""
    clients = [warm.start(), warm.start()]
    eventually(lambda: len(warm.busy()) == 2)
    stop(warm.pid)  # it makes no fourth worker
    clients.append(warm.start())
    eventually(lambda: len(warm.busy()) == 3)
    assert len(warm.workers()) == 3
    late = warm.start()
    eventually(warm.claimed_and_asked)
    os.kill(warm.pid, signal.SIGTERM)
    os.kill(warm.pid, signal.SIGCONT)
    for client in (late, *clients):
        status, out, _err = outcome(client, json.dumps(CONF).encode())
        assert (status, json.loads(out)["code"]) == (1, 100)
    assert warm.direct == 1


def test_a_request_without_a_claim_is_nobodys(warm):
    fd = os.open(warm.handoff / "request", os.O_WRONLY)
    os.write(fd, b"%2d %28d\n" % (5, os.getpid()))
    os.close(fd)
    assert outcome(warm.start(), b"{")[0] == 1
    assert warm.direct == 0


def test_a_claim_with_the_id_of_a_stranger_is_refused(warm):
    """As by a client with process ids of its own: its number means another process here."""
    (warm.handoff / "claim5").write_text(f"{os.getpid()}\n")
    with open(warm.handoff / "reply5", "r+b", buffering=0) as reply, open(warm.handoff / "request", "wb") as request:
        request.write(b"%2d %28d\n" % (5, os.getpid()))
        request.flush()
        assert reply.read(2) == b"n\n"
    eventually(lambda: not (warm.handoff / "claim5").exists())


def test_a_worker_goes_on_after_a_call_that_left_it_as_it_was(warm):
    before = warm.workers()
    for _turn in range(10):
        assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
    eventually(lambda: list(warm.handoff.glob("claim*")) == [])
    assert warm.workers() == before
    assert warm.direct == 0


def test_a_worker_ends_after_a_call_that_failed(warm):
    before = set(warm.workers())
    assert outcome(warm.start(), b"{")[0] == 1
    eventually(lambda: len(before - set(warm.workers())) == 1)

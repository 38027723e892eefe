# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod whose IPAM plugin does not do its DEL goes, and the address is released later."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from sriov_cni import cli
from sriov_cni.commands import releases, sweep
from sriov_cni.host.host import NodeHost
from support.cni_world import Broken, Refusal, WorldHost, run
from support.expected_address_releases import (
    BROKEN,
    DEL_SECONDS,
    HELD_AFTER_FAILED_ADD,
    KEPT,
    NO_RESULT,
    PAUSES,
    REFUSED_BY_ADD,
    TRIES,
)
from support.processes import eventually

OTHERS = {"CNI_CONTAINERID": "c2"}


def cases(table):
    return [pytest.param(entry, id=f"finding-cni-03-{str(entry).replace(' ', '-')}") for entry in table]


@pytest.fixture
def broken(world):
    return Broken(world.root / "bin")


def host(world) -> WorldHost:
    made = WorldHost(world)
    made.ipam_seconds = made.ipam_del_seconds = 0.5
    made.gate_seconds = 1.0
    return made


def conf(world) -> dict:
    return {**world.conf, "ipam": {"type": "broken"}}


def held(world) -> list[str]:
    folder = world.root / "state" / "releases"
    return sorted(os.listdir(folder)) if folder.exists() else []


def make_due(world) -> None:
    for name in held(world):
        os.utime(world.root / "state" / "releases" / name, (1, 1))


def entries(world) -> list[dict]:
    status, text = cli._attachments(WorldHost(world))
    assert status == 0
    return json.loads(text)


@pytest.mark.parametrize("kind", cases(HELD_AFTER_FAILED_ADD))
def test_a_pod_whose_add_failed_goes(world, broken, kind):
    before = world.snapshot()
    broken.fails(ADD=kind, DEL=kind)
    with pytest.raises(Refusal):
        world.call("ADD", {**conf(world), "vlan": 5}, host(world))
    assert world.snapshot() == before
    for _turn in range(2):
        world.call("DEL", conf(world), host(world))
    assert world.snapshot() == before
    # What ends well, in whatever words, did its DEL.
    wanted = ["c1@net1"] if HELD_AFTER_FAILED_ADD[kind] and kind not in NO_RESULT else []
    assert held(world) == wanted
    broken.works()
    world.call("ADD", conf(world), host(world))  # the runtime's next try
    assert held(world) == []
    world.call("DEL", conf(world), host(world))
    assert (world.snapshot(), held(world)) == (before, [])


@pytest.mark.parametrize("kind", cases(REFUSED_BY_ADD))
def test_a_pod_whose_configuration_add_refuses_goes(world, broken, kind):
    """Also where the configuration was in order at ADD: the VF comes back and the address is asked for."""
    keys, code = REFUSED_BY_ADD[kind]
    before = world.snapshot()
    odd = {**conf(world), **keys}
    assert json.loads(world.raw_call("ADD", odd, host(world))[1])["code"] == code
    assert world.raw_call("DEL", odd, host(world)) == (0, "")
    world.call("ADD", conf(world), host(world))
    assert world.raw_call("DEL", odd, host(world)) == (0, "")
    assert (world.snapshot(), held(world)) == (before, [])
    assert broken.called[-1] == "DEL c1"


@pytest.mark.parametrize("kind", cases(NO_RESULT))
def test_an_answer_that_is_none_and_a_del_that_fails(world, broken, kind):
    """It ended well, so it may have given an address away that it did not tell."""
    broken.fails(ADD=kind, DEL="plain words")
    with pytest.raises(Refusal):
        world.call("ADD", conf(world), host(world))
    world.call("DEL", conf(world), host(world))
    assert held(world) == ["c1@net1"]


@pytest.mark.parametrize("kind", cases(BROKEN))
def test_the_address_of_a_pod_that_had_one_is_released_later(world, broken, kind):
    before = world.snapshot()
    world.call("ADD", {**conf(world), "vlan": 5}, host(world))
    broken.fails(DEL=kind)
    start = time.monotonic()
    world.call("DEL", conf(world), host(world))
    assert time.monotonic() - start < 5
    assert (world.snapshot(), held(world)) == (before, ["c1@net1"])
    (entry,) = entries(world)
    assert (entry["vf"], entry["container"], entry["interface"], entry["in_use"]) == ("", "c1", "net1", False)
    assert (entry["network"], entry["address_held_by"], entry["tries"]) == ("net", "broken", 1)
    assert "broken" in entry["error"] and entry["next_try"]
    broken.works()
    calls = len(broken.called)
    # The VF is free at once; the call of another pod has the address released, once its runtime has the answer.
    other = host(world)
    world.call("ADD", world.conf, other, **OTHERS)
    assert other.later is None  # it is not yet time
    make_due(world)
    world.call("DEL", world.conf, other, **OTHERS)
    assert len(broken.called) == calls
    other.later()
    assert broken.called[calls:] == ["DEL c1"]
    assert (world.snapshot(), held(world), entries(world)) == (before, [], [])


@pytest.mark.parametrize("command", cases(["ADD", "CHECK", "GC", "STATUS", "DEL"]))
def test_each_command_has_what_is_due_tried(world, broken, command):
    world.call("ADD", conf(world), host(world))
    broken.fails(DEL="plain words")
    world.call("DEL", conf(world), host(world))
    make_due(world)
    broken.works()
    here = host(world)
    previous = {"cniVersion": "1.1.0", "interfaces": [{"name": "net1"}]}
    world.raw_call(command, {**world.conf, "cni.dev/valid-attachments": [], "prevResult": previous}, here, **OTHERS)
    here.later()
    assert held(world) == []


def test_what_else_is_to_be_done_later_is_done(world, broken):
    world.call("ADD", conf(world), host(world))
    broken.fails(DEL="plain words")
    world.call("DEL", conf(world), host(world))
    make_due(world)
    done = []
    here = host(world)
    here.later = lambda: done.append("before")
    sweep.plan(here)
    here.later()
    assert done == ["before"]


def test_pauses_grow_and_end(world, broken):
    world.call("ADD", conf(world), host(world))
    broken.fails(DEL="its error")
    world.call("DEL", conf(world), host(world))
    file, found = world.root / "state" / "releases" / "c1@net1", []
    for _turn in range(TRIES - 1):  # DEL was the first
        found.append(round(file.stat().st_mtime - time.time()))
        make_due(world)
        assert len(releases.sweep(host(world), 1)) == 1
    assert all(abs(pause - wanted) <= 2 for pause, wanted in zip(found, PAUSES))
    assert max(found) <= max(PAUSES)
    assert entries(world)[0]["next_try"] == ""  # given up
    assert releases.pending(host(world)) == []
    calls = len(broken.called)
    assert cli._release(host(world))[0] == 0
    assert len(broken.called) == calls + 1  # by a person, still
    broken.works()
    assert cli._release(host(world)) == (0, "the address of container c1 interface net1 is released\n")
    assert held(world) == []


def test_people_are_told_why(world, broken):
    world.call("ADD", conf(world), host(world))
    broken.fails(DEL="its error")
    world.call("DEL", conf(world), host(world))
    status, text = cli._release(host(world))
    assert (status, "no such file: /run/cni/dhcp.sock" in text) == (0, True)
    assert text.startswith("the address of container c1 interface net1 is not released: IPAM plugin broken: ")


def test_del_again_asks_again(world, broken):
    world.call("ADD", conf(world), host(world))
    broken.fails(DEL="its error")
    for tries in (1, 2):
        world.call("DEL", conf(world), host(world))
        assert entries(world)[0]["tries"] == tries
    broken.works()
    world.call("DEL", conf(world), host(world))
    assert held(world) == []


def test_a_new_address_of_the_same_owner_is_not_released(world, broken):
    """The runtime calls ADD again with the same container: what an earlier one left is released before, not after."""
    broken.fails(ADD="hangs", DEL="hangs")
    with pytest.raises(Refusal):
        world.call("ADD", conf(world), host(world))
    assert held(world) == ["c1@net1"]
    broken.works()
    calls = len(broken.called)
    world.call("ADD", conf(world), host(world))
    assert broken.called[calls:] == ["DEL c1", "ADD c1"]
    assert (held(world), releases.sweep(host(world), 9, forced=True)) == ([], [])
    assert broken.called[calls:] == ["DEL c1", "ADD c1"]


def test_the_address_of_an_attachment_is_not_released(world, broken):
    """Whatever a file of an earlier time says."""
    world.call("ADD", conf(world), host(world))
    broken.fails(DEL="its error")
    world.call("DEL", conf(world), host(world))
    text = (world.root / "state" / "releases" / "c1@net1").read_text()
    broken.works()
    world.call("ADD", conf(world), host(world))
    (world.root / "state" / "releases").mkdir()
    (world.root / "state" / "releases" / "c1@net1").write_text(text)
    make_due(world)
    calls = len(broken.called)
    for forced in (False, True):
        assert releases.sweep(host(world), 9, forced=forced) == []
    assert len(broken.called) == calls
    assert releases.pending(host(world)) == []  # others have their turn


def test_a_retry_that_fails_keeps_the_first_address(world, broken):
    """host-local refuses a second address for one owner in so many words: the first is held nevertheless."""
    broken.fails(ADD="hangs", DEL="hangs")
    with pytest.raises(Refusal):
        world.call("ADD", conf(world), host(world))
    broken.fails(ADD="its error", DEL="its error")
    with pytest.raises(Refusal):
        world.call("ADD", conf(world), host(world))
    assert held(world) == ["c1@net1"]


def test_a_del_that_is_killed_loses_no_address(world, broken):
    """Killed once the VF is back: the journal is gone, and the IPAM plugin has not answered yet."""
    world.call("ADD", conf(world), host(world))
    journal = world.root / "state" / "journal"
    broken.fails(DEL="hangs")
    pid = world.start("DEL", conf(world))
    eventually(lambda: held(world) == ["c1@net1"])
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    broken.fails(DEL="its error")
    world.call("DEL", conf(world), host(world))
    assert (os.listdir(journal), held(world)) == ([], ["c1@net1"])


@pytest.mark.parametrize("who", cases(["ADD", "GC", "release"]))
def test_a_vf_that_somebody_else_took_back(world, broken, who):
    """Its DEL comes late, and the IPAM plugin fails it: that it had an address is not forgotten."""
    world.call("ADD", conf(world), host(world))
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns)
    run("ip", "netns", "del", world.pod_ns)
    if who == "release":
        assert cli._release(host(world))[0] == 0
    elif who == "GC":
        world.call("GC", {**world.conf, "cni.dev/valid-attachments": []}, host(world))
    run("ip", "netns", "add", world.pod_ns)
    world.call("ADD", world.conf, host(world), **OTHERS)
    assert (held(world), [entry["container"] for entry in entries(world)]) == (["c1@net1"], ["c2"])
    broken.fails(DEL="its error")
    world.call("DEL", conf(world), host(world))
    assert [entry["address_held_by"] for entry in entries(world) if not entry["vf"]] == ["broken"]


def test_a_del_that_never_comes_is_forgotten(world):
    releases.expect(host(world), "c1", "net1")
    assert releases.sweep(host(world), 9, forced=True) == []
    assert held(world) == ["c1@net1"]
    make_due(world)
    assert releases.sweep(host(world), 9) == []
    assert held(world) == []


def test_a_state_that_cannot_be_written_keeps_no_pod(world, broken, capfd):
    world.call("ADD", conf(world), host(world))
    (world.root / "state" / "releases").write_text("in the way")
    broken.fails(DEL="its error")
    world.call("DEL", conf(world), host(world))
    assert "cannot be written" in capfd.readouterr().err
    assert world.snapshot()["journal"] == []


def test_a_limit_of_what_is_kept(world, broken, capfd):
    world.call("ADD", conf(world), host(world))
    folder = world.root / "state" / "releases"
    folder.mkdir()
    for number in range(KEPT):
        (folder / f"x{number}@net1").write_text("{}")
        os.utime(folder / f"x{number}@net1", (1 << 33, 1 << 33))
    broken.fails(DEL="its error")
    world.call("DEL", conf(world), host(world))
    assert f"{KEPT} others are waiting" in capfd.readouterr().err


@pytest.mark.parametrize("text", cases(["", "{", "[]", '{"format": 2}', '{"format": 1, "environment": []}', "\udcff",
                                        '{"format":1,"environment":{"CNI_CONTAINERID":"c1","CNI_IFNAME":"net1"},'
                                        '"conf":"[","tries":0,"error":""}']))  # fmt: skip
def test_a_file_that_is_no_good(world, broken, text):
    folder = world.root / "state" / "releases"
    folder.mkdir(parents=True)
    (folder / "c1@net1").write_bytes(text.encode("utf-8", "surrogateescape"))
    make_due(world)
    assert releases.sweep(host(world), 9) == []
    assert (entries(world), releases.pending(host(world))) == ([], [])
    world.call("ADD", conf(world), host(world))
    world.call("DEL", conf(world), host(world))
    assert held(world) == []


def test_what_a_killed_process_wrote_aside_goes(world):
    folder = world.root / "state" / "releases"
    folder.mkdir(parents=True)
    (folder / ".new-1").write_text("{")
    before, releases._ASIDE_SECONDS = releases._ASIDE_SECONDS, -1.0
    try:
        assert releases.pending(host(world)) == []
    finally:
        releases._ASIDE_SECONDS = before
    assert held(world) == []


REFUSED = {
    "ipam.type": {"ipam": {"type": "a/b"}}, "ipam": {"ipam": []}, "logFile": {"logFile": "/etc/x"},
    "prevResult": {"prevResult": {"ips": 5}}, "mac": {"mac": "x"}, "runtimeConfig": {"runtimeConfig": 5},
    "deviceID": {"deviceID": 5}, "dns": {"dns": []}, "vlan_trunk": {"vlan_trunk": "x"},
}  # fmt: skip


@pytest.mark.parametrize("key", cases(REFUSED))
def test_what_add_refused_goes(world, key):
    """Not only for its IPAM plugin's sake does a pod stay."""
    before = world.snapshot()
    with pytest.raises(Refusal):
        world.call("ADD", {**world.conf, **REFUSED[key]})
    world.call("DEL", {**world.conf, **REFUSED[key]})
    assert world.snapshot() == before


def test_limits():
    """A DEL with all that it may wait for is over long before the kubelet gives up."""
    assert NodeHost.ipam_del_seconds == DEL_SECONDS
    assert NodeHost.gate_seconds + NodeHost.ipam_del_seconds + NodeHost.settle_seconds + 5 < 60

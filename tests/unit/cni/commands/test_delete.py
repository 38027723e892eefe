# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DEL in every state of the world, and who owns a VF."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from support.cni_world import PF, PF_NAME, VF, VF_MAC, VF_NAME, Refusal, WorldHost, run
from support.processes import eventually
from support.vector_ids import vectors


def test_del_without_add_and_twice(world):
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24")}
    world.call("DEL", conf)
    world.call("ADD", conf)
    world.call("DEL", conf)
    world.call("DEL", conf)
    assert world.ipam_calls == ["DEL", "ADD", "DEL", "DEL"]


@vectors("cni", 83)
def test_del_without_journal_says_nothing(world):
    assert world.raw_call("DEL", world.conf) == (0, "")


@vectors("cni", 84)
def test_del_without_netns_brings_the_vf_back(world):
    """Ours on purpose: the journal knows the namespace, so the VF comes back even if the runtime does not
    say it.
    """
    before = world.snapshot()
    world.call("ADD")
    world.call("DEL", CNI_NETNS="")
    assert world.snapshot() == before


def test_del_after_the_namespace_ended(world):
    """The kernel brings the VF back a moment later, down, under another name, with the pod's MTU and MAC."""
    before = world.snapshot()
    world.call("ADD", {**world.conf, "mac": "02:00:00:00:0A:E1", "vlan": 100, "mtu": 1400})

    def kernel() -> None:
        time.sleep(0.2)
        run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns, "name", "dev7")

    # out of the namespace, whose end is not the VF's: held in a third one until the "kernel" has its moment
    aside = world.add_netns(world.pod_ns + "x")
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", os.path.basename(aside))
    run("ip", "netns", "del", world.pod_ns)
    world.pod_ns += "x"
    thread = threading.Thread(target=kernel)
    thread.start()
    host = WorldHost(world)
    host.settle_seconds = 20.0
    world.call("DEL", None, host, CNI_NETNS="/run/netns/gone")
    thread.join()
    assert world.snapshot() == before


def test_udev_gives_the_name_as_an_alternative_one(world):
    """As it does for an interface that comes out of a namespace that ended, whenever it gets to it."""
    before = world.snapshot()
    world.call("ADD", world.conf)
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns, "name", "dev7")

    class Host(WorldHost):
        def step(self, what: str) -> None:
            if what == "rename back":
                run("ip", "link", "property", "add", "dev", "dev7", "altname", VF_NAME)
            super().step(what)

    world.call("DEL", host=Host(world))
    assert world.snapshot() == before


def test_del_when_the_interface_is_nowhere(world, capfd):
    """DEL sets the PF back and succeeds; the journal stays for who comes next, should the interface come again."""
    before = world.snapshot()
    world.call("ADD", {**world.conf, "vlan": 9})
    aside = os.path.basename(world.add_netns(world.pod_ns + "x"))
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", aside)
    run("ip", "netns", "del", world.pod_ns)
    world.call("DEL")
    assert "is not on the host, and /run/netns/" in capfd.readouterr().err
    assert (world.pf["vfs"], world.snapshot()["journal"]) == (before["pf"], [f"adding-{VF}@c1@net1"])
    run("ip", "netns", "add", world.pod_ns)
    with pytest.raises(Refusal, match="is not as it was before container c1 interface net1 had it") as refused:
        world.call("ADD", CNI_CONTAINERID="c2")
    assert refused.value.code == 11
    run("ip", "-n", aside, "link", "set", "net1", "netns", world.host_ns, "name", "dev7")
    world.call("ADD", CNI_CONTAINERID="c2")
    world.call("DEL", CNI_CONTAINERID="c2")
    assert world.snapshot() == before


def test_pf_without_interface_blocks_neither_add_nor_del(world, capfd):
    before = world.snapshot()
    (world.device(PF) / "net" / PF_NAME).rename(world.root / "aside")
    (world.device(PF) / "net").rmdir()
    with pytest.raises(Refusal, match=f"PF {PF} of VF {VF} has no interface on the host") as refused:
        world.call("ADD", {**world.conf, "vlan": 9})
    assert refused.value.code == 100
    world.call("ADD")
    world.call("DEL")
    assert world.snapshot() == before


def test_pf_loses_its_interface_between_add_and_del(world, capfd):
    """The VF's own interface is back as it was; what the PF keeps is set back before the next pod has the VF."""
    before = world.snapshot()
    world.call("ADD", {**world.conf, "vlan": 9, "mac": "02:00:00:00:0a:e1", "mtu": 1400})
    (world.device(PF) / "net").rename(world.root / "aside")
    world.call("DEL")
    assert "its settings of the VF (vlan, mac) are not as they were" in capfd.readouterr().err
    assert world.snapshot()["vf"] == before["vf"]
    with pytest.raises(Refusal, match="is not as it was before container c1"):
        world.call("ADD", CNI_CONTAINERID="c2")
    (world.root / "aside").rename(world.device(PF) / "net")
    world.call("ADD", CNI_CONTAINERID="c2")
    assert world.pf["vfs"] == before["pf"]
    world.call("DEL", CNI_CONTAINERID="c2")
    assert world.snapshot() == before


def test_the_path_names_another_namespace_by_now(world):
    """A recycled path: the interface called net1 in there is not ours."""
    before = world.snapshot()
    world.call("ADD")
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns, "name", "dev9")
    run("ip", "netns", "del", world.pod_ns)
    run("ip", "netns", "add", world.pod_ns)
    world.add_link("net1", world.pod_ns)
    world.call("DEL")
    assert world.snapshot() == before
    assert world.pod_link()["ifname"] == "net1"


def test_pf_renamed_between_add_and_del(world):
    before = world.snapshot()
    world.call("ADD", {**world.conf, "vlan": 9})
    (world.device(PF) / "net" / PF_NAME).rename(world.device(PF) / "net" / "enp1s0np0")
    world.call("DEL")
    assert world.snapshot() == before


def test_vf_that_is_no_more(world):
    world.call("ADD", {**world.conf, "vlan": 9})
    for index in (0, 1):
        (world.device(PF) / f"virtfn{index}").unlink()
    world.call("DEL")
    assert world.snapshot()["journal"] == []


@vectors("cni", 24)
def test_vf_in_use(world):
    world.call("ADD")
    with pytest.raises(
        Refusal, match=r"VF 0000:01:10\.0 is in use by container c1 interface net1"
    ) as refused:
        world.call("ADD", CNI_CONTAINERID="c2")
    assert refused.value.code == 11
    world.call("DEL", CNI_CONTAINERID="c2")
    assert world.pod_link()["ifname"] == "net1"  # another container's DEL took nothing


@vectors("cni", 26)
def test_owner_is_dead(world):
    before = world.snapshot()
    world.call("ADD", {**world.conf, "vlan": 77, "mac": "02:00:00:00:00:77"})
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns)
    run("ip", "netns", "del", world.pod_ns)
    run("ip", "netns", "add", world.pod_ns)
    world.call("ADD", CNI_CONTAINERID="c2")
    assert world.pf["vfs"] == before["pf"]
    assert world.pod_link()["address"] == VF_MAC
    world.call("DEL", CNI_CONTAINERID="c1")
    assert world.pod_link()["ifname"] == "net1"
    world.call("DEL", CNI_CONTAINERID="c2")
    assert world.snapshot() == before


def test_journal_of_an_earlier_boot_is_dropped(world, monkeypatch):
    world.call("ADD", {**world.conf, "vlan": 77})
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns, "name", VF_NAME)
    world.set_pf(sent=[])
    monkeypatch.setattr(WorldHost, "boot_id", lambda self: "another")
    world.call("DEL", {**world.conf, "vlan": 77})
    assert (world.pf["sent"], world.snapshot()["journal"]) == ([], [])


def test_damaged_journal_lets_the_pod_go(world, capfd):
    """Nobody knows how its VF was, so nobody else gets it."""
    world.call("ADD")
    file = world.root / "state" / "journal" / f"{VF}@c1@net1"
    good = file.read_text()
    for bad in ("", "{", "[]", good.replace('"format":1', '"format":2'), good.replace('"mtu"', '"mtv"')):
        file.write_text(bad)
        assert world.raw_call("DEL", world.conf) == (0, "")
        assert "cannot be used" in capfd.readouterr().err
        with pytest.raises(Refusal, match="cannot be used") as refused:
            world.call("ADD", CNI_CONTAINERID="c2")
        assert refused.value.code == 103
    file.write_text(good)
    world.call("DEL")


@vectors("cni", 67)
def test_second_call_waits_for_the_first(world):
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24", sleep=1)}
    first = world.start("ADD", conf)
    eventually(lambda: world.ipam_calls == ["ADD"])
    with pytest.raises(Refusal, match="is in use by container c1"):
        world.call("ADD", CNI_CONTAINERID="c2")
    os.waitpid(first, 0)
    world.call("DEL", conf)


@vectors("cni", 68)
def test_del_is_slow_and_the_vf_has_a_new_owner(world):
    """The namespace ends while DEL waits for its IPAM plugin: the next ADD repairs, DEL takes nothing."""
    before = world.snapshot()
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24")}
    world.call("ADD", {**conf, "vlan": 55})
    slow = {**conf, "ipam": world.ipam("10.9.0.5/24", sleep=1)}
    late = world.start("DEL", slow)
    eventually(lambda: world.ipam_calls == ["ADD", "DEL"])
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns)
    run("ip", "netns", "del", world.pod_ns)
    run("ip", "netns", "add", world.pod_ns)
    world.call("ADD", {**conf, "vlan": 1234}, CNI_CONTAINERID="c2")
    assert os.waitstatus_to_exitcode(os.waitpid(late, 0)[1]) == 0
    assert [entry[1] for entry in world.pf["sent"]] == [55, 0, 1234]
    assert world.pod_link()["ifname"] == "net1"
    world.call("DEL", conf, CNI_CONTAINERID="c2")
    assert world.snapshot() == before


def test_del_in_parallel(world):
    before = world.snapshot()
    conf = {**world.conf, "vlan": 9, "ipam": world.ipam("10.9.0.5/24")}
    world.call("ADD", conf)
    calls = [world.start("DEL", conf) for _turn in range(4)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in calls] == [0, 0, 0, 0]
    assert world.snapshot() == before


def test_a_hanging_ipam_plugin_delays_no_other_container(world):
    hanging = world.start("ADD", {**world.conf, "ipam": world.ipam("10.9.0.5/24", sleep=3)})
    eventually(lambda: world.ipam_calls == ["ADD"])
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24")}
    world.call("DEL", conf, CNI_CONTAINERID="1c")  # c1 has the VF
    world.call("DEL", conf, CNI_IFNAME="net2")
    assert os.waitpid(hanging, os.WNOHANG) == (0, 0)  # it still runs
    os.waitpid(hanging, 0)
    world.call("DEL")


def test_del_stops_an_ipam_plugin_that_never_ends(world):
    """The ADD that started it was killed; nobody will read its answer."""
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24", sleep=3600)}
    before = world.snapshot()
    pid = world.start("ADD", conf)
    eventually(lambda: world.ipam_calls == ["ADD"])
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    host = WorldHost(world)
    host.gate_seconds = 0.5
    world.call("DEL", {**conf, "ipam": world.ipam("10.9.0.5/24")}, host)
    assert world.snapshot() == before
    running = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline")]
    assert not any(str(world.root / "bin").encode() in line for line in running)

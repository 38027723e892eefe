# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attachments that the program in Go made, which had our name and state folder before: its files, laid out here."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from sriov_cni import cli
from support.cni_world import VF, VF_NAME, VF_VFIO, Refusal, WorldHost, run

MAC = "02:00:00:00:0a:e1"
NETWORK = "net"
ASKED = {"vlan": 100, "vlanQoS": 3, "trust": "on", "mac": MAC}


def attach(world, device: str = VF, container: str = "c1") -> None:
    """What its ADD leaves with VLAN 100, trust and a MAC: on the PF, in the pod, on disk."""
    state = world.root / "state"
    (state / "pci").mkdir(parents=True, exist_ok=True)
    index = 0 if device == VF else 1
    vfs = world.pf["vfs"]
    before = vfs[index]["mac"]
    vfs[index].update(vlan=100, qos=3, trust=1, mac=MAC)
    world.set_pf(vfs=vfs)
    original = {
        "HostIFName": VF_NAME if index == 0 else "", "SpoofChk": True, "Trust": False, "AdminMAC": before,
        "EffectiveMAC": before if index == 0 else "", "Vlan": 0, "VlanQoS": 0, "VlanProto": 33024, "MinTxRate": 0,
        "MaxTxRate": 0, "LinkState": 0, "MTU": 1500,
    }  # fmt: skip
    conf = {
        "cniVersion": "1.0.0", "name": NETWORK, "type": "sriov", "deviceID": device, "vlan": 100, "vlanQoS": 3,
        "vlanProto": "802.1q", "trust": "on", "MAC": MAC, "Master": "enp1s0", "VFID": index, "OrigVfState": original,
        "ipam": {},
    }  # fmt: skip
    (state / f"{container}-net1").write_text(json.dumps(conf))
    (state / "pci" / device).write_text(f"/run/netns/{world.pod_ns}")
    if index == 0:
        run("ip", "link", "set", VF_NAME, "address", MAC)
        run("ip", "link", "set", VF_NAME, "netns", world.pod_ns, "name", "net1")
        run("ip", "-n", world.pod_ns, "link", "set", "net1", "up", "mtu", "1400")


def left(world) -> list[str]:
    state = world.root / "state"
    return sorted(os.listdir(state / "pci")) + [name for name in os.listdir(state) if (state / name).is_file()]


@pytest.mark.parametrize("device", [VF, VF_VFIO])
def test_del_takes_the_vf_back(world, device):
    before = world.snapshot()
    attach(world, device)
    world.call("DEL", {**world.conf, "deviceID": device})
    after = world.snapshot()
    if device == VF_VFIO:  # a MAC of zeros is "none", and told to the driver as one
        assert [vf["vlan"] for vf in after["pf"]] == [0, 0]
    assert (after, left(world)) == (before, [])
    world.call("DEL", {**world.conf, "deviceID": device})
    world.call("ADD")
    world.call("DEL")
    assert world.snapshot() == before


def test_del_after_its_namespace_ended(world):
    before = world.snapshot()
    attach(world)
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns, "name", "dev7")
    run("ip", "netns", "del", world.pod_ns)
    world.call("DEL", CNI_NETNS="")
    assert (world.snapshot(), left(world)) == (before, [])


def test_add_waits_for_a_pod_that_has_the_vf(world):
    attach(world)
    with pytest.raises(Refusal, match="is in use by a pod that another CNI plugin sriov gave it to") as refused:
        world.call("ADD", CNI_CONTAINERID="c2")
    assert refused.value.code == 11
    assert world.pod_link()["address"] == MAC


def test_add_repairs_what_it_left(world):
    before = world.snapshot()
    attach(world)
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns)
    run("ip", "netns", "del", world.pod_ns)
    world.set_pf(sent=[])
    world.add_netns(world.pod_ns)
    (world.root / "state" / "pci" / VF).write_text("/run/netns/gone")
    world.call("ADD", CNI_CONTAINERID="c2")
    assert (world.pf["vfs"], left(world)) == (before["pf"], [])
    world.call("DEL")  # of the pod that had it: takes nothing
    assert world.pod_link()["ifname"] == "net1"
    world.call("DEL", CNI_CONTAINERID="c2")
    assert world.snapshot() == before


def test_files_of_an_earlier_boot_change_nothing(world):
    attach(world, VF_VFIO)
    for file in (world.root / "state" / "c1-net1", world.root / "state" / "pci" / VF_VFIO):
        os.utime(file, (1, 1))
    world.set_pf(sent=[])
    world.call("DEL", {**world.conf, "deviceID": VF_VFIO})
    assert (world.pf["sent"], left(world)) == ([], [])


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"deviceID": 1}', '{"deviceID": "../x"}'])
def test_damaged_files(world, text):
    attach(world)
    file = world.root / "state" / "c1-net1"
    file.write_text(text)
    status, answer = world.raw_call("DEL", world.conf)
    if '"deviceID"' in text:
        assert (status, json.loads(answer)["code"]) == (1, 103)
    else:  # it takes such a file for none itself
        assert (status, answer) == (0, "")
    assert world.pod_link()["ifname"] == "net1"


def collect(world, valid: list, network: str = NETWORK) -> None:
    conf = {**world.conf, "name": network, "cni.dev/valid-attachments": valid}
    world.call("GC", conf, CNI_CONTAINERID="", CNI_IFNAME="", CNI_NETNS="")


@pytest.mark.parametrize("container", ["c1", "c-1"])
def test_gc_brings_back_what_is_gone(world, container):
    """Though its namespace is alive, and its interface's name has a dash; it does not stay as an alternative one."""
    before = world.snapshot()
    attach(world, container=container)
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "name", "net-1")
    state = world.root / "state"
    (state / f"{container}-net1").rename(state / f"{container}-net-1")
    collect(world, [{"containerID": container, "ifname": "net1"}])
    assert (world.snapshot(), left(world)) == (before, [])


@pytest.mark.parametrize("container", ["c1", "c-1"])
def test_gc_keeps_what_is_valid_or_of_another_network(world, container):
    attach(world, container=container)
    collect(world, [{"containerID": container, "ifname": "net1"}])
    collect(world, [], network="other")
    assert world.pod_link()["address"] == MAC
    assert left(world) == [VF, f"{container}-net1"]


def test_gc_of_an_earlier_boot_changes_nothing(world):
    attach(world, VF_VFIO)
    for file in (world.root / "state" / "c1-net1", world.root / "state" / "pci" / VF_VFIO):
        os.utime(file, (1, 1))
    world.set_pf(sent=[])
    collect(world, [])
    assert (world.pf["sent"], left(world)) == ([], [])


def test_gc_goes_on_after_a_damaged_file(world):
    before = world.snapshot()
    attach(world)
    damaged = world.root / "state" / "c0-net1"
    damaged.write_text(json.dumps({"name": NETWORK, "deviceID": "../x"}))
    with pytest.raises(Refusal, match="c0-net1 cannot be used: expected a PCI address") as refused:
        collect(world, [])
    assert refused.value.code == 103
    assert (world.snapshot(), left(world)) == (before, ["c0-net1"])


def listed(world) -> list[tuple[str, str, bool]]:
    status, text = cli._attachments(WorldHost(world))
    assert status == 0
    return [(entry["vf"], entry["container"], entry["in_use"]) for entry in json.loads(text)]


def test_cli_shows_its_attachments_and_releases_those_that_are_gone(world):
    before = world.snapshot()
    attach(world)
    entry = json.loads(cli._attachments(WorldHost(world))[1])[0]
    assert entry == {
        "vf": VF, "container": "c1", "interface": "net1", "network": NETWORK, "netns": f"/run/netns/{world.pod_ns}",
        "in_use": True, "made_by": "sriov-cni",
    }  # fmt: skip
    assert cli._release(WorldHost(world)) == (0, "")
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns, "name", "dev7")
    run("ip", "netns", "del", world.pod_ns)
    assert listed(world) == [(VF, "c1", False)]
    assert cli._release(WorldHost(world)) == (0, f"VF {VF} of container c1 interface net1 is back\n")
    assert (world.snapshot(), left(world), listed(world)) == (before, [], [])


def test_cli_releases_a_vf_from_the_last_pod_to_the_first(world):
    """How it was before both is in the first one's file, which comes to light when the last is given back."""
    before = world.snapshot()
    attach(world, container="c2")
    state = world.root / "state"
    (state / "c1-net1").write_text((state / "c2-net1").read_text())
    long_ago = (state / "c2-net1").stat().st_mtime_ns - 10**9
    os.utime(state / "c1-net1", ns=(long_ago, long_ago))
    assert listed(world) == [(VF, "c2", True)]
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns)
    run("ip", "netns", "del", world.pod_ns)
    back = "".join([f"VF {VF} of container {container} interface net1 is back\n" for container in ("c2", "c1")])
    assert cli._release(WorldHost(world)) == (0, back)
    assert (world.snapshot(), left(world)) == (before, [])


def test_cli_tells_of_one_that_does_not_come_back(world):
    attach(world)
    run("ip", "netns", "del", world.pod_ns)  # and the veth with it
    status, text = cli._release(WorldHost(world))
    assert status == 1
    assert text.startswith(f"VF {VF} of container c1 interface net1 is not back: ")


@pytest.mark.parametrize("who", ["ours", "its"])
def test_cli_releases_the_others_where_one_is_refused(world, who):
    gone = world.add_netns(world.pod_ns + "x")
    if who == "ours":
        world.call("ADD", {**world.conf, "deviceID": VF_VFIO, "vlan": 9}, CNI_CONTAINERID="c0", CNI_NETNS=gone)
    else:
        attach(world, VF_VFIO, "c0")
        (world.root / "state" / "pci" / VF_VFIO).unlink()
    run("ip", "netns", "del", world.pod_ns + "x")
    attach(world)
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns, "name", "dev7")
    run("ip", "netns", "del", world.pod_ns)
    held = Path(WorldHost(world).state) / "locks" / f"{VF_VFIO}.lock"
    held.parent.mkdir(exist_ok=True)
    host = WorldHost(world)
    host.lock_seconds = 0.1
    with open(held, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, text = cli._release(host)
    lines = sorted(text.splitlines())
    assert status == 1
    assert lines[0] == f"VF {VF} of container c1 interface net1 is back"
    assert lines[1].startswith(f"VF {VF_VFIO} of container c0 interface net1 is not back: VF {VF_VFIO} is held by")
    assert len(lines) == 2


@pytest.mark.parametrize("spoil", ["earlier boot", "no address"])
def test_cli_does_not_show_what_is_none(world, spoil):
    attach(world, VF_VFIO)
    file = world.root / "state" / "c1-net1"
    if spoil == "no address":
        file.write_text(json.dumps({"name": NETWORK, "deviceID": "../x"}))
    else:
        os.utime(file, (1, 1))
    assert listed(world) == []
    assert cli._release(WorldHost(world)) == (0, "")


@pytest.mark.parametrize("command", ["DEL", "GC"])
def test_a_vf_that_it_gave_to_another_pod_meanwhile_stays_there(world, command):
    """It gives a VF away again once a namespace has ended; the DEL of the first pod may come after that."""
    first = world.snapshot()
    attach(world, container="c1")
    state = world.root / "state"
    os.rename(state / "c1-net1", state / "c2-net1")  # the pod that has it now
    stale = json.loads((state / "c2-net1").read_text())
    (state / "c1-net1").write_text(json.dumps(stale))
    long_ago = (state / "c2-net1").stat().st_mtime_ns - 10**9
    os.utime(state / "c1-net1", ns=(long_ago, long_ago))
    world.set_pf(sent=[])
    if command == "DEL":
        world.call("DEL", CNI_CONTAINERID="c1", CNI_NETNS="")
    else:
        collect(world, [{"containerID": "c2", "ifname": "net1"}])
    assert (world.pod_link()["address"], world.pf["sent"]) == (MAC, [])
    collect(world, [])
    collect(world, [])
    assert (world.snapshot(), left(world)) == (first, [])


@pytest.mark.parametrize("device", [VF, VF_VFIO])
def test_check_of_its_attachment(world, device):
    attach(world, device)
    asked = {**world.conf, **ASKED, "deviceID": device}
    mac = {"mac": MAC} if device == VF else {}
    interface = {"name": "net1", "sandbox": f"/run/netns/{world.pod_ns}", **mac}
    previous = {"cniVersion": "1.1.0", "interfaces": [interface]}
    assert world.raw_call("CHECK", {**asked, "prevResult": previous}) == (0, "")
    vfs = world.pf["vfs"]
    vfs[0 if device == VF else 1].update(vlan=7)
    world.set_pf(vfs=vfs)
    with pytest.raises(Refusal, match="vlan: expected 100, found 7") as refused:
        world.call("CHECK", {**asked, "prevResult": previous})
    assert refused.value.code == 102


@pytest.mark.parametrize("spoil", ["gone", "earlier boot", "ours"])
def test_check_of_what_it_has_no_more(world, spoil):
    previous = {"cniVersion": "1.1.0", "interfaces": [{"name": "net1", "sandbox": f"/run/netns/{world.pod_ns}"}]}
    conf = {**world.conf, "deviceID": VF_VFIO, "prevResult": previous}
    attach(world, VF_VFIO)
    file = world.root / "state" / "c1-net1"
    if spoil == "gone":
        file.unlink()
    elif spoil == "earlier boot":
        os.utime(file, (1, 1))
    else:
        (world.root / "state" / "pci" / VF_VFIO).unlink()
        world.call("ADD", {**world.conf, "deviceID": VF_VFIO}, CNI_CONTAINERID="c2")
    with pytest.raises(Refusal, match="container c1 has no VF as net1") as refused:
        world.call("CHECK", conf)
    assert refused.value.code == 102

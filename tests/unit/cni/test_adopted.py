# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attachments that the program in Go made, which had our name and state folder before: its files, laid out here."""

from __future__ import annotations

import json
import os

import pytest
from cniworld import VF, VF_NAME, VF_VFIO, Refusal, run

MAC = "02:00:00:00:0a:e1"


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
        "cniVersion": "1.0.0", "name": "net", "type": "sriov", "deviceID": device, "vlan": 100, "vlanQoS": 3,
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

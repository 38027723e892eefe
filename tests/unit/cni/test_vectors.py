# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upstream's test vectors that no other file here has a place for; a docstring says where our answer is another."""

from __future__ import annotations

import errno
import json
from types import SimpleNamespace

import pytest

from shared import pci
from sriov_cni.netlink import messages, socket
from sriov_cni.pod.interface import Pod
from sriov_cni.spec.errors import CniError
from sriov_cni.vf.journal import Attachment, Store
from sriov_cni.vf.settings import SETTINGS
from sriov_cni.vf.vf import find, move_to_pod
from support.cni_world import PF, PF_NAME, VF, VF_MAC, VF_NAME, VF_VFIO, Refusal, WorldHost, run
from support.vector_ids import vectors

UNKNOWN = "0000:af:07.0"


@vectors("cni", 25)
def test_no_journal_no_owner(world):
    store = Store(WorldHost(world))
    store.prepare()
    assert (store.of_vf(VF), store.of_owner("c1", "net1"), store.owners()) == (None, None, [])


@vectors("cni", 27)
def test_number_of_vfs(world):
    """Ours asks by PCI address, which no rename changes; an unknown PF has none."""
    (world.device(PF) / "sriov_numvfs").write_text("2\n")
    assert (pci.num_vfs(str(world.root), PF), pci.num_vfs(str(world.root), UNKNOWN)) == (2, 0)


@vectors("cni", 28, 29)
def test_index_and_pf_of_a_vf(world):
    root = str(world.root)
    assert (pci.vf_index(root, VF), pci.vf_index(root, UNKNOWN)) == (0, -1)
    assert (pci.physfn(root, VF), pci.physfn(root, UNKNOWN)) == (PF, None)
    with pytest.raises(CniError, match="no such PCI device"):
        find(WorldHost(world), UNKNOWN)


@vectors("cni", 30)
def test_vf_of_a_pf(world):
    assert pci.virtfns(str(world.root), PF) == {0: VF, 1: VF_VFIO}
    assert pci.virtfns(str(world.root), UNKNOWN) == {}


@vectors("cni", 31)
def test_interface_names(world):
    assert pci.net_names(str(world.root), PF) == [PF_NAME]
    assert pci.net_names(str(world.root), UNKNOWN) == []


@vectors("cni", 37, 39)
def test_journal_file(world):
    """Ours has the VF in the name as well, and keeps what has to be undone, not the configuration."""
    world.call("ADD", {**world.conf, "vlan": 5})
    (name,) = world.snapshot()["journal"]
    assert name == f"{VF}@c1@net1"
    raw = json.loads((world.root / "state" / "journal" / name).read_text())
    assert "dns" not in raw
    record = Attachment.from_dict(raw)
    assert (record.address, record.container, record.ifname, record.to_dict()) == (VF, "c1", "net1", raw)


@vectors("cni", 38)
def test_dns_is_in_the_result(world):
    """Upstream keeps it in its cache and tells nobody."""
    dns = {"domain": "example.org", "nameservers": ["192.0.2.53"]}
    assert world.call("ADD", {**world.conf, "dns": dns})["dns"] == dns


@vectors("cni", 48)
def test_mtu_in_the_result(world):
    """The VF's own; a VF without interface has its PF's."""
    run("ip", "link", "set", VF_NAME, "mtu", "1480")
    assert world.call("ADD")["interfaces"][0]["mtu"] == 1480
    answer = world.call("ADD", {**world.conf, "deviceID": VF_VFIO}, CNI_CONTAINERID="c2")
    assert answer["interfaces"][0]["mtu"] == 1500


class Refusing:
    """A socket whose kernel refuses every change."""

    def change(self, *batch) -> None:
        raise socket.NetlinkError(errno.EBUSY, "driver says no")


@vectors("cni", 49)
def test_interface_does_not_come_up(world):
    host = WorldHost(world)
    pod = Pod.__new__(Pod)
    pod.socket = Refusing()
    link = SimpleNamespace(index=7, name="net1")
    with pytest.raises(CniError, match=r"net1 of the pod cannot be set up: .*\(driver says no\)") as refused:
        pod.up(link)
    assert (refused.value.code, host.steps) == (101, [])


@vectors("cni", 50)
def test_move_fails(world):
    """Nothing else is attempted."""
    host = WorldHost(world)
    host._socket = Refusing()
    pod = SimpleNamespace(netns=SimpleNamespace(fd=0, path="/run/netns/x"))
    link = SimpleNamespace(index=7, name="enp1s0v0", altnames=[])
    with pytest.raises(CniError, match=r"enp1s0v0 cannot be moved to /run/netns/x as net1: .*driver says no"):
        move_to_pod(host, link, "net1", pod, lambda: None)
    assert host.steps == ["move"]


@vectors("cni", 51)
def test_vf_without_interface(world, monkeypatch):
    monkeypatch.setattr("sriov_cni.vf.vf._PROBE_SECONDS", 0.1)
    before = world.pf
    run("ip", "link", "del", VF_NAME)
    with pytest.raises(Refusal, match="has no network interface on the host") as refused:
        world.call("ADD", {**world.conf, "vlan": 5})
    assert (refused.value.code, world.pf) == (100, before)


@vectors("cni", 56)
def test_nothing_to_restore_nothing_sent(world):
    """Where MAC and MTU are as before, DEL sets neither. Ours always has both in the journal."""
    host = WorldHost(world)
    world.call("ADD")
    world.call("DEL", host=host)
    assert {"set mac", "restore mtu"} & set(host.steps) == set()


@vectors("cni", 60)
def test_mac_of_the_pf_comes_back_though_none_was_asked(world):
    """A guest with the whole VF told its PF a MAC. A VF with a kernel driver gets its MAC back on its own side."""
    conf = {**world.conf, "deviceID": VF_VFIO}
    vfs = world.pf["vfs"]
    vfs[1]["mac"] = "02:00:00:00:00:99"
    world.set_pf(vfs=vfs)
    world.call("ADD", conf)
    vfs[1]["mac"] = "02:00:00:00:00:ab"
    world.set_pf(vfs=vfs)
    world.call("DEL", conf)
    assert world.pf["vfs"][1]["mac"] == "02:00:00:00:00:99"
    assert world.pf["sent"] == [["mac", "02:00:00:00:00:99"]]


@vectors("cni", 61)
def test_everything_asked_everything_back(world):
    """Also where the driver does not report the VLAN's protocol: then it is 802.1Q."""
    vfs = world.pf["vfs"]
    vfs[0].update(vlan=1, qos=1, proto=-1, spoofchk=0, trust=0, min_rate=0, max_rate=0, link_state=2)
    world.set_pf(vfs=vfs)
    asked = {"vlan": 6, "vlanQoS": 2, "spoofchk": "on", "trust": "on", "min_tx_rate": 5, "max_tx_rate": 9}
    conf = {**world.conf, **asked, "link_state": "enable", "mac": "02:00:00:00:00:61"}
    world.call("ADD", conf)
    world.set_pf(sent=[])
    world.call("DEL", conf)
    assert sorted(world.pf["sent"]) == [
        ["link_state", 2], ["mac", VF_MAC], ["rate", 0, 0], ["spoofchk", 0], ["trust", 0], ["vlan", 1, 1, -1],
    ]  # fmt: skip
    state = {"vlan": 1, "qos": 1, "proto": -1}
    assert SETTINGS["vlan"].encode(0, state)[-4:-2] == bytes.fromhex("8100")


@pytest.mark.parametrize(("device", "moves"), [(VF, 1), (VF_VFIO, 0)], ids=["kernel", "vfio"])
def test_namespace_moves_are_counted(world, monkeypatch, device, moves):
    """Each costs an RCU grace period, which is most of a call."""
    seen, change = [], socket.Socket.change

    def counted(self, *batch) -> None:
        for kind, _flags, payload in batch:
            if kind == messages.RTM_SETLINK and messages.IFLA_NET_NS_FD in dict(socket.attributes(payload[16:])):
                seen.append(payload)
        change(self, *batch)

    monkeypatch.setattr(socket.Socket, "change", counted)
    conf = {**world.conf, "deviceID": device, "vlan": 5, "mac": "02:00:00:00:0a:e1"}
    for command in ("ADD", "DEL"):
        seen.clear()
        world.call(command, conf)
        assert len(seen) == moves

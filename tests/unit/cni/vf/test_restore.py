# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back through drivers that refuse: all is tried, the pod goes, and what is left keeps the VF from being given
out.

# source: Linux, i40e_virtchnl_pf.c (i40e_can_vf_change_mac: an untrusted VF with an administrator's MAC may not change
# its own; -EAGAIN from i40e_ndo_set_vf_* while it resets), ice_virtchnl.c (ice_can_vf_change_mac), ixgbe_sriov.c
# (ixgbe_ndo_set_vf_bw: -EINVAL for rates while the PF's link is down).
"""

from __future__ import annotations

import errno
import json
import os

import pytest

from sriov_cni import cli
from sriov_cni.commands import sweep
from sriov_cni.netlink import messages, socket
from sriov_cni.netlink.addresses import ZERO_MAC
from support.cni_world import VF, VF_MAC, VF_VFIO, FakePf, Refusal, WorldHost, run

PODS_MAC = "02:00:00:00:0b:ad"
OTHER = {"CNI_CONTAINERID": "c2"}


class Guarded:
    """The host's netlink, before a driver that lets no untrusted VF with an administrator's MAC have its own."""

    def __init__(self, world, inner) -> None:
        self._world, self._inner = world, inner

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def change(self, *batch) -> None:
        for kind, _flags, payload in batch:
            sets_mac = kind == messages.RTM_SETLINK and messages.IFLA_ADDRESS in dict(socket.attributes(payload[16:]))
            pf = self._world.pf
            if sets_mac and 0 in pf["pinned"] and not pf["vfs"][0]["trust"]:
                raise socket.NetlinkError(errno.EADDRNOTAVAIL)
        self._inner.change(*batch)


class GuardedHost(WorldHost):
    @property
    def socket(self):
        return Guarded(self.world, super().socket)


def withheld(world) -> dict[str, dict]:
    folder = world.root / "state" / "withheld"
    return {file.name: json.loads(file.read_text()) for file in folder.glob("*")} if folder.exists() else {}


def make_due(world) -> None:
    for address in withheld(world):
        os.utime(world.root / "state" / "withheld" / address, (1, 1))


def finding(number: str, *names: str):
    return pytest.mark.parametrize("name", [pytest.param(name, id=f"finding-cni-{number}-{name}") for name in names])


@finding("02", "the-pf-tells-it", "the-pf-tells-nothing")
def test_a_trusted_vf_changed_its_mac(world, name):
    before = world.snapshot()
    world.call("ADD", {**world.conf, "trust": "on"}, GuardedHost(world))
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "address", PODS_MAC)
    if name == "the-pf-tells-it":
        world.set_pf(vfs=[{**world.pf["vfs"][0], "mac": PODS_MAC}, world.pf["vfs"][1]])
    world.set_pf(sent=[])
    assert world.raw_call("DEL", {**world.conf, "trust": "on"}, GuardedHost(world)) == (0, "")
    assert (world.snapshot(), withheld(world)) == (before, {})
    sent = [entry[0] for entry in world.pf["sent"]]
    assert sent == (["mac", "trust"] if name == "the-pf-tells-it" else ["trust"])


@finding("02", "no-administrators-mac")
def test_a_vf_without_an_administrators_mac_does_not_get_one(world, name):
    world.set_pf(vfs=[{**world.pf["vfs"][0], "mac": ZERO_MAC}, world.pf["vfs"][1]], pinned=[])
    before = world.snapshot()
    world.call("ADD", {**world.conf, "trust": "on"})
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "address", PODS_MAC)
    world.set_pf(vfs=[{**world.pf["vfs"][0], "mac": VF_MAC}, world.pf["vfs"][1]])  # it tells the VF's own
    world.call("DEL")
    assert world.snapshot()["vf"] == before["vf"]
    assert (world.pf["pinned"], withheld(world)) == ([], {})


REFUSED = {"rate": {"max_tx_rate": 100}, "trust": {"trust": "on"}, "vlan": {"vlan": 5}, "spoofchk": {"spoofchk": "off"}}


@finding("03", *REFUSED)
def test_what_a_driver_refuses_is_kept_for_later(world, name, capfd):
    """And the rest is set back."""
    conf = {**world.conf, "mac": "02:00:00:00:0a:e1"}
    for keys in REFUSED.values():
        conf = {**conf, **keys}
    before = world.snapshot()
    world.call("ADD", conf)
    world.set_pf(refuse=[name])
    assert world.raw_call("DEL", conf) == (0, "")
    now = world.pf["vfs"][0]
    wrong = {field for field, value in before["pf"][0].items() if now[field] != value}
    assert wrong == {"rate": {"max_rate"}, "vlan": {"vlan"}}.get(name, {name})
    assert world.snapshot()["vf"] == before["vf"]
    assert world.snapshot()["journal"] == [f"adding-{VF}@c1@net1"]
    seen = withheld(world)[VF]
    assert (seen["format"], seen["container"], seen["interface"], seen["tries"]) == (1, "c1", "net1", 1)
    assert "refused" in seen["cause"]
    assert "is withheld" in capfd.readouterr().err
    assert world.raw_call("DEL", conf) == (0, "")  # the runtime's second
    with pytest.raises(Refusal, match=f"VF {VF} is withheld.*refused") as refused:
        world.call("ADD", **OTHER)
    assert refused.value.code == 11
    assert withheld(world)[VF]["tries"] == 3
    world.set_pf(refuse=[])
    world.call("ADD", **OTHER)
    assert (world.pf["vfs"], withheld(world)) == (before["pf"], {})
    world.call("DEL", **OTHER)
    assert world.snapshot() == before


@finding("03", "interface")
def test_what_the_interface_refuses_is_kept_for_later(world, name):
    before = world.snapshot()
    world.call("ADD", {**world.conf, "mtu": 1400, "vlan": 5})

    class Stubborn(WorldHost):
        @property
        def socket(self):
            return Refusing(super().socket)

    class Refusing(Guarded):
        def __init__(self, inner) -> None:
            super().__init__(world, inner)

        def change(self, *batch) -> None:
            if any(messages.IFLA_MTU in dict(socket.attributes(payload[16:])) for _kind, _flags, payload in batch):
                raise socket.NetlinkError(errno.EINVAL)
            self._inner.change(*batch)

    world.call("DEL", host=Stubborn(world))
    assert "MTU 1500" in withheld(world)[VF]["cause"]
    assert world.pf["vfs"] == before["pf"]
    world.call("DEL")
    assert (world.snapshot(), withheld(world)) == (before, {})


@finding("03", "sweep")
def test_the_sweep_tries_again(world, name):
    before = world.snapshot()
    conf = {**world.conf, "max_tx_rate": 100}
    world.call("ADD", conf)
    world.set_pf(refuse=["rate"])
    world.call("DEL", conf)
    tries = []
    for _turn in range(3):
        sweep.sweep(WorldHost(world))  # too early
        make_due(world)
        assert sweep.pending(WorldHost(world))
        sweep.sweep(WorldHost(world))
        tries.append(withheld(world)[VF]["tries"])
    assert tries == [2, 3, 4]
    assert not sweep.pending(WorldHost(world))
    world.set_pf(refuse=[])
    make_due(world)
    sweep.sweep(WorldHost(world))
    assert (world.snapshot(), withheld(world)) == (before, {})


@finding("03", "release")
def test_release_and_attachments_tell_of_it(world, name):
    conf = {**world.conf, "deviceID": VF_VFIO, "max_tx_rate": 100}
    world.call("ADD", conf)
    world.set_pf(refuse=["rate"])
    world.call("DEL", conf)
    entry = json.loads(cli._attachments(WorldHost(world))[1])[0]
    assert (entry["vf"], entry["in_use"]) == (VF_VFIO, False)
    assert "refused min_tx_rate/max_tx_rate" in entry["withheld"]
    status, text = cli._release(WorldHost(world))
    assert status == 1
    assert "is not back: PF enp1s0" in text
    world.set_pf(refuse=[])
    assert cli._release(WorldHost(world)) == (0, f"VF {VF_VFIO} of container c1 interface net1 is back\n")
    assert withheld(world) == {}


@finding("03", "failed-add")
def test_an_add_that_cannot_be_undone(world, name):
    before = world.snapshot()
    conf = {**world.conf, "trust": "on", "ipam": world.ipam(fail=["ADD"])}
    host = WorldHost(world)
    host.step = lambda what: world.set_pf(refuse=["trust"]) if what == "move back" else None
    with pytest.raises(Refusal, match="IPAM plugin test-ipam"):
        world.call("ADD", conf, host)
    assert list(withheld(world)) == [VF]
    world.set_pf(refuse=[])
    world.call("DEL", conf)
    assert (world.snapshot(), withheld(world)) == (before, {})


@finding("03", "again")
def test_a_driver_that_says_try_again_is_asked_again(world, name, monkeypatch):
    """i40e, while the VF resets for its new MAC."""
    before = world.snapshot()
    conf = {**world.conf, "trust": "on", "mac": "02:00:00:00:0a:e1"}
    world.call("ADD", conf)
    left = [3]
    real = FakePf.send

    def send(self, vf, target, names) -> None:
        if left[0] and "trust" in names:
            left[0] -= 1
            raise socket.NetlinkError(errno.EAGAIN)
        real(self, vf, target, names)

    monkeypatch.setattr(FakePf, "send", send)
    world.call("DEL", conf)
    assert (world.snapshot(), withheld(world), left) == (before, {}, [0])


@finding("11", "kernel", "userspace")
def test_no_pods_mac_stays_on_a_pf_that_takes_no_zeros(world, name):
    device, vf = (VF, 0) if name == "kernel" else (VF_VFIO, 1)
    state = [{**entry, "mac": ZERO_MAC} for entry in world.pf["vfs"]]
    world.set_pf(vfs=state, pinned=[], refuse=["zero mac"])
    conf = {**world.conf, "deviceID": device, "mac": PODS_MAC}
    world.call("ADD", conf)
    assert world.raw_call("DEL", conf) == (0, "")
    mac = world.pf["vfs"][vf]["mac"]
    assert mac == VF_MAC if name == "kernel" else (mac not in (PODS_MAC, ZERO_MAC) and mac.startswith("02:"))
    assert withheld(world) == {}

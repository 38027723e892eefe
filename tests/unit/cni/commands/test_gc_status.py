# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GC and STATUS: what is given back, what is kept, and what is said of a node that cannot serve."""

from __future__ import annotations

import os

import pytest

from sriov_cni.netlink import messages
from support.cni_world import PF, VF, VF_VFIO, Refusal, WorldHost, vector

KEY = "cni.dev/valid-attachments"


def collect(world, valid, conf: dict | None = None, key: str = KEY) -> None:
    world.call("GC", {**(conf or world.conf), key: valid}, CNI_CONTAINERID="", CNI_IFNAME="", CNI_NETNS="")


def journal(world) -> list[str]:
    return world.snapshot()["journal"]


@pytest.mark.parametrize("key", [KEY, "cni.dev/attachments"])
def test_gc_keeps_what_is_valid(world, key):
    world.call("ADD", {**world.conf, "vlan": 5})
    collect(world, [{"containerID": "c1", "ifname": "net1"}], key=key)
    assert journal(world) == [f"{VF}@c1@net1"]
    assert world.pod_link()["ifname"] == "net1"


@pytest.mark.parametrize("valid", [[], None, [{"containerID": "c1", "ifname": "net2"}]])
def test_gc_brings_back_what_is_gone(world, valid):
    before = world.snapshot()
    world.call("ADD", {**world.conf, "vlan": 5, "mac": "02:00:00:00:0a:e1"})
    collect(world, valid)
    assert world.snapshot() == before


def test_gc_of_another_network_takes_nothing(world):
    world.call("ADD")
    collect(world, [], {**world.conf, "name": "other"})
    assert world.pod_link()["ifname"] == "net1"


def test_gc_repairs_an_add_that_was_killed(world):
    before = world.snapshot()
    assert world.call_and_die("ADD", {**world.conf, "vlan": 5}, 2)
    collect(world, [])
    assert world.snapshot() == before


@pytest.mark.parametrize("valid", ["all", {}, [1], [{"containerID": "c1"}], [{"containerID": 1, "ifname": "a"}]])
def test_gc_without_a_list_touches_nothing(world, valid):
    """A list that is missing or damaged must not be taken for an empty one."""
    world.call("ADD")
    for conf in ({**world.conf, KEY: valid}, world.conf):
        with pytest.raises(Refusal, match=r"cni\.dev/valid-attachments: ") as refused:
            world.call("GC", conf)
        assert refused.value.code == 7
    assert world.pod_link()["ifname"] == "net1"


def test_gc_goes_on_after_a_failure(world):
    """One VF cannot come back, the other does, and the IPAM plugin is asked all the same."""
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24", fail=["GC"], error='{"code": 11, "msg": "later"}')}
    world.call("ADD", {**conf, "trust": "on"})
    world.call("ADD", {**world.conf, "deviceID": VF_VFIO, "vlan": 9}, CNI_CONTAINERID="c2")
    world.set_pf(refuse=["trust"])
    with pytest.raises(Refusal) as refused:
        collect(world, [], conf)
    assert refused.value.code == 101
    for words in ("refused trust", "IPAM plugin test-ipam: later"):
        assert words in refused.value.answer["msg"]
    assert journal(world) == [f"{VF}@c1@net1"]
    assert world.pf["vfs"][1]["vlan"] == 0
    assert world.ipam_calls == ["ADD", "GC"]


@vector("88")
def test_status_gc_and_check_are_answered(world, vector):
    """Ours on purpose: upstream answers nothing and does nothing."""
    conf = {key: value for key, value in world.conf.items() if key != "deviceID"}
    conf["ipam"] = world.ipam("10.9.0.5/24")
    assert world.raw_call("STATUS", conf) == (0, "")
    assert world.raw_call("GC", {**conf, KEY: []}) == (0, "")
    assert world.ipam_calls == ["STATUS", "GC"]


def test_status_names_all_that_is_missing(world):
    for index in (0, 1):
        (world.device(world.conf["deviceID"] if index == 0 else VF_VFIO) / "physfn").unlink()
    conf = {key: value for key, value in world.conf.items() if key != "deviceID"}
    assert world.raw_call("STATUS", conf) == (0, "")  # as on a virtual node
    (world.device(PF) / "sriov_totalvfs").write_text("7\n")
    conf["ipam"] = {**world.ipam("10.9.0.5/24"), "type": "absent-ipam"}
    with pytest.raises(Refusal) as refused:
        world.call("STATUS", conf)
    assert refused.value.code == 50
    for words in ("this node has no VF", "IPAM plugin absent-ipam: not found"):
        assert words in refused.value.answer["msg"]


def test_status_of_one_vf(world):
    assert world.raw_call("STATUS", world.conf) == (0, "")
    with pytest.raises(Refusal, match="no such PCI device"):
        world.call("STATUS", {**world.conf, "deviceID": "0000:ff:1f.7"})


def test_status_without_a_state_folder(world):
    (world.root / "state").write_text("a file")
    with pytest.raises(Refusal, match="cannot make the state folder") as refused:
        world.call("STATUS")
    assert refused.value.code == 50


def test_status_passes_on_that_ipam_is_not_ready(world):
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24", fail=["STATUS"], error='{"code": 51, "msg": "no pool"}')}
    with pytest.raises(Refusal, match="IPAM plugin test-ipam: no pool") as refused:
        world.call("STATUS", conf)
    assert refused.value.code == 50


@pytest.mark.parametrize("kind", ["host-local", "test-ipam"])
def test_ipam_beside_the_move_or_after_it(world, kind):
    """host-local and its like run while the interface moves; others find it in the pod."""
    os.link(world.root / "bin" / "test-ipam", world.root / "bin" / "host-local")
    conf = {**world.conf, "ipam": {**world.ipam("10.9.0.5/24", sleep=0.1), "type": kind}}
    before = world.snapshot()
    host = WorldHost(world)
    world.call("ADD", conf, host)
    order = ["move", "ipam aside", "up"] if kind == "host-local" else ["move", "up", "ipam"]
    assert [step for step in host.steps if step in order] == order
    world.call("DEL", conf)
    assert world.snapshot() == before
    assert world.ipam_calls == ["ADD", "DEL"]
    bad = {**conf, "ipam": {**conf["ipam"], "fail": ["ADD"], "error": '{"code": 11, "msg": "none left"}'}}
    with pytest.raises(Refusal, match="none left") as refused:
        world.call("ADD", bad)
    assert refused.value.code == 11
    assert world.snapshot() == before


def test_ipam_is_not_asked_for_a_vf_that_is_found_wanting(world):
    os.link(world.root / "bin" / "test-ipam", world.root / "bin" / "static")
    world.set_pf(vfs=[])
    before = world.snapshot()
    with pytest.raises(Refusal, match="expected VF 0 among its VFs"):
        world.call("ADD", {**world.conf, "vlan": 5, "ipam": {**world.ipam("10.9.0.5/24"), "type": "static"}})
    assert (world.snapshot(), world.ipam_calls) == (before, [])


@pytest.mark.parametrize("ipam", [{"sleep": 0.2}, {"fail": ["ADD"]}, {"folder": "/nowhere"}])
def test_move_fails_while_ipam_runs(world, monkeypatch, ipam):
    """The move's error is told, whatever became of the IPAM plugin; the address is given back."""
    os.link(world.root / "bin" / "test-ipam", world.root / "bin" / "static")
    real = messages.set_link

    def set_link(index: int, **keys):
        return real(2**31 - 1 if "netns_fd" in keys else index, **keys)

    monkeypatch.setattr("sriov_cni.vf.vf.set_link", set_link)
    before = world.snapshot()
    with pytest.raises(Refusal, match=r"cannot be moved to /run/netns/.* as net1: No such device") as refused:
        world.call("ADD", {**world.conf, "ipam": {**world.ipam("10.9.0.5/24"), "type": "static", **ipam}})
    assert refused.value.code == 101
    assert world.snapshot() == before
    assert world.ipam_calls == ([] if "folder" in ipam else ["ADD", "DEL"])

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GC and STATUS: what is given back, what is kept, and what is said of a node that cannot serve."""

from __future__ import annotations

import pytest

from support.cni_world import PF, VF, VF_VFIO, Refusal
from support.vector_ids import vectors

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
    assert journal(world) == [f"adding-{VF}@c1@net1"]
    assert world.pf["vfs"][1]["vlan"] == 0
    assert world.ipam_calls == ["ADD", "GC"]


@vectors("cni", 88)
def test_status_gc_and_check_are_answered(world):
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


def a_file_in_the_place_of_its_state(world) -> dict:
    (world.root / "state").write_text("a file")
    return {}


def an_ipam_plugin_that_is_not_ready(world) -> dict:
    return {"ipam": world.ipam("10.9.0.5/24", fail=["STATUS"], error='{"code": 51, "msg": "no pool"}')}


def a_vf_that_is_not_there(world) -> dict:
    assert world.raw_call("STATUS", world.conf) == (0, "")
    return {"deviceID": "0000:ff:1f.7"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (a_vf_that_is_not_there, "no such PCI device"),
        (a_file_in_the_place_of_its_state, "cannot make the state folder"),
        (an_ipam_plugin_that_is_not_ready, "IPAM plugin test-ipam: no pool"),
    ],
)
def test_status_tells_why_add_cannot_be_served(world, given, words):
    with pytest.raises(Refusal, match=words) as refused:
        world.call("STATUS", {**world.conf, **given(world)})
    assert refused.value.code == 50

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipam.ranges_from: the IPAM plugin gets the node's own ranges, which no network can choose.

source: documentation of host-local, "ranges": a list of lists of objects with subnet, rangeStart, rangeEnd, gateway; it
refuses each command without any ("no IP ranges specified").
"""

from __future__ import annotations

import json
import os

import pytest

from sriov_cni import cli
from support.cni_world import VF_VFIO, Refusal, WorldHost

RANGES = [[{"subnet": "10.9.0.0/16", "rangeStart": "10.9.0.64", "rangeEnd": "10.9.0.127", "gateway": "10.9.0.1"}]]


def conf(world, **keys) -> dict:
    ipam = world.ipam("10.9.0.65/16", ranges_from="node", routes=[{"dst": "10.0.0.0/8"}], **keys)
    return {**world.conf, "deviceID": VF_VFIO, "ipam": ipam}


def host(world, ranges: object = None, mode: int = 0o644) -> WorldHost:
    """A host whose setting has these ranges; none without any."""
    made = WorldHost(world)
    made.setting = str(world.root / "setting.json")
    if ranges is not None:
        with open(made.setting, "w") as file:
            json.dump({"format": 1, "ranges": ranges}, file)
        os.chmod(made.setting, mode)
    return made


def given(world) -> dict:
    """The ipam that the plugin was given last."""
    return json.loads(world.get("bin/conf"))["ipam"]


def test_the_plugin_gets_the_nodes_ranges(world):
    asked = conf(world, subnet="0.0.0.0/0", rangeStart="10.9.0.1", gateway="10.9.9.9")
    answer = world.call("ADD", asked, host(world, {world.conf["name"]: RANGES}))
    assert answer["ips"][0]["address"] == "10.9.0.65/16"
    found = given(world)
    assert found["ranges"] == RANGES
    assert found["routes"] == [{"dst": "10.0.0.0/8"}]
    assert not {"ranges_from", "subnet", "rangeStart", "gateway"} & set(found)
    for command in ("CHECK", "DEL"):
        world.call(command, {**asked, "prevResult": answer}, host(world, {world.conf["name"]: RANGES}))
        assert given(world)["ranges"] == RANGES
    assert world.ipam_calls == ["ADD", "CHECK", "DEL"]


def test_without_the_key_the_configuration_goes_on_as_it_is(world):
    asked = {**world.conf, "deviceID": VF_VFIO, "ipam": world.ipam("10.9.0.5/24", ranges=[])}
    world.call("ADD", asked, host(world, {world.conf["name"]: RANGES}))
    assert given(world) == asked["ipam"]


@pytest.mark.parametrize(
    "ranges",
    [None, {}, {"other": RANGES}, {"test": []}, {"test": [[]]}, {"test": [[{}]]}, {"test": "10.9.0.0/16"}, []],
    ids=str,
)
def test_no_ranges_for_the_network(world, ranges, monkeypatch):
    if isinstance(ranges, dict) and "test" in ranges:
        ranges = {world.conf["name"]: ranges["test"]}
    before, here = world.snapshot(), host(world, ranges)
    words = rf"network '{world.conf['name']}': expected this node's ranges in .*, found none"
    with pytest.raises(Refusal, match=words):
        world.call("ADD", conf(world), here)
    assert world.snapshot() == before
    with pytest.raises(Refusal, match="expected this node's ranges") as refused:
        world.call("STATUS", {**conf(world), "cniVersion": "1.1.0"}, host(world, ranges))
    assert refused.value.code == 50
    monkeypatch.setattr("sriov_cni.cli.SETTING", here.setting)
    assert "expected this node's ranges" in cli._judge(conf(world))[0]
    assert world.ipam_calls == []


def test_a_setting_that_others_can_write_is_not_believed(world):
    with pytest.raises(Refusal, match="root alone can write"):
        world.call("ADD", conf(world), host(world, {world.conf["name"]: RANGES}, 0o666))


def test_another_source(world):
    with pytest.raises(Refusal, match="ranges_from: expected node, found 'cluster'"):
        world.call("ADD", {**conf(world), "ipam": {**conf(world)["ipam"], "ranges_from": "cluster"}}, host(world))


def test_a_pod_goes_though_the_node_has_its_ranges_no_more(world):
    before = world.snapshot()
    world.call("ADD", conf(world), host(world, {world.conf["name"]: RANGES}))
    world.call("DEL", conf(world), host(world, {}))
    assert given(world)["ranges"] == [[{"subnet": "192.0.2.0/24"}]]
    assert world.ipam_calls == ["ADD", "DEL"]
    assert world.snapshot() == before

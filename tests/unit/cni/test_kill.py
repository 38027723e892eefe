# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL before each change of ADD and DEL: whatever comes next, the VF is as it was."""

from __future__ import annotations

import pytest
from cniworld import VF_NAME, VF_VFIO, run

# fewer changes than these would mean that a step() got lost, and a gap in what these tests see
CHANGES = {"kernel": 9, "vfio": 3}


def conf_of(world, kind: str) -> dict:
    conf = {
        **world.conf,
        "mac": "02:00:00:00:0a:e1",
        "vlan": 100,
        "trust": "on",
        "ipam": world.ipam("10.9.0.5/24"),
    }
    if kind == "vfio":
        return {**conf, "deviceID": VF_VFIO}
    run("ip", "link", "property", "add", "dev", VF_NAME, "altname", "net1")
    return {**conf, "mtu": 1400}


@pytest.mark.parametrize("kind", ["kernel", "vfio"])
def test_add_is_killed_then_del(world, kind):
    conf = conf_of(world, kind)
    before = world.snapshot()
    at = 0
    while world.call_and_die("ADD", conf, at):
        world.call("DEL", conf)
        assert world.snapshot() == before, f"killed before change {at}"
        at += 1
    assert at >= CHANGES[kind]
    world.call("DEL", conf)
    assert world.snapshot() == before


@pytest.mark.parametrize("kind", ["kernel", "vfio"])
def test_add_is_killed_then_another_add(world, kind):
    conf = conf_of(world, kind)
    before = world.snapshot()
    plain = {**world.conf, "deviceID": conf["deviceID"]}
    at = 0
    while world.call_and_die("ADD", conf, at, CNI_CONTAINERID="dead"):
        world.call("ADD", plain, CNI_CONTAINERID="next")
        assert world.pf["vfs"] == before["pf"], f"killed before change {at}"
        world.call(
            "DEL", conf, CNI_CONTAINERID="dead"
        )  # the runtime's, late: it must take nothing from "next"
        world.call("CHECK", {**plain, "prevResult": {"interfaces": [{"name": "net1", "sandbox": "x"}]}},
                   CNI_CONTAINERID="next")  # fmt: skip
        world.call("DEL", plain, CNI_CONTAINERID="next")
        assert world.snapshot() == before, f"killed before change {at}"
        at += 1
    assert at >= CHANGES[kind]


@pytest.mark.parametrize("kind", ["kernel", "vfio"])
def test_del_is_killed_then_called_again(world, kind):
    conf = conf_of(world, kind)
    before = world.snapshot()
    at = 0
    while True:
        world.call("ADD", conf)
        died = world.call_and_die("DEL", conf, at)
        world.call("DEL", conf)
        assert world.snapshot() == before, f"killed before change {at}"
        if not died:
            break
        at += 1
    assert at >= (5 if kind == "kernel" else 1)

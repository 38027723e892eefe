# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As after a reboot: all VFs of a PF at once, and then all pods go, each with two DELs; and calls that cross."""

from __future__ import annotations

import json
import os

import pytest

from support.cni_world import PF, VF, VF_VFIO, Refusal, WorldHost, run

VFS = 14


def make_vfs(world) -> list[str]:
    """As many VFs behind those of the world, each with a veth as its interface."""
    addresses = []
    vfs = world.pf["vfs"]
    for number in range(VFS):
        address = f"0000:01:{0x12 + number // 8:02x}.{number % 8}"
        world.link(f"{address}/driver", "drivers/igbvf")
        world.link(f"{address}/physfn", f"../{PF}")
        world.link(f"{PF}/virtfn{len(vfs)}", f"../{address}")
        vfs.append({**vfs[0], "mac": f"02:00:00:00:01:{number:02x}"})
        peer = ["type", "veth", "peer", "name", f"p{number}"]
        run("ip", "link", "add", f"many{number}", "address", vfs[-1]["mac"], *peer)
        run("ip", "link", "set", f"many{number}", "alias", address)
        addresses.append(address)
    world.set_pf(driver="igb", vfs=vfs, pinned=[0, *range(2, len(vfs))])
    return addresses


def at_once(world, calls) -> list[int]:
    pids = [world.start(command, conf, CNI_CONTAINERID=container, CNI_NETNS=netns)
            for command, conf, container, netns in calls]
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def names() -> set[str]:
    return {(link["ifname"], link["address"], link["mtu"]) for link in json.loads(run("ip", "-j", "link", "show"))
            if link["ifname"].startswith("many")}


def test_all_vfs_at_once(world):
    """One PF keeps the settings of all: what one call sets, no other may lose."""
    confs = [
        {**world.conf, "deviceID": address, "vlan": 100 + number, "mac": f"02:00:00:00:02:{number:02x}", "mtu": 1400,
         "ipam": world.ipam(f"10.9.1.{number + 1}/24")}
        for number, address in enumerate(make_vfs(world))
    ]  # fmt: skip
    before, links = world.snapshot(), names()
    pods = [(f"p{number}", world.add_netns(f"{world.pod_ns}-{number}")) for number in range(VFS)]
    adds = [("ADD", conf, *pod) for conf, pod in zip(confs, pods)]
    assert at_once(world, adds) == [0] * VFS
    assert [(vf["vlan"], vf["mac"]) for vf in world.pf["vfs"][2:]] == [(conf["vlan"], conf["mac"]) for conf in confs]
    assert names() == set()
    assert at_once(world, [("DEL", *add[1:]) for add in adds for _twice in range(2)]) == [0] * 2 * VFS
    assert (world.snapshot(), names()) == (before, links)


@pytest.mark.parametrize("late", [VF, VF_VFIO])
def test_two_vfs_for_one_interface_at_once(world, late):
    """The second ADD comes and goes between the first one's look and its journal: one of them has to give way."""
    before, host = world.snapshot(), WorldHost(world)
    other = {**world.conf, "deviceID": VF if late == VF_VFIO else VF_VFIO, "vlan": 9}
    host.step = lambda what: world.call("ADD", other) if what == "journal" else None
    with pytest.raises(Refusal, match="by another ADD at this moment") as refused:
        world.call("ADD", {**world.conf, "deviceID": late, "vlan": 5}, host)
    assert refused.value.code == 11
    assert world.snapshot()["journal"] == [f"{other['deviceID']}@c1@net1"]
    world.call("DEL")
    assert world.snapshot() == before

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attachments whose DEL never comes: the sweep takes back what nobody has, and nothing else."""

from __future__ import annotations

import fcntl
import os
import subprocess

import pytest

from sriov_cni.commands import sweep
from support.cni_world import VF, VF_NAME, VF_VFIO, WorldHost, run
from support.processes import eventually


def finding(*names: str):
    return pytest.mark.parametrize("name", [pytest.param(name, id=f"finding-cni-08-{name}") for name in names])


def end_namespace(world) -> None:
    """As the kernel does it with hardware: the VF comes back under some name, with the pod's MAC."""
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns, "name", "dev7")
    run("ip", "netns", "del", world.pod_ns)


@finding("kernel")
def test_a_vf_whose_pod_is_dead_comes_back(world, name):
    before = world.snapshot()
    world.call("ADD", {**world.conf, "vlan": 5, "mac": "02:00:00:00:0a:e1"})
    assert not sweep.pending(WorldHost(world))
    end_namespace(world)
    assert sweep.pending(WorldHost(world))
    sweep.sweep(WorldHost(world))
    assert world.snapshot() == before
    assert not sweep.pending(WorldHost(world))
    assert world.raw_call("DEL", world.conf) == (0, "")  # late


@finding("userspace")
def test_a_userspace_vf_whose_pod_is_dead_comes_back(world, name):
    before = world.snapshot()
    world.call("ADD", {**world.conf, "deviceID": VF_VFIO, "vlan": 5})
    run("ip", "netns", "del", world.pod_ns)
    sweep.sweep(WorldHost(world))
    assert world.snapshot()["pf"] == before["pf"]


@finding("process-is-in-it", "interface-is-away")
def test_what_somebody_has_is_left(world, name):
    """The path is another mount namespace's, or it is gone and a process is left in the namespace."""
    device = VF_VFIO if name == "process-is-in-it" else VF
    world.call("ADD", {**world.conf, "deviceID": device, "vlan": 5})
    held = subprocess.Popen(["ip", "netns", "exec", world.pod_ns, "sleep", "60"])
    try:
        own = run("readlink", "/proc/self/ns/net")
        eventually(lambda: run("readlink", f"/proc/{held.pid}/ns/net") != own)
        run("ip", "netns", "del", world.pod_ns)
        before = world.snapshot()
        sweep.sweep(WorldHost(world))
        assert world.snapshot() == before
    finally:
        held.kill()
        held.wait()
    if name == "process-is-in-it":
        sweep.sweep(WorldHost(world))
        assert world.snapshot()["journal"] == []


@finding("alive")
def test_a_pod_that_lives_keeps_its_vf(world, name):
    world.call("ADD")
    before = world.snapshot()
    sweep.sweep(WorldHost(world))
    assert (world.snapshot(), world.pod_link()["ifname"]) == (before, "net1")


@finding("died-add")
def test_an_add_that_died_is_undone(world, name):
    before = world.snapshot()
    assert world.call_and_die("ADD", {**world.conf, "vlan": 5}, 3)
    sweep.sweep(WorldHost(world))
    assert world.snapshot() == before


@finding("add-under-way")
def test_an_add_that_is_under_way_is_left(world, name):
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24", sleep=2)}
    pid = world.start("ADD", conf)
    eventually(lambda: world.ipam_calls == ["ADD"])
    sweep.sweep(WorldHost(world))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert world.pod_link()["ifname"] == "net1"
    world.call("DEL", conf)


@finding("earlier-boot")
def test_one_of_an_earlier_boot_is_dropped(world, name, monkeypatch):
    world.call("ADD", {**world.conf, "vlan": 77})
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "netns", world.host_ns, "name", VF_NAME)
    world.set_pf(sent=[])
    monkeypatch.setattr(WorldHost, "boot_id", lambda self: "another")
    sweep.sweep(WorldHost(world))
    assert (world.pf["sent"], world.snapshot()["journal"]) == ([], [])


@finding("one-fails")
def test_one_that_fails_keeps_no_other(world, name):
    world.call("ADD", {**world.conf, "vlan": 5})
    gone = world.add_netns(world.pod_ns + "x")
    world.call("ADD", {**world.conf, "deviceID": VF_VFIO, "vlan": 9}, CNI_CONTAINERID="c2", CNI_NETNS=gone)
    run("ip", "netns", "del", world.pod_ns + "x")
    end_namespace(world)
    lock = world.root / "state" / "locks" / f"{VF}.lock"
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        sweep.sweep(WorldHost(world))
    assert (world.pf["vfs"][0]["vlan"], world.pf["vfs"][1]["vlan"]) == (5, 0)
    sweep.sweep(WorldHost(world))
    assert world.pf["vfs"][0]["vlan"] == 0

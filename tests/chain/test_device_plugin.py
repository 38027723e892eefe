# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin and the real kubelet: links, VFs that come and go, our sudden end, a renamed pool, vfio."""

from __future__ import annotations

import json
from collections.abc import Iterator

import chain
import pytest
from chain import PLUGIN, wait_allocatable
from pod import PROGRAMS, PYTHON, Extras, Pod

from sriovlab.guest import Lab

WANTED = {"kernel": 4, "dpdk": 7}
CONFIG = "/etc/pcidp/config.json"
PROBE = chain.ROOT / "tests" / "chain" / "vfio_probe.py"
SECONDS = 60.0


@pytest.fixture(scope="module")
def ready(lab: Lab) -> None:
    """All is offered, and nobody holds anything."""
    chain.wait_offered(lab, WANTED)


@pytest.fixture(scope="module")
def vf_pod(lab: Lab, ready: None) -> Iterator[Pod]:
    """A pod with one VF of each kind, and the node's Python; gone at the end in any case."""
    pod = Pod(lab, "holder", {"kernel": 1, "dpdk": 1}, Extras(volumes=PROGRAMS))
    try:
        yield pod.create()
    finally:
        pod.delete()


def test_the_sandbox_that_runs_is_the_one_that_is_meant(lab: Lab, ready: None) -> None:
    """By systemd's own count of what the loaded unit, with its drop-ins, leaves open: 0 is nothing, 10 all."""
    done = lab.run(["systemd-analyze", "security", "--no-pager", "--threshold=40", PLUGIN])
    assert "Overall exposure level" in done.stdout


def test_a_lost_link_makes_its_vfs_unhealthy_until_it_is_back(lab: Lab, ready: None) -> None:
    lab.run(["ip", "link", "set", "enp2s0", "down"])
    try:
        wait_allocatable(lab, {"kernel": 4})
    finally:
        lab.run(["ip", "link", "set", "enp2s0", "up"])
    wait_allocatable(lab, WANTED)


def test_vfs_that_vanish_and_appear(lab: Lab, ready: None) -> None:
    before = chain.vfs(lab, "enp1s0")
    number = f"/sys/bus/pci/devices/{chain.PFS['enp1s0']}/sriov_numvfs"
    lab.run(["sh", "-c", f"echo 0 > {number}"])
    try:
        wait_allocatable(lab, {"dpdk": 7})
    finally:
        lab.run(["sh", "-c", f"echo {len(before)} > {number}"])
    wait_allocatable(lab, WANTED)

    def names() -> list[tuple[str, str, str]]:
        return [(vf["address"], vf["driver"], vf["net"]) for vf in chain.vfs(lab, "enp1s0")]

    wanted = [(vf["address"], vf["driver"], vf["net"]) for vf in before]
    lab.wait_for("the same VFs under their names", lambda: names() == wanted, SECONDS)


def test_vfio_works_in_the_pod_with_what_it_was_given(vf_pod: Pod) -> None:
    variable = f"PCIDEVICE_{chain.PREFIX}_DPDK".upper().replace(".", "_")
    found = json.loads(vf_pod.execute(["env", PYTHON, "-I", "-c", PROBE.read_text(), variable]))
    assert found["address"] == vf_pod.devices("dpdk")[0]
    assert (found["api_version"], found["type1"], found["viable"]) == (0, True, True)
    assert found["ids"] == "8086:10ca"
    assert found["regions"] >= 9 and found["interrupts"] >= 3
    assert found["bar0"] >= 4096 and found["config"] >= 256


def test_our_sudden_end_loses_nothing_and_gives_nothing_twice(lab: Lab, vf_pod: Pod) -> None:
    """A second pod takes all the rest: what the first one has can't be in it."""
    held = {pool: vf_pod.devices(pool) for pool in WANTED}
    before = chain.unit(lab, PLUGIN, "MainPID")["MainPID"]
    lab.run(["systemctl", "kill", "--signal=KILL", PLUGIN])
    lab.wait_for("systemd to bring it back", lambda: chain.unit(lab, PLUGIN, "MainPID")["MainPID"] not in ("0", before))
    chain.wait_offered(lab, WANTED)
    rest = Pod(lab, "rest", {pool: count - 1 for pool, count in WANTED.items()})
    try:
        rest.create()
        for pool, count in WANTED.items():
            both = [*held[pool], *rest.devices(pool)]
            assert len(set(both)) == len(both) == count
    finally:
        rest.delete()
    assert {pool: vf_pod.devices(pool) for pool in WANTED} == held


def test_a_renamed_pool_does_not_offer_what_a_pod_holds(lab: Lab, vf_pod: Pod) -> None:
    (held,) = vf_pod.devices("dpdk")
    original = lab.read(CONFIG)
    document = json.loads(original)
    (entry,) = [entry for entry in document["resourceList"] if entry["resourceName"] == "dpdk"]
    entry["resourceName"] = "renamed"
    try:
        put(lab, json.dumps(document))
        wait_allocatable(lab, {"kernel": 4, "renamed": 6})
        log = lab.run(["journalctl", "--unit", PLUGIN, "--output=cat", "--no-pager"]).stdout
        assert f"{held} is not offered: pod default/{vf_pod.name} holds it as {chain.PREFIX}/dpdk" in log
    finally:
        put(lab, original)
    chain.wait_offered(lab, WANTED)


def put(lab: Lab, content: str) -> None:
    """Replace the configuration's content, not the file, and have it read."""
    lab.run(["sh", "-c", f"cat > {CONFIG}"], input=content)
    lab.run(["systemctl", "reload", PLUGIN])

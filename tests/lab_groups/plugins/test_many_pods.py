# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As after a reboot of a full node: fourteen pods at once, with all the VFs that two PFs can have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import chain
import pytest
from plugin import JOURNAL, files, leases
from pod import Attachment, Pod, define_network, gone_at_the_end

from sriovlab.guest import Lab

NETWORK = "many"
POOLS = {"kernel": "enp1s0", "second": "enp2s0"}
EACH = 7
MAC = "02:00:00:00:ee:{:02x}"
VLANS = {"kernel": 100, "second": 101}
POLICIES = [{"name": pool, "resource_name": pool, "nic_selector": {"pf_names": [pf]}, "num_vfs": EACH}
            for pool, pf in POOLS.items()]  # fmt: skip
# Keeps the IOMMU's kernel arguments: to take them back would need a reboot, for which the new VFs would wait.
DISK = {"name": "disk", "resource_name": "disk", "nic_selector": {"root_devices": ["0000:03:00.0"]}, "num_vfs": 1,
        "device_type": "vfio-pci"}  # fmt: skip


def held(lab: Lab) -> dict[str, Any]:
    """Names, MACs and MTUs of the VFs on the host, and what the PFs hold for them."""
    links = json.loads(lab.run(["ip", "-j", "-d", "link", "show"]).stdout)
    keys = ("address", "mtu", "altnames", "vfinfo_list")
    return {link["ifname"]: {key: link.get(key) for key in keys} for link in links
            if link["ifname"].startswith(tuple(chain.PFS))}  # fmt: skip


@pytest.fixture(scope="module")
def before(lab: Lab) -> dict[str, Any]:
    """The host's VFs before there is a pod."""
    variables = {"sriov_reboot_ok": False, "sriov_policies": [*POLICIES, DISK], "sriov_networks": []}
    run = chain.playbook("site", variables, "--tags", "validate,node")
    assert run.status == 0, run.output
    chain.wait_offered(lab, dict.fromkeys(POOLS, EACH))
    found = held(lab)
    assert len(found) == 2 + 2 * EACH
    return found


@pytest.fixture(scope="module")
def pods(lab: Lab, before: dict[str, Any]) -> Iterator[list[Pod]]:
    """All of them, running; gone at the end in any case."""
    names = [(pool, number) for pool in POOLS for number in range(EACH)]
    made = [Pod(lab, f"many-{pool}-{number}", {pool: 1}, networks=[Attachment(pool, mac=MAC.format(at))])
            for at, (pool, number) in enumerate(names)]  # fmt: skip
    with gone_at_the_end(lab, made, POOLS):
        for pool, vlan in VLANS.items():
            ipam = {"type": "host-local", "subnet": "198.51.100.0/24"}
            config = {"name": NETWORK, "vlan": vlan, "capabilities": {"mac": True}, "ipam": ipam}
            define_network(lab, pool, pool, config)
        for pod in made:
            pod.begin()
        for pod in made:
            pod.wait()
        yield made


def test_fourteen_pods_at_once(lab: Lab, before: dict[str, Any], pods: list[Pod]) -> None:
    entries = [pod.attached() for pod in pods]
    assert len({address for entry in entries for address in entry["ips"]}) == len(pods)
    found = held(lab)
    assert found.keys() == set(chain.PFS)
    for (pool, pf), first in zip(POOLS.items(), (0, EACH)):
        settings = {(vf["address"], vf["vlan_list"][0]["vlan"]) for vf in found[pf]["vfinfo_list"]}
        assert settings == {(MAC.format(number), VLANS[pool]) for number in range(first, first + EACH)}
    assert len(files(lab, JOURNAL)) == len(leases(lab, NETWORK)) == len(pods)
    text = pods[-1].execute(["ip", "address", "show", "dev", "net1"])
    assert f"inet {entries[-1]['ips'][0]}/" in text and MAC.format(len(pods) - 1) in text


def test_nothing_is_left_of_them(lab: Lab, before: dict[str, Any], pods: list[Pod]) -> None:
    for pod in pods:
        pod.end()
    for pod in pods:
        pod.wait_gone()
    lab.wait_for("the VFs as they were", lambda: held(lab) == before, 30.0)
    assert (files(lab, JOURNAL), leases(lab, NETWORK)) == ([], [])

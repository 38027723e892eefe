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
from pod import Attachment, Pod, install_stand_in

from sriovlab.guest import Lab

NETWORK = "many"
POOLS = {"kernel": "enp1s0", "second": "enp2s0"}
EACH = 7
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
def pods(lab: Lab) -> Iterator[list[Pod]]:
    """All of them, running; gone at the end in any case."""
    variables = {"sriov_reboot_ok": False, "sriov_policies": [*POLICIES, DISK], "sriov_networks": []}
    run = chain.playbook("site", variables, "--tags", "validate,node")
    assert run.status == 0, run.output
    chain.wait_offered(lab, dict.fromkeys(POOLS, EACH))
    install_stand_in(lab)
    made = [Pod(lab, f"many-{pool}-{number}", {pool: 1}) for pool in POOLS for number in range(EACH)]
    try:
        for pod in made:
            pod.begin()
        for pod in made:
            pod.wait()
        yield made
    finally:
        for pod in made:
            pod.end()
        for pod in made:
            pod.wait_gone()


def calls(command: str, pods: list[Pod]) -> list[tuple[list[str], str]]:
    """One call of the stand-in for each pod."""
    made = []
    for number, pod in enumerate(pods):
        (pool,) = pod.pools
        config = {"cniVersion": "1.0.0", "name": NETWORK, "type": "sriov", "vlan": 100 + number,
                  "mac": f"02:00:00:00:ee:{number:02x}", "ipam": {"type": "host-local", "subnet": "198.51.100.0/24"}}
        made.append((pod.stand_in(command, Attachment(pool, "net1", config)), json.dumps(config)))
    return made


def test_fourteen_pods_at_once(lab: Lab, pods: list[Pod]) -> None:
    before = held(lab)
    assert len(before) == 2 + 2 * EACH
    results = [json.loads(told) for told in chain.at_once(lab, calls("ADD", pods), 600.0)]
    assert len({result["ips"][0]["address"] for result in results}) == len(pods)
    found = held(lab)
    assert found.keys() == set(chain.PFS)
    for pf, first in (("enp1s0", 0), ("enp2s0", EACH)):
        settings = {(vf["address"], vf["vlan_list"][0]["vlan"]) for vf in found[pf]["vfinfo_list"]}
        assert settings == {(f"02:00:00:00:ee:{n:02x}", 100 + n) for n in range(first, first + EACH)}
    assert len(files(lab, JOURNAL)) == len(leases(lab, NETWORK)) == len(pods)
    text = pods[-1].execute(["ip", "address", "show", "dev", "net1"])
    assert f"inet {results[-1]['ips'][0]['address']}" in text and "02:00:00:00:ee:0d" in text
    chain.at_once(lab, calls("DEL", pods), 600.0)
    lab.wait_for("the VFs as they were", lambda: held(lab) == before, 30.0)
    assert (files(lab, JOURNAL), leases(lab, NETWORK)) == ([], [])

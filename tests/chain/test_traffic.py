# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a second policy: pods on the two PFs talk in one VLAN, not across two, and leave no trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import chain
import pytest
from pod import Attachment, Pod, install_stand_in

from sriovlab.guest import Lab

POOLS = {"kernel": "enp1s0", "wire": "enp2s0"}
ADDRESSES = {"kernel": "198.51.100.11", "wire": "198.51.100.12"}


def config(pool: str, vlan: int) -> dict[str, Any]:
    """A CNI configuration with a fixed address."""
    return {"cniVersion": "1.0.0", "name": f"traffic-{pool}", "type": "sriov", "vlan": vlan,
            "ipam": {"type": "static", "addresses": [{"address": f"{ADDRESSES[pool]}/24"}]}}  # fmt: skip


def host_view(lab: Lab) -> dict[str, Any]:
    """Names and MACs of VFs on the host, and what the PFs hold for them."""
    links = json.loads(lab.run(["ip", "-j", "-d", "link", "show"]).stdout)
    names = {
        link["ifname"]: link.get("address") for link in links if link["ifname"].startswith(tuple(chain.PFS))
    }
    held = {
        link["ifname"]: [
            {key: vf.get(key) for key in ("vf", "address", "vlan_list", "spoofchk", "trust")}
            for vf in link.get("vfinfo_list", [])
        ]
        for link in links
        if link["ifname"] in chain.PFS
    }
    return {"names": names, "held": held}


@pytest.fixture(scope="module")
def before(lab: Lab) -> dict[str, Any]:
    """The host's side before there is a pod."""
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 5, "wire": 2})
    install_stand_in(lab)
    return host_view(lab)


@pytest.fixture
def pods(lab: Lab, before: dict[str, Any]) -> Iterator[dict[str, Pod]]:
    """One pod on each PF; gone at the end in any case."""
    made = {pool: Pod(lab, f"traffic-{pool}", {pool: 1}) for pool in POOLS}
    try:
        for pod in made.values():
            pod.create()
        yield made
    finally:
        for pod in made.values():
            pod.delete()


def pings(pods: dict[str, Pod]) -> tuple[bool, bool]:
    """Whether each pod gets an answer from the other."""

    def answered(pool: str, other: str) -> bool:
        text = pods[pool].execute(["ping", "-c", "3", "-W", "2", "-I", "net1", ADDRESSES[other]], check=False)
        return " bytes from " in text

    return answered("kernel", "wire"), answered("wire", "kernel")


def test_second_policy_made_kernel_vfs_on_both_pfs(lab: Lab, before: dict[str, Any]) -> None:
    assert [vf["driver"] for vf in chain.vfs(lab, "enp2s0")] == ["vfio-pci"] * 5 + ["igbvf"] * 2
    assert [vf["driver"] for vf in chain.vfs(lab, "enp1s0")] == ["igbvf"] * 4


def test_second_policy_set_one_vf_and_the_mtu(lab: Lab, before: dict[str, Any]) -> None:
    links = {link["ifname"]: link for link in json.loads(lab.run(["ip", "-j", "-d", "link", "show"]).stdout)}
    pf, vf = links["enp1s0"], links[chain.vfs(lab, "enp1s0")[3]["net"]]
    found = next(item for item in pf["vfinfo_list"] if item["vf"] == 3)
    assert found["address"] == vf["address"] == "02:00:00:00:bb:03"
    assert [(item["vlan"], item.get("qos")) for item in found["vlan_list"]] == [(300, 2)]
    assert (found["spoofchk"], found["trust"], found["rate"]["max_tx"]) == (False, True, 100)
    assert [link["mtu"] for link in (pf, vf)] == [2000, 2000]


def test_same_vlan_answers_different_vlans_do_not(lab: Lab, pods: dict[str, Pod]) -> None:
    for pool, pod in pods.items():
        pod.attach(Attachment(pool, "net1", config(pool, 100)))
    # The first frames may be lost while the links come up.
    lab.wait_for("an answer in one VLAN", lambda: pings(pods) == (True, True), 60.0, every=1.0)
    pods["wire"].detach()
    pods["wire"].attach(Attachment("wire", "net1", config("wire", 200)))
    assert pings(pods) == (False, False)
    pods["wire"].detach()
    pods["wire"].attach(Attachment("wire", "net1", config("wire", 100)))
    # An answer now proves that the silence was the VLAN's doing.
    lab.wait_for("an answer in one VLAN again", lambda: pings(pods) == (True, True), 60.0, every=1.0)


def test_vfs_come_back_under_their_names_with_their_macs(lab: Lab, before: dict[str, Any]) -> None:
    lab.wait_for("the VFs in the host", lambda: host_view(lab) == before, 60.0)
    assert chain.offered(lab) == {"kernel": 4, "dpdk": 5, "wire": 2}
    assert lab.run(["ls", "-A", "/var/lib/cni/sriov/journal"]).stdout.split() == []

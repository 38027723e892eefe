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
from pod import Attachment, Pod, define_network, gone_at_the_end

from sriovlab.guest import Lab

# Pod and network -> resource pool, address, VLAN: one on each PF in one VLAN, and one beside them in another.
PODS = {
    "near": ("kernel", "198.51.100.11", 100),
    "far": ("wire", "198.51.100.12", 100),
    "apart": ("wire", "198.51.100.13", 200),
}


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
    return host_view(lab)


@pytest.fixture
def pods(lab: Lab, before: dict[str, Any]) -> Iterator[dict[str, Pod]]:
    """The pods; gone at the end in any case."""
    made = {name: Pod(lab, name, {pool: 1}, networks=[Attachment(name)]) for name, (pool, *_rest) in PODS.items()}
    with gone_at_the_end(lab, list(made.values()), PODS):
        for name, (pool, address, vlan) in PODS.items():
            ipam = {"type": "static", "addresses": [{"address": f"{address}/24"}]}
            define_network(lab, name, pool, {"vlan": vlan, "ipam": ipam})
            made[name].begin()
        for pod in made.values():
            pod.wait()
        yield made


def answered(pod: Pod, other: str) -> bool:
    """Whether a pod gets an answer from another."""
    address = PODS[other][1]
    return " bytes from " in pod.execute(["ping", "-c", "3", "-W", "2", "-I", "net1", address], check=False)


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
    near, far, apart = (pods[name] for name in PODS)
    # The first frames may be lost while the links come up.
    lab.wait_for("an answer in one VLAN", lambda: answered(near, "far") and answered(far, "near"), 60.0, every=1.0)
    assert not answered(near, "apart") and not answered(apart, "near")
    # On one PF the switch is the NIC's own.
    assert not answered(far, "apart")
    # An answer now proves that the silence was the VLAN's doing.
    assert answered(near, "far") and answered(far, "near")


def test_vfs_come_back_under_their_names_with_their_macs(lab: Lab, before: dict[str, Any]) -> None:
    lab.wait_for("the VFs in the host", lambda: host_view(lab) == before, 60.0)
    assert chain.offered(lab) == {"kernel": 4, "dpdk": 5, "wire": 2}
    assert lab.run(["ls", "-A", "/var/lib/cni/sriov/journal"]).stdout.split() == []

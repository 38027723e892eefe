# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node after site: VFs, drivers, IOMMU, what it offers; run again after a plain reboot."""

from __future__ import annotations

import json

import chain

from sriovlab.guest import Lab


def test_kernel_runs_with_our_argument_after_theirs(lab: Lab) -> None:
    words = [word for word in lab.read("/proc/cmdline").split() if word.startswith("intel_iommu=")]
    assert words == ["intel_iommu=off", "intel_iommu=off", "intel_iommu=on"]


def test_iommu_groups_exist(lab: Lab) -> None:
    assert len(lab.run(["ls", "/sys/kernel/iommu_groups"]).stdout.split()) > 11


def test_four_kernel_vfs_on_the_first_pf(lab: Lab) -> None:
    found = chain.vfs(lab, "enp1s0")
    assert [vf["driver"] for vf in found] == ["igbvf"] * 4
    assert all(vf["net"] for vf in found)


def test_seven_vfio_vfs_on_the_second_pf(lab: Lab) -> None:
    found = chain.vfs(lab, "enp2s0")
    assert [vf["driver"] for vf in found] == ["vfio-pci"] * 7
    nodes = lab.run(["ls", "/dev/vfio"]).stdout.split()
    assert {vf["group"] for vf in found} <= set(nodes)
    assert len({vf["group"] for vf in found}) == 7


def test_huge_pages_of_the_running_kernel(lab: Lab) -> None:
    """The kubelet has started since, and offers them."""
    assert chain.huge_pages(lab) == 16
    assert "hugepages" not in lab.read("/proc/cmdline")
    assert lab.allocatable()["hugepages-2Mi"] == "32Mi"


def test_allocatable_shows_four_and_seven(lab: Lab) -> None:
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})


def test_node_is_schedulable(lab: Lab) -> None:
    node = lab.api("GET", "/api/v1/nodes/node1")
    assert not node["spec"].get("unschedulable")
    assert "baremetal.sriov/cordoned" not in node["metadata"].get("annotations", {})


def test_node_is_labelled(lab: Lab) -> None:
    assert lab.api("GET", "/api/v1/nodes/node1")["metadata"]["labels"]["baremetal.sriov/configured"] == "true"


def test_network_attachments(lab: Lab) -> None:
    found = lab.api("GET", "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions")["items"]
    resources = {
        item["metadata"]["name"]: item["metadata"]["annotations"]["k8s.v1.cni.cncf.io/resourceName"]
        for item in found
    }
    assert resources == {"kernel-net": "baremetal.sriov/kernel", "dpdk-net": "baremetal.sriov/dpdk"}
    assert all(json.loads(item["spec"]["config"])["type"] == "sriov" for item in found)


def test_device_information_is_there_for_each_vf(lab: Lab) -> None:
    wanted = {
        f"baremetal.sriov-{pool}-{vf['address']}-device.json"
        for pool, pf in (("kernel", "enp1s0"), ("dpdk", "enp2s0"))
        for vf in chain.vfs(lab, pf)
    }
    assert wanted <= set(lab.run(["ls", "/var/run/k8s.cni.cncf.io/devinfo/dp"]).stdout.split())


def test_verify_agrees(lab: Lab) -> None:
    run = chain.playbook("verify")
    assert run.status == 0, run.output
    assert run.recap["node1"]["changed"] == 0

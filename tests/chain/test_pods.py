# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a restart of the kubelet: a pod with one kernel VF and one vfio VF, admitted by the real kubelet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import chain
import pytest
from pod import Attachment, Pod, cni_config, install_stand_in

from sriovlab.guest import Lab

MAC = "02:00:00:00:aa:01"


@pytest.fixture(scope="module")
def before(lab: Lab) -> dict[str, list[dict[str, str]]]:
    """The VFs before there is a pod, once the kubelet has its devices back."""
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})
    install_stand_in(lab)
    return {pf: chain.vfs(lab, pf) for pf in chain.PFS}


@pytest.fixture(scope="module")
def vf_pod(lab: Lab, before: dict[str, list[dict[str, str]]]) -> Iterator[Pod]:
    """The pod; gone at the end in any case."""
    pod = Pod(lab, "both", {"kernel": 1, "dpdk": 1})
    try:
        yield pod.create()
    finally:
        pod.delete()


@pytest.fixture(scope="module")
def attachment(lab: Lab) -> Attachment:
    """The network of the cluster's definition, with a MAC of our choice."""
    return Attachment("kernel", "net1", {**cni_config(lab, "kernel-net"), "mac": MAC})


@pytest.fixture(scope="module")
def result(vf_pod: Pod, attachment: Attachment) -> dict[str, Any]:
    """What the CNI plugin answers to ADD."""
    return vf_pod.attach(attachment)


def test_environment_names_the_two_addresses(vf_pod: Pod, before: dict[str, list[dict[str, str]]]) -> None:
    assert vf_pod.devices("kernel")[0] in [vf["address"] for vf in before["enp1s0"]]
    assert vf_pod.devices("dpdk")[0] in [vf["address"] for vf in before["enp2s0"]]
    assert [len(vf_pod.devices(pool)) for pool in ("kernel", "dpdk")] == [1, 1]


def test_vfio_group_is_in_the_pod_and_can_be_opened(
    vf_pod: Pod, before: dict[str, list[dict[str, str]]]
) -> None:
    groups = {vf["address"]: vf["group"] for vf in before["enp2s0"]}
    group = groups[vf_pod.devices("dpdk")[0]]
    assert sorted(vf_pod.execute(["ls", "/dev/vfio"]).split()) == sorted([group, "vfio"])
    program = f"exec 3<>/dev/vfio/{group} && echo opened"
    assert vf_pod.execute(["sh", "-c", program]).strip() == "opened"


def test_vf_is_in_the_pod_with_mac_and_address(vf_pod: Pod, result: dict[str, Any]) -> None:
    text = vf_pod.execute(["ip", "address", "show", "dev", "net1"])
    assert MAC in text
    assert len(result["ips"]) == 1
    assert f"inet {result['ips'][0]['address']}" in text
    assert [item["name"] for item in result["interfaces"] if item.get("sandbox")] == ["net1"]


def test_vlan_and_admin_mac_stand_at_the_pf(
    lab: Lab, vf_pod: Pod, result: dict[str, Any], before: dict[str, list[dict[str, str]]]
) -> None:
    index = [vf["address"] for vf in before["enp1s0"]].index(vf_pod.devices("kernel")[0])
    links = json.loads(lab.run(["ip", "-j", "-d", "link", "show", "dev", "enp1s0"]).stdout)
    vf = next(item for item in links[0]["vfinfo_list"] if item["vf"] == index)
    assert vf["address"] == MAC
    assert vf["vlan_list"][0]["vlan"] == 100


def test_check_agrees(vf_pod: Pod, result: dict[str, Any], attachment: Attachment) -> None:
    vf_pod.check(attachment)


def test_vf_has_left_the_host(lab: Lab, vf_pod: Pod, result: dict[str, Any]) -> None:
    address = vf_pod.devices("kernel")[0]
    assert lab.run(["ls", f"/sys/bus/pci/devices/{address}/net"], check=False).stdout.split() == []
    assert chain.offered(lab) == {"kernel": 4, "dpdk": 7}, "a VF in a pod is still a healthy device"

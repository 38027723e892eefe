# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a restart of the kubelet: a pod with one kernel VF and one vfio VF, admitted by the real kubelet."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import chain
import pytest
from pod import Attachment, Extras, Pod, install_cached_call

from sriovlab import steps
from sriovlab.guest import Lab

MAC = "02:00:00:00:aa:01"


@pytest.fixture(scope="module")
def before(lab: Lab) -> dict[str, list[dict[str, str]]]:
    """The VFs before there is a pod, once the kubelet has its devices back."""
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})
    install_cached_call(lab)
    return {pf: chain.vfs(lab, pf) for pf in chain.PFS}


@pytest.fixture(scope="module")
def vf_pod(lab: Lab, before: dict[str, list[dict[str, str]]]) -> Iterator[Pod]:
    """The pod; gone at the end in any case."""
    volume = {"downwardAPI": {"items": [
        {"path": "status", "fieldRef": {"fieldPath": "metadata.annotations['k8s.v1.cni.cncf.io/network-status']"}}]}}
    networks = [Attachment("kernel-net", "net1", MAC), Attachment("dpdk-net", "net2")]
    pod = Pod(lab, "both", {"kernel": 1, "dpdk": 1}, Extras(volumes={"/etc/podnetwork": volume}), networks)
    try:
        started = time.monotonic()
        pod.create()
        steps.note(steps.POD, time.monotonic() - started)
        yield pod
    finally:
        pod.delete()


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


def test_vf_is_in_the_pod_with_mac_and_address(vf_pod: Pod) -> None:
    entry = vf_pod.attached("net1")
    text = vf_pod.execute(["ip", "address", "show", "dev", "net1"])
    assert entry["mac"] == MAC and MAC in text
    assert len(entry["ips"]) == 1
    assert f"inet {entry['ips'][0]}/" in text


def test_network_status_names_both_devices(vf_pod: Pod) -> None:
    """As KubeVirt wants them: by interface, with the PCI address, from the device-info files."""
    for pool, interface in (("kernel", "net1"), ("dpdk", "net2")):
        entry = vf_pod.attached(interface)
        assert entry["name"] == f"default/{pool}-net"
        assert entry["device-info"]["type"] == "pci"
        assert entry["device-info"]["pci"]["pci-address"] == vf_pod.devices(pool)[0]


def test_network_status_can_be_read_in_the_pod(lab: Lab, vf_pod: Pod) -> None:
    wanted = vf_pod.attached("net1")

    def told() -> bool:
        text = vf_pod.execute(["cat", "/etc/podnetwork/status"], check=False)
        return bool(text.strip().startswith("[") and wanted in json.loads(text))

    lab.wait_for("the kubelet to write the pod's annotation", told, 180.0, every=2.0)


def test_vlan_and_admin_mac_stand_at_the_pf(lab: Lab, vf_pod: Pod, before: dict[str, list[dict[str, str]]]) -> None:
    index = [vf["address"] for vf in before["enp1s0"]].index(vf_pod.devices("kernel")[0])
    links = json.loads(lab.run(["ip", "-j", "-d", "link", "show", "dev", "enp1s0"]).stdout)
    vf = next(item for item in links[0]["vfinfo_list"] if item["vf"] == index)
    assert vf["address"] == MAC
    assert vf["vlan_list"][0]["vlan"] == 100


def test_check_agrees(lab: Lab, vf_pod: Pod) -> None:
    chain.at_once(lab, [vf_pod.cached_call("CHECK")])


def test_vf_has_left_the_host(lab: Lab, vf_pod: Pod) -> None:
    address = vf_pod.devices("kernel")[0]
    assert lab.run(["ls", f"/sys/bus/pci/devices/{address}/net"], check=False).stdout.split() == []
    assert chain.offered(lab) == {"kernel": 4, "dpdk": 7}, "a VF in a pod is still a healthy device"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node is told to be, and what is checked there: one fault after the other on a host where all is right.

Sources: the fields of SriovNetworkNodeState (SR-IOV network operator, api/v1); Device Information Specification 1.1.0.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry.node_state import run_node_state
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, make_host, present, ran

PLUGINS = "var/lib/kubelet/device-plugins"
CHECKPOINT = f"{PLUGINS}/kubelet_internal_checkpoint"
INFO = "var/run/k8s.cni.cncf.io/devinfo/dp"
MULTUS = {"cniVersion": "1.0.0", "type": "multus", "delegates": [{}]}
VERSIONS = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]


class NodeOfPods(FakeHost):
    """With our CNI plugin, which says its versions."""

    versions: Any = VERSIONS

    def run(self, argv: Any, **options: Any) -> Completed:
        if argv[0] != "/opt/cni/bin/sriov":
            return super().run(argv, **options)
        assert options["variables"] == {"CNI_COMMAND": "VERSION"} and json.loads(options["stdin"])["cniVersion"]
        return Completed(tuple(argv), 0, json.dumps({"cniVersion": "1.0.0", "supportedVersions": self.versions}), "")


def checkpoint(host: FakeHost, **numbers: int) -> None:
    """What the kubelet knows of our resources, and a device-info file for each."""
    registered = {}
    for pool, pf in (("kernel", PF1), ("dpdk", PF2)):
        ids = [host.vf_address(pf, index) for index in range(numbers.get(pool, 0))]
        registered[f"baremetal.sriov/{pool}"] = ids
        for one in ids:
            told = {"type": "pci", "version": "1.1.0", "pci": {"pci-address": one}}
            host.put(f"{INFO}/baremetal.sriov-{pool}-{one}-device.json", json.dumps(told))
    host.put(CHECKPOINT, json.dumps({"Data": {"PodDeviceEntries": None, "RegisteredDevices": registered}}))


@pytest.fixture
def node(tmp_path: Path) -> NodeOfPods:
    """Configured, with a kubelet and Multus."""
    host = make_host(tmp_path, kind=NodeOfPods)
    assert isinstance(host, NodeOfPods)
    present(host, [KERNEL, DPDK])
    for pool in ("kernel", "dpdk"):
        host.put(f"{PLUGINS}/baremetal.sriov_{pool}.sock", "")
    host.fill({f"{PLUGINS}/kubelet.sock": "", "var/lib/kubelet/pod-resources/kubelet.sock": "",
               "opt/cni/bin/sriov": "", "opt/cni/bin/multus": "", "etc/cni/net.d/00-multus.conf": json.dumps(MULTUS),
               "etc/cni/net.d/10-bridge.conflist": "{}"})  # fmt: skip
    for index in range(7):
        group = Path(host.real(f"sys/bus/pci/devices/{host.vf_address(PF2, index)}/iommu_group").readlink()).name
        host.put(f"dev/vfio/{group}", "")
    checkpoint(host, kernel=4, dpdk=7)
    return host


def looked(host: FakeHost, *policies: dict[str, Any], **params: Any) -> dict[str, Any]:
    spec = node_spec(list(policies or (KERNEL, DPDK)))
    given = {"spec": spec, "cni": True, "networks": True, "cni_bin_dir": "auto", "cni_conf_dir": "auto", **params}
    writes = len(host.log)
    found: dict[str, Any] = ran(host, run_node_state, params=given).result
    assert len(host.log) == writes and not found.get("failed"), found
    return found


def failed(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    assert all(row["remedy"] for row in found["checks"] if row["outcome"] == "failed")
    assert not any(row["remedy"] for row in found["checks"] if row["outcome"] == "passed")
    return {row["check"]: row for row in found["checks"] if row["outcome"] == "failed"}


def test_a_node_where_all_is_right(node: NodeOfPods) -> None:
    found = looked(node)
    assert failed(found) == {}
    assert {row["check"] for row in found["checks"]} == {
        "iommu", "num_vfs", "vf_driver", "iommu_group", "pf_link", "cni_plugin", "meta_plugin", "kubelet",
        "pod_resources", "registered", "device_info",
    }  # fmt: skip
    state = found["state"]
    assert state["sync_status"] == "Succeeded" and state["last_sync_error"] == ""
    assert {one["type"]: one["status"] for one in state["conditions"]} == {
        "Configured": "True", "RebootRequired": "False", "DrainRequired": "False"
    }  # fmt: skip
    first, second = state["interfaces"]
    assert (first["name"], first["pci_address"], first["num_vfs"], first["total_vfs"]) == ("enp1s0", PF1, 4, 7)
    assert first["link_admin_state"] == "up" and first["driver"] == "igb"
    assert {vf["driver"] for vf in second["vfs"]} == {"vfio-pci"}
    assert [vf["vf_id"] for vf in first["vfs"]] == [0, 1, 2, 3]
    assert "assigned" not in first["vfs"][0] and first["vfs"][0]["pci_address"] == node.vf_address(PF1, 0)


def no_plugin(host: NodeOfPods) -> None:
    host.real("opt/cni/bin/sriov").unlink()


def old_plugin(host: NodeOfPods) -> None:
    host.versions = ["0.3.1", "1.0.0"]


def odd_plugin(host: NodeOfPods) -> None:
    host.versions = 5


def bridge_first(host: NodeOfPods) -> None:
    host.put("etc/cni/net.d/00-a.conflist", json.dumps({"plugins": [{"type": "bridge"}]}))


def broken_first(host: NodeOfPods) -> None:
    host.put("etc/cni/net.d/00-a.conf", "[")


def no_multus(host: NodeOfPods) -> None:
    host.real("opt/cni/bin/multus").unlink()


def no_kubelet(host: NodeOfPods) -> None:
    host.real(f"{PLUGINS}/kubelet.sock").unlink()


def no_pod_resources(host: NodeOfPods) -> None:
    host.real("var/lib/kubelet/pod-resources/kubelet.sock").unlink()


def fewer_offered(host: NodeOfPods) -> None:
    checkpoint(host, kernel=3, dpdk=7)


def nobody_serves(host: NodeOfPods) -> None:
    host.real(f"{PLUGINS}/baremetal.sriov_dpdk.sock").unlink()


def no_file(host: NodeOfPods) -> None:
    host.real(f"{INFO}/baremetal.sriov-dpdk-{host.vf_address(PF2, 3)}-device.json").unlink()


def another_address(host: NodeOfPods) -> None:
    told = {"type": "pci", "version": "1.1.0", "pci": {"pci-address": "0000:09:00.0"}}
    host.put(f"{INFO}/baremetal.sriov-dpdk-{host.vf_address(PF2, 3)}-device.json", json.dumps(told))


def a_list(host: NodeOfPods) -> None:
    host.put(f"{INFO}/baremetal.sriov-kernel-{host.vf_address(PF1, 0)}-device.json", "[]")


def no_group_file(host: NodeOfPods) -> None:
    for path in host.real("dev/vfio").iterdir():
        path.unlink()


def pf_down(host: NodeOfPods) -> None:
    host.nets["enp1s0"].up = False


def odd_checkpoint(host: NodeOfPods) -> None:
    host.put(CHECKPOINT, "[]")


@pytest.mark.parametrize(
    ("fault", "check", "words"),
    [
        (no_plugin, "cni_plugin", "no such file"),
        (old_plugin, "cni_plugin", "0.3.1, 1.0.0"),
        (odd_plugin, "cni_plugin", "an answer that is none"),
        (bridge_first, "meta_plugin", "type bridge"),
        (broken_first, "meta_plugin", "no CNI configuration"),
        (no_multus, "meta_plugin", "no /opt/cni/bin/multus"),
        (no_kubelet, "kubelet", "none"),
        (no_pod_resources, "pod_resources", "none"),
        (fewer_offered, "registered", "3 devices"),
        (nobody_serves, "registered", "no socket"),
        (no_file, "device_info", "no file"),
        (another_address, "device_info", "the address 0000:09:00.0"),
        (a_list, "device_info", "another form"),
        (no_group_file, "iommu_group", "no /dev/vfio/"),
        (pf_down, "pf_link", "down"),
        (odd_checkpoint, "kubelet", "another form"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_one_fault(node: NodeOfPods, fault: Callable[[NodeOfPods], None], check: str, words: str) -> None:
    fault(node)
    found = failed(looked(node))
    assert words in found[check]["found"], found
    assert found.keys() == {check}


def test_a_node_that_is_not_configured_yet(tmp_path: Path) -> None:
    found = looked(make_host(tmp_path), KERNEL, networks=False, cni=False)
    assert found["state"]["sync_status"] == "InProgress"
    configured = found["state"]["conditions"][0]
    assert configured["status"] == "False" and PF1 in configured["message"]
    assert {"num_vfs", "vf_driver", "kubelet"} <= failed(found).keys()


def test_a_plan_that_is_refused_is_an_answer(node: NodeOfPods) -> None:
    found = looked(node, {**KERNEL, "num_vfs": 9})
    assert found["state"]["sync_status"] == "Failed" and "9" in found["state"]["last_sync_error"]
    assert failed(found)["num_vfs"]["found"] == "4 VFs" and found["state"]["interfaces"]


def test_who_has_a_vf(node: NodeOfPods) -> None:
    """source: the kubelet's checkpoint, as usage/kubelet.py reads it."""
    uid, vf = "11111111-2222-3333-4444-555555555555", node.vf_address(PF1, 2)
    entry = {"PodUID": uid, "ContainerName": "main", "DeviceIDs": {"0": [vf]}, "ResourceName": "baremetal.sriov/kernel"}
    data = json.loads(node.get(CHECKPOINT))["Data"]
    node.put(CHECKPOINT, json.dumps({"Data": {**data, "PodDeviceEntries": [entry]}}))
    node.put(f"sys/fs/cgroup/kubepods.slice/kubepods-pod{uid.replace('-', '_')}.slice/cgroup.procs", "")
    node.put(f"var/log/pods/default_vm_{uid}/main/0.log", "")
    vfs = looked(node)["state"]["interfaces"][0]["vfs"]
    assert vfs[2]["assigned"] == "pod default/vm, container main"

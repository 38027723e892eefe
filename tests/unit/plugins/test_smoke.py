# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of the inventory's networks, and what their output comes to.

Sources: Kubernetes, "Manage HugePages" (requests are limits, and CPU or memory beside them) and "Resource Quotas" (of
an extended resource only requests. counts); tests/support/recorded_measures.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.filter.workloads import smoke_client, smoke_rounds, smoke_verdicts
from ansible_collections.baremetal.sriov.plugins.plugin_utils.smoke import measures, workloads
from support import recorded_measures as recorded

IPAM = {"type": "host-local", "subnet": "10.100.0.0/24"}
NETWORKS = [
    {"name": "blue", "resource_name": "kernel", "ipam": IPAM},
    {"name": "bare", "resource_name": "kernel", "network_namespace": "vms"},
    {"name": "fast", "resource_name": "dpdk"},
    {"name": "plain", "type": "bridge", "bridge": "br0"},
]
POLICIES = [{"name": "a", "resource_name": "kernel"}, {"name": "b", "resource_name": "dpdk", "device_type": "vfio-pci"}]
KERNEL, DPDK = "baremetal.sriov/kernel", "baremetal.sriov/dpdk"
IMAGE = {"image": "example.org/tools:1"}
VF = "0000:01:10.0"


def made(**options: Any) -> dict[str, Any]:
    return smoke_rounds(NETWORKS, POLICIES, **{**IMAGE, "dpdk_image": "example.org/dpdk:1", **options})


def test_a_round_for_each_network() -> None:
    found = made()
    assert [(one["name"], one["kind"], one["resources"]) for one in found["rounds"]] == [
        ("network default/blue", "traffic", {KERNEL: 2}),
        ("network vms/bare", "presence", {KERNEL: 1}),
        ("network default/fast", "testpmd", {DPDK: 1}),
        ("two networks in one pod", "presence", {KERNEL: 2}),
    ]
    assert found["quota"]["spec"]["hard"] == {f"requests.{DPDK}": "1", f"requests.{KERNEL}": "2"}
    assert len(found["notes"]) == 1 and "vms/bare" in found["notes"][0]
    two = found["rounds"][3]["pods"][0]
    assert two["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"] == "default/blue,vms/bare"


def test_all_can_be_found_again_and_nothing_is_privileged() -> None:
    """By the label a run finds what an earlier one left."""
    found = made(nodes=["n1", "n2"], pull_secrets=["registry"])
    pods = [pod for one in found["rounds"] for pod in one["pods"]]
    for item in (*pods, found["quota"], found["namespace"]):
        assert item["metadata"]["labels"][workloads.LABEL] == "true"
    assert "privileged" not in json.dumps([pod["spec"] for pod in pods])
    for pod in pods:
        terms = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert [term["matchFields"][0]["values"] for term in terms["nodeSelectorTerms"]] == [["n1"], ["n2"]]
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]


@pytest.mark.parametrize(("size", "amount"), [("2Mi", "256Mi"), ("1Gi", "1Gi")])
def test_testpmd_has_huge_pages_and_a_memory_lock(size: str, amount: str) -> None:
    pod = made(page_size=size)["rounds"][2]["pods"][0]
    (container,) = pod["spec"]["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["IPC_LOCK"]}
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert container["resources"]["limits"][f"hugepages-{size}"] == amount
    assert pod["spec"]["volumes"][0]["emptyDir"] == {"medium": f"HugePages-{size}"}
    assert "/^PCIDEVICE_" in container["command"][2] and '-a "$vf"' in container["command"][2]
    assert "--forward-mode=rxonly" in container["command"][2], "it sends nothing into somebody's network"


def test_what_is_left_out_is_said() -> None:
    found = made(dpdk_image="")
    assert [one["kind"] for one in found["rounds"]] == ["traffic", "presence", "presence"]
    assert any("sriov_smoke_dpdk_image" in note for note in found["notes"])
    with pytest.raises(AnsibleFilterError, match="sriov_smoke_image: expected an image that has"):
        smoke_rounds(NETWORKS, POLICIES)
    assert smoke_rounds([], [])["rounds"] == []
    fast = [NETWORKS[2]]
    assert [one["kind"] for one in smoke_rounds(fast, POLICIES, dpdk_image="x")["rounds"]] == ["testpmd"]


def server(**changes: Any) -> dict[str, Any]:
    info = {"type": "pci", "pci": {"pci-address": VF}}
    told = [{"name": "pods", "default": True}, {"name": "default/blue", "interface": "net1", "ips": ["10.100.0.2"],
                                                "device-info": info, **changes}]  # fmt: skip
    annotations = {"k8s.v1.cni.cncf.io/network-status": json.dumps(told), "k8s.v1.cni.cncf.io/networks": "default/blue"}
    return {"metadata": {"name": "server", "annotations": annotations}, "spec": {"nodeName": "n1"},
            "status": {"phase": "Running", "podIP": "10.244.0.5"}}  # fmt: skip


def test_the_client_measures_towards_the_server() -> None:
    (pod,) = smoke_client([server()], NETWORKS, "default/blue", **IMAGE, seconds=7)
    script = pod["spec"]["containers"][0]["command"][2]
    assert "-I net1 10.100.0.2" in script and "--client 10.244.0.5" in script and "--time 7" in script
    assert pod["spec"]["containers"][0]["resources"]["limits"][KERNEL] == "1"
    spread = pod["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert spread[0]["podAffinityTerm"]["labelSelector"]["matchLabels"] == {"baremetal.sriov/smoke-pod": "server"}
    assert smoke_client([server(ips=[])], NETWORKS, "default/blue", **IMAGE) == []
    assert smoke_client([], NETWORKS, "default/blue", **IMAGE) == []


def test_measures_as_they_were_recorded() -> None:
    assert measures.pings(recorded.PING) == measures.Pings(3, 3, 0.1)
    assert measures.pings(recorded.PING_OF_BUSYBOX) == measures.Pings(3, 1, 0.123)
    assert measures.pings(recorded.NO_ANSWER) == measures.Pings(3, 0, None)
    assert measures.pings("ping: connect: Network is unreachable") is None
    flow = measures.throughput(recorded.IPERF)
    assert flow.bits > 1e8 and 0 < flow.cpu < 10 and not flow.error
    assert measures.throughput(recorded.REFUSED).error == "unable to connect to server: Connection refused"
    assert measures.throughput("sh: iperf3: not found").error == "no result of iperf3: sh: iperf3: not found"
    for text in ("", "{", "[]", '{"end": 5}', '{"end": {"sum_received": {"bits_per_second": "x"}}}', '{"error": 5}'):
        assert measures.throughput(text).error, text
    told = measures.testpmd(recorded.TESTPMD)
    assert told == measures.Testpmd(("02:00:00:00:00:0a",), False, True)
    assert measures.testpmd(recorded.NO_PORT).complaint.startswith("EAL: Cannot open /dev/vfio/17")
    assert [measures.speed(text) for text in ("25000\n", "-1\n", "", "cat: Invalid argument")] == [
        25000,
        None,
        None,
        None,
    ]


def client_log(speed: str = "500", ping: str = recorded.PING, iperf: str = recorded.IPERF) -> str:
    parts = (speed, ping, iperf, recorded.PING, recorded.IPERF)
    return "\n".join(f"{name}\n{text}" for name, text in zip(workloads.PARTS, parts))


def client(phase: str = "Succeeded", node: str = "n2") -> dict[str, Any]:
    found = server()
    return {**found, "metadata": {**found["metadata"], "name": "client"}, "spec": {"nodeName": node},
            "status": {"phase": phase}}  # fmt: skip


def result(number: int = 0, **parts: Any) -> dict[str, Any]:
    usual = {"round": made()["rounds"][number], "pods": [server(), client()], "events": [], "quota": {},
             "log": client_log()}  # fmt: skip
    return {**usual, **parts}


def outcomes(item: dict[str, Any], **limits: int) -> dict[str, str]:
    return {row["check"]: row["outcome"] for row in smoke_verdicts([item], **limits)["rows"]}


GOOD = {"starts": "passed", "network_status": "passed", "ping": "passed", "throughput": "passed",
        "latency": "passed", "cpu": "skipped"}  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "limits", "expected"),
    [
        ({}, {}, {}),
        ({"log": client_log(speed="100000")}, {}, {"throughput": "failed"}),
        ({"log": client_log(speed="100000")}, {"min_share": 0}, {"throughput": "skipped"}),
        ({"log": client_log(speed="-1")}, {}, {"throughput": "skipped"}),
        ({"log": client_log(ping=recorded.PING.replace("0.100", "0.300"))}, {}, {"latency": "failed"}),
        ({"pods": [server(), client(node="n1")]}, {}, {"latency": "skipped"}),
        ({"log": client_log(ping=recorded.PING_OF_BUSYBOX)}, {"max_latency": 200}, {"ping": "failed"}),
        ({"log": client_log(iperf=recorded.REFUSED)}, {}, {"throughput": "failed", "cpu": None}),
        ({"log": ""}, {}, {"ping": "failed", "throughput": "failed", "latency": None, "cpu": None}),
        ({"quota": {"used": {f"requests.{KERNEL}": "2"}}}, {}, {"quota": "passed"}),
        ({"quota": {"used": {f"requests.{KERNEL}": "0"}}}, {}, {"quota": "failed"}),
        ({"pods": [client(), server(**{"device-info": None})]}, {}, {"network_status": "failed"}),
    ],
)
def test_what_traffic_comes_to(parts: dict[str, Any], limits: dict[str, int], expected: dict[str, Any]) -> None:
    wanted = {check: outcome for check, outcome in {**GOOD, **expected}.items() if outcome}
    assert outcomes(result(**parts), **limits) == wanted


def test_the_reason_of_pods_that_do_not_start() -> None:
    event = {"type": "Warning", "message": "0/1 nodes: Insufficient baremetal.sriov/kernel.",
             "involvedObject": {"name": "server"}}  # fmt: skip
    found = smoke_verdicts([result(pods=[{**server(), "status": {"phase": "Pending"}}], events=[event])])
    assert len(found["failures"]) == 1 and "Insufficient baremetal.sriov/kernel" in found["failures"][0]
    assert "1 failed" in found["lines"][0] and "<failure" in found["junit"]


@pytest.mark.parametrize(
    ("log", "outcome"),
    [
        (recorded.TESTPMD, "passed"),
        (recorded.NO_PORT, "failed"),
        ("", "failed"),
        (f"{recorded.TESTPMD}\nPort 0 Link down\n", "failed"),
    ],
)
def test_what_testpmd_comes_to(log: str, outcome: str) -> None:
    pod = server()
    pod["metadata"].update(name="testpmd")
    pod["status"]["phase"] = "Succeeded"
    assert outcomes(result(2, pods=[pod], log=log))["testpmd"] == outcome

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated kubelets: nodes and pods as the controllers and the scheduler of a real control plane see them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sriovlab.progress import LabError
from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer, Settings
from support.cluster.waiting import patience, until

pytestmark = pytest.mark.timeout(180, func_only=True)

NODES, PODS = "/api/v1/nodes", "/api/v1/namespaces/default/pods"
DAEMONSETS = "/apis/apps/v1/namespaces/default/daemonsets"
RESOURCE = "baremetal.sriov/kernel"
COUNT, OFFERED = 50, 8
PAUSE = {"name": "main", "image": "example.org/pause:1"}


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """A node that says nothing for six seconds is taken for lost."""
    return Settings(node_grace_seconds=6)


@pytest.fixture(scope="module")
def nodes(kubelets: Kubelets) -> list[str]:
    """Fifty nodes that renew their leases each second or so, some seconds before all of them are Ready."""
    return kubelets.add(COUNT, labels={"example.org/rack": "r1"}, resources={RESOURCE: OFFERED})


def ready(server: ApiServer, name: str) -> str:
    """The status of a node's condition Ready."""
    node = server.api.request("GET", f"{NODES}/{name}")
    return next(str(item["status"]) for item in node["status"]["conditions"] if item["type"] == "Ready")


def pod(name: str, node: str, **spec: Any) -> dict[str, Any]:
    """A pod for one node, which the scheduler puts there."""
    chosen = {"kubernetes.io/hostname": node}
    return {"metadata": {"name": name}, "spec": {"containers": [PAUSE], "nodeSelector": chosen, **spec}}


def running(server: ApiServer, name: str) -> dict[str, Any] | None:
    """The pod, once it is Running and Ready."""
    found: dict[str, Any] = server.api.request("GET", f"{PODS}/{name}")
    conditions = {item["type"]: item["status"] for item in found["status"].get("conditions", [])}
    good = found["status"]["phase"] == "Running" and conditions.get("Ready") == "True"
    return found if good else None


def unschedulable(server: ApiServer, name: str) -> str:
    """What the scheduler says of a pod that it has no place for."""
    conditions = server.api.request("GET", f"{PODS}/{name}")["status"].get("conditions", [])
    return next((item["message"] for item in conditions if item.get("reason") == "Unschedulable"), "")


def gone(server: ApiServer, name: str) -> bool:
    return server.api.request("GET", f"{PODS}/{name}") is None


def test_fifty_nodes_are_ready(api_server: ApiServer, nodes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()

    def all_ready() -> bool:
        items = api_server.api.request("GET", NODES)["items"]
        return len(items) == COUNT and not [item for item in items if item["spec"].get("taints")]

    until(f"{COUNT} nodes without the taint of new ones", all_ready)
    with capsys.disabled():
        print(f"\ncontrol plane: up in {api_server.start_seconds:.1f} s; {COUNT} nodes: Ready "
              f"{time.monotonic() - start:.1f} s after they were registered")  # fmt: skip
    node = api_server.api.request("GET", f"{NODES}/{nodes[0]}")
    assert node["metadata"]["labels"]["example.org/rack"] == "r1"
    assert node["status"]["allocatable"][RESOURCE] == str(OFFERED)
    assert {ready(api_server, name) for name in (nodes[0], nodes[-1])} == {"True"}


def test_nodes_write_in_their_own_names(api_server: ApiServer, nodes: list[str]) -> None:
    (record,) = api_server.audit(resource="nodes", name=nodes[0], verb="create")
    assert (record.user, record.status) == (f"system:node:{nodes[0]}", 201)
    renewed = api_server.audit(resource="leases", namespace="kube-node-lease", user=f"system:node:{nodes[0]}")
    assert {one.name for one in renewed} == {nodes[0]}


def test_a_daemonset_runs_everywhere(api_server: ApiServer, nodes: list[str]) -> None:
    labels = {"app": "everywhere"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [PAUSE]}}
    body = {"metadata": {"name": "everywhere"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
    api_server.api.request("POST", DAEMONSETS, body)

    def status() -> dict[str, Any]:
        found: dict[str, Any] = api_server.api.request("GET", f"{DAEMONSETS}/everywhere")["status"]
        return found

    until(f"{COUNT} pods of a DaemonSet", lambda: status().get("numberReady") == COUNT, 60, status)
    pods = api_server.api.request("GET", f"{PODS}?labelSelector=app%3Deverywhere")["items"]
    assert {item["spec"]["nodeName"] for item in pods} == set(nodes)
    assert len({item["status"]["podIP"] for item in pods}) == COUNT
    api_server.api.request("DELETE", f"{DAEMONSETS}/everywhere")
    until("no pod of the DaemonSet", lambda: not api_server.api.request("GET", PODS)["items"], 60)


def test_a_service_finds_the_pods_of_a_deployment(api_server: ApiServer, kubelets: Kubelets, nodes: list[str]) -> None:
    """Namespace, service account, Deployment, scheduler, endpoints; and all of it goes with its namespace."""
    space, labels = "/api/v1/namespaces/shop", {"app": "shop"}
    api_server.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    until("its service account", lambda: api_server.api.request("GET", f"{space}/serviceaccounts/default"))
    until("its authority", lambda: api_server.api.request("GET", f"{space}/configmaps/kube-root-ca.crt"))
    template = {"metadata": {"labels": labels}, "spec": {"containers": [PAUSE]}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    deployment = {"metadata": {"name": "shop"}, "spec": spec}
    api_server.api.request("POST", "/apis/apps/v1/namespaces/shop/deployments", deployment)
    service = {"metadata": {"name": "shop"}, "spec": {"selector": labels, "ports": [{"port": 80}]}}
    api_server.api.request("POST", f"{space}/services", service)

    def found() -> set[str]:
        slices = api_server.api.request("GET", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices")["items"]
        ends = [end for one in slices for end in one["endpoints"] or () if end["conditions"]["ready"]]
        return {address for end in ends for address in end["addresses"]}

    until("three endpoints", lambda: len(found()) == 3, 30, found)
    pods = api_server.api.request("GET", f"{space}/pods")["items"]
    assert {item["status"]["podIP"] for item in pods} == found()
    api_server.api.request("DELETE", "/apis/apps/v1/namespaces/shop/deployments/shop")
    until("the garbage is collected", lambda: not api_server.api.request("GET", f"{space}/pods")["items"])
    api_server.api.request("DELETE", space)
    until("the namespace is gone", lambda: api_server.api.request("GET", space) is None, 60)


def test_a_pod_has_its_grace(api_server: ApiServer, kubelets: Kubelets, nodes: list[str]) -> None:
    api_server.api.request("POST", PODS, pod("slow", nodes[1], terminationGracePeriodSeconds=2))
    until("slow runs", lambda: running(api_server, "slow"))
    mark, kubelets.stop_seconds = api_server.mark(), 60.0
    start = time.monotonic()
    api_server.api.request("DELETE", f"{PODS}/slow")
    assert api_server.api.request("GET", f"{PODS}/slow")["metadata"]["deletionGracePeriodSeconds"] == 2
    until("slow is gone", lambda: gone(api_server, "slow"))
    kubelets.stop_seconds = 0.0
    assert time.monotonic() - start > 1.9
    deleted = api_server.audit(since=mark, resource="pods", name="slow", verb="delete")
    assert [one.user for one in deleted] == ["admin", f"system:node:{nodes[1]}"]


def test_what_a_node_offers_is_what_pods_get(api_server: ApiServer, kubelets: Kubelets, nodes: list[str]) -> None:
    wanted = {"resources": {"limits": {RESOURCE: str(OFFERED + 1)}}}
    api_server.api.request("POST", PODS, pod("large", nodes[2], containers=[{**PAUSE, **wanted}]))
    said = until("large is refused", lambda: unschedulable(api_server, "large"))
    assert f"Insufficient {RESOURCE}" in said
    kubelets.set_resources(nodes[2], {RESOURCE: OFFERED * 2})
    assert until("large runs", lambda: running(api_server, "large"))["spec"]["nodeName"] == nodes[2]
    kubelets.silence(nodes[2])
    kubelets.set_resources(nodes[2], {RESOURCE: None})
    assert api_server.api.request("GET", f"{NODES}/{nodes[2]}")["status"]["capacity"][RESOURCE] == str(OFFERED * 2)
    kubelets.resume(nodes[2])
    assert RESOURCE not in api_server.api.request("GET", f"{NODES}/{nodes[2]}")["status"]["capacity"]


def test_a_node_that_goes_silent_is_lost_and_comes_back(
    api_server: ApiServer, kubelets: Kubelets, nodes: list[str]
) -> None:
    name, other = nodes[3], nodes[4]
    at_once = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    api_server.api.request("POST", PODS, pod("held", name, tolerations=[{**at_once, "tolerationSeconds": 0}]))
    until("held runs", lambda: running(api_server, "held"))
    mark = api_server.mark()
    kubelets.silence(name)
    until(f"{name} is lost", lambda: ready(api_server, name) == "Unknown", 30)
    until(f"{other} is not", lambda: ready(api_server, other) == "True")
    until("held is evicted", lambda: api_server.audit(since=mark, name="held", resource="pods", verb="delete"))
    assert "deletionTimestamp" in api_server.api.request("GET", f"{PODS}/held")["metadata"]
    kubelets.resume(name)
    until(f"{name} is back", lambda: ready(api_server, name) == "True")
    until("held is gone, now that its kubelet is there", lambda: gone(api_server, "held"))


def test_a_reboot_has_another_boot_id(api_server: ApiServer, kubelets: Kubelets, nodes: list[str]) -> None:
    def boot_id() -> str:
        return str(api_server.api.request("GET", f"{NODES}/{name}")["status"]["nodeInfo"]["bootID"])

    def restarts() -> int:
        found = running(api_server, "stays")
        return int(found["status"]["containerStatuses"][0]["restartCount"]) if found else -1

    name = nodes[5]
    api_server.api.request("POST", PODS, pod("stays", name))
    until("stays runs", lambda: restarts() == 0)
    before = boot_id()
    kubelets.shut_down(name)
    assert ready(api_server, name) == "False" and boot_id() == before
    kubelets.boot(name)
    assert ready(api_server, name) == "True" and boot_id() != before
    until("its pod runs again, restarted once", lambda: restarts() == 1)
    before = boot_id()
    kubelets.reboot(name, seconds=0.5)
    until("the node has rebooted by itself", lambda: boot_id() != before)
    until("its pod runs again, restarted twice", lambda: restarts() == 2)


def test_a_cordoned_node_gets_no_pod(api_server: ApiServer, nodes: list[str]) -> None:
    def refused() -> str:
        """What the scheduler says once it has heard of the cordon; before that it finds a place."""
        api_server.api.request("POST", PODS, pod("waits", nodes[6]))
        until("a decision", lambda: unschedulable(api_server, "waits") or running(api_server, "waits"))
        said = unschedulable(api_server, "waits")
        if not said:
            api_server.api.request("DELETE", f"{PODS}/waits?gracePeriodSeconds=0")
        return said

    api_server.api.request("PATCH", f"{NODES}/{nodes[6]}", {"spec": {"unschedulable": True}})
    assert "were unschedulable" in until("waits is refused", refused)
    api_server.api.request("PATCH", f"{NODES}/{nodes[6]}", {"spec": {"unschedulable": None}})
    until("waits runs", lambda: running(api_server, "waits"))


def test_a_node_that_the_api_server_refuses_is_said(kubelets: Kubelets, nodes: list[str]) -> None:
    with pytest.raises(LabError, match=r"POST /api/v1/nodes as system:node:Bad_Name: .*status 422"):
        kubelets.add(["Bad_Name"])
    with pytest.raises(LabError, match=r"node nowhere: expected one of this simulation's \d+, found none"):
        kubelets.silence("nowhere")


def test_a_pod_that_was_there_before_its_node(api_server: ApiServer, kubelets: Kubelets, nodes: list[str]) -> None:
    body = {"metadata": {"name": "early"}, "spec": {"containers": [PAUSE], "nodeName": "late"}}
    api_server.api.request("POST", PODS, body)
    assert kubelets.add(["late"]) == ["late"] and "late" not in nodes
    until("early runs", lambda: running(api_server, "early"))


def test_what_it_costs_is_known(
    api_server: ApiServer, kubelets: Kubelets, nodes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    spent = kubelets.cpu_seconds()
    with capsys.disabled():
        print(f"\n{len(nodes)} kubelets: {spent:.1f} s of CPU; control plane: {api_server.cpu_seconds():.1f} s")
    assert 0 < spent < 20 * patience()
    assert kubelets.problems == []

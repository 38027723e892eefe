# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook adopt before a real DaemonSet controller: one pod leaves its node, all others stay, all comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.adopting.origins import LABEL
from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer
from support.cluster.waiting import until
from support.rolling_runs import DONE, RollingRuns

pytestmark = pytest.mark.timeout(240, func_only=True)

APPS = "/apis/apps/v1/namespaces/default"
FROM = ["deployment/default/operator", "daemonset/default/dp"]
VF, RESOURCE = "0000:01:10.0", "intel.com/fast"
CONTAINER = {"name": "main", "image": "example.org/pause:1"}


@pytest.fixture(scope="module")
def nodes(kubelets: Kubelets) -> list[str]:
    return kubelets.add(2, resources={RESOURCE: 4})


@pytest.fixture
def runs(tmp_path: Path, kubelets: Kubelets, api_server: ApiServer) -> RollingRuns:
    made = RollingRuns(tmp_path, kubelets, api_server.user("admin"))
    made.variables.update(sriov_device_plugin=True, sriov_adopt_from=FROM)
    return made


@pytest.fixture
def pods(api_server: ApiServer, nodes: list[str]) -> Iterator[None]:
    """What runs the nodes before us: a DaemonSet, and a Deployment that has no node's pod to lose."""
    labels = {"app": "dp"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [CONTAINER]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    api_server.api.request("POST", f"{APPS}/daemonsets", {"metadata": {"name": "dp"}, "spec": spec})
    body = {"metadata": {"name": "operator"}, "spec": {**spec, "replicas": 2}}
    body["spec"] = {**body["spec"], "selector": {"matchLabels": {"app": "op"}},
                    "template": {**template, "metadata": {"labels": {"app": "op"}}}}  # fmt: skip
    api_server.api.request("POST", f"{APPS}/deployments", body)
    until("a pod on each node", lambda: set(of_set(api_server)) == set(nodes))
    yield
    for kind in ("daemonsets/dp", "deployments/operator"):
        api_server.api.request("DELETE", f"{APPS}/{kind}")


def of_set(server: ApiServer) -> dict[str, dict[str, Any]]:
    """Node -> the DaemonSet's pod there, which is not about to end."""
    found = server.api.request("GET", "/api/v1/namespaces/default/pods?labelSelector=app%3Ddp")["items"]
    return {pod["spec"]["nodeName"]: pod["metadata"] for pod in found
            if pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]}  # fmt: skip


def spec_of(server: ApiServer, kind: str) -> dict[str, Any]:
    return dict(server.api.request("GET", f"{APPS}/{kind}")["spec"])


def answers(runs: RollingRuns, node: str, pod: str) -> None:
    """The node's own part is the node library's tests' to show."""
    bundles = {name: {"part": part, "changed": False} for name, part in (
        ("node", "node"), ("device-plugin", "device_plugin"), ("cni", "cni"))}  # fmt: skip
    runs.node(node, {**DONE, "resources": {RESOURCE: 4}, "managed": [VF], "bundles": bundles})
    server = {"resource": RESOURCE, "socket": "/s", "ours": not pod, "words": "process 7 (sriovdp)", "unit": "",
              "pod": pod}  # fmt: skip
    told = {"changed": False, "servers": [server], "held": {RESOURCE: {VF: "pod ns/app, container app"}},
            "active": not pod, "units": {}, "begun": False}  # fmt: skip
    runs.put(f"answers/{node}/sriov_handover", json.dumps([told]))


@pytest.mark.usefixtures("pods")
def test_over_and_back(runs: RollingRuns, api_server: ApiServer, nodes: list[str]) -> None:
    before = {kind: spec_of(api_server, kind) for kind in ("daemonsets/dp", "deployments/operator")}
    first = of_set(api_server)
    answers(runs, nodes[0], f"default/{first[nodes[0]]['name']}")
    mark = api_server.mark()
    shown = runs.site(nodes[:1], "--check", book="adopt")
    assert shown.status == 0, shown.output
    assert "daemonset/default/dp is kept from the node by a label" in shown.output
    assert not [one for one in api_server.audit(mark, writes=True) if one.resource in ("daemonsets", "nodes")]

    over = runs.site(nodes[:1], book="adopt")
    assert over.status == 0, over.output
    until("the pod of the node that is ours to leave", lambda: set(of_set(api_server)) == {nodes[1]})
    assert of_set(api_server)[nodes[1]]["uid"] == first[nodes[1]]["uid"], "no other pod is made anew"
    assert spec_of(api_server, "deployments/operator")["replicas"] == 0

    answers(runs, nodes[0], "")
    back = runs.site(nodes[:1], book="adopt", sriov_adopt_back=True)
    assert back.status == 0, back.output
    until("a pod on each node again", lambda: set(of_set(api_server)) == set(nodes))
    assert {kind: spec_of(api_server, kind) for kind in before} == before
    labels = api_server.api.request("GET", f"/api/v1/nodes/{nodes[0]}")["metadata"]["labels"]
    assert LABEL not in labels and of_set(api_server)[nodes[1]]["uid"] == first[nodes[1]]["uid"]


@pytest.mark.usefixtures("pods")
def test_what_is_not_named_ends_the_run_before_anything(
    runs: RollingRuns, api_server: ApiServer, nodes: list[str]
) -> None:
    answers(runs, nodes[0], f"default/{of_set(api_server)[nodes[0]]['name']}")
    run = runs.site(nodes[:1], book="adopt", sriov_adopt_from=FROM[:1])
    assert run.status == 2 and "expected daemonset/default/dp in sriov_adopt_from" in " ".join(run.output.split())
    assert spec_of(api_server, "deployments/operator")["replicas"] == 2 and set(of_set(api_server)) == set(nodes)

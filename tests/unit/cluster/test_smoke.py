# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workloads of smoke, and the device plugin as pods, in front of an API server; and that nothing of them stays."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.filter.workloads import (
    device_plugin_objects,
    smoke_client,
    smoke_rounds,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer, Settings
from support.cluster.waiting import until
from support.playbook_runs import Controller

pytestmark = pytest.mark.timeout(300, func_only=True)

HERE = {"ansible_python_interpreter": sys.executable}
IPAM = {"type": "host-local", "subnet": "10.100.0.0/24"}
NETWORKS = [{"name": "blue", "resource_name": "kernel", "ipam": IPAM}, {"name": "fast", "resource_name": "dpdk"}]
POLICIES = [
    {"name": "a", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 4},
    {"name": "b", "resource_name": "dpdk", "nic_selector": {"pf_names": ["enp2s0"]}, "num_vfs": 4,
     "device_type": "vfio-pci"},
]  # fmt: skip
IMAGE = "example.org/tools:1"
SPACE = "baremetal-sriov-smoke"
NAMESPACES = "/api/v1/namespaces"
STRICT = "?dryRun=All&fieldValidation=Strict"


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """A scheduler, so that pods come to nodes, and who makes accounts, counts quotas and takes namespaces away."""
    return Settings(controllers=("namespace-controller", "resourcequota-controller", "serviceaccount-controller"))


def test_each_object_is_taken(api_server: ApiServer) -> None:
    """source: the schemas of Kubernetes, with unknown fields as mistakes."""
    api = api_server.api
    made = smoke_rounds(NETWORKS, POLICIES, image=IMAGE, dpdk_image=IMAGE, namespace="default", nodes=["n1"])
    pods = [pod for one in made["rounds"] for pod in one["pods"]]
    told = [{"name": "default/blue", "ips": ["10.100.0.2"]}]
    server: dict[str, Any] = {"metadata": {"name": "server", "annotations": {
        "k8s.v1.cni.cncf.io/network-status": json.dumps(told)}}, "status": {"podIP": "10.244.0.5"}}  # fmt: skip
    pods += smoke_client([server], NETWORKS, "default/blue", image=IMAGE, namespace="default")
    assert len(pods) == 4
    for pod in pods:
        assert api.request("POST", f"{NAMESPACES}/default/pods{STRICT}", pod)["metadata"]["name"]
    assert api.request("POST", f"{NAMESPACES}/default/resourcequotas{STRICT}", made["quota"])["spec"]["hard"]
    config_map, daemon_set = device_plugin_objects(
        {"n1": node_spec(POLICIES[:1]), "n2": node_spec(POLICIES)}, namespace="default"
    )
    assert api.request("POST", f"{NAMESPACES}/default/configmaps{STRICT}", config_map)["data"]
    assert api.request("POST", f"/apis/apps/v1/namespaces/default/daemonsets{STRICT}", daemon_set)["spec"]


def test_a_run_leaves_nothing(api_server: ApiServer, kubelets: Kubelets, tmp_path: Path) -> None:
    """Simulated kubelets run no Multus: each network fails in words, the next is tried, and all is removed. A run after
    one that was killed takes what that left.
    """
    kubelets.add(["node1"], resources={"baremetal.sriov/kernel": 4})
    made = smoke_rounds(NETWORKS, POLICIES, image=IMAGE)
    api = api_server.api
    api.request("POST", NAMESPACES, made["namespace"])
    until(
        "the account of pods", lambda: api.request("GET", f"{NAMESPACES}/{SPACE}/serviceaccounts/default") is not None
    )
    left = made["rounds"][0]["pods"][0]
    api.request("POST", f"{NAMESPACES}/{SPACE}/pods", {**left, "metadata": {**left["metadata"], "name": "left"}})
    controller = Controller(tmp_path)
    given = {"sriov_kubeconfig": str(api_server.user("smoker", groups=["system:masters"])), "sriov_smoke_timeout": 20,
             "sriov_smoke_image": IMAGE, "sriov_smoke_junit": "smoke.xml", "sriov_networks": NETWORKS,
             "sriov_policies": POLICIES}  # fmt: skip
    run = controller.run("baremetal.sriov.smoke", extra=given, local=HERE)
    assert run.status == 2 and "sriov_smoke_dpdk_image names no image" in run.output, run.output
    assert "network default/blue" in controller.get("smoke.xml") and "two networks in one pod" in controller.get(
        "smoke.xml"
    )
    there = api.request("GET", f"{NAMESPACES}/{SPACE}")
    assert there is None, run.output


def test_without_a_cluster_or_an_image(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    run = controller.run("baremetal.sriov.smoke", extra={"sriov_networks": NETWORKS, "sriov_policies": POLICIES})
    run.assert_refused("sriov_kubeconfig: expected a kubeconfig")

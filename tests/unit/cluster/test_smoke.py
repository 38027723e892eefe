# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workloads of smoke, and the device plugin as pods, in front of an API server; a run is in the lab's group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.filter.workloads import (
    device_plugin_objects,
    smoke_client,
    smoke_rounds,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.cluster.server import ApiServer, Settings
from support.playbook_runs import Controller

pytestmark = pytest.mark.timeout(300, func_only=True)

IPAM = {"type": "host-local", "subnet": "10.100.0.0/24"}
NETWORKS = [{"name": "blue", "resource_name": "kernel", "ipam": IPAM}, {"name": "fast", "resource_name": "dpdk"}]
POLICIES = [
    {"name": "a", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 4},
    {"name": "b", "resource_name": "dpdk", "nic_selector": {"pf_names": ["enp2s0"]}, "num_vfs": 4,
     "device_type": "vfio-pci"},
]  # fmt: skip
IMAGE = "example.org/tools:1"
NAMESPACES = "/api/v1/namespaces"
STRICT = "?dryRun=All&fieldValidation=Strict"


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """Accounts of pods, and no more."""
    return Settings(controllers=("serviceaccount-controller",), scheduler=False)


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


def test_without_a_cluster_or_an_image(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    run = controller.run("baremetal.sriov.smoke", extra={"sriov_networks": NETWORKS, "sriov_policies": POLICIES})
    run.assert_refused("sriov_kubeconfig: expected a kubeconfig")

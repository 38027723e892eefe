# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook smoke in front of an API server: it fails in words where there is no Multus, and leaves nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.filter.workloads import smoke_rounds
from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer, Settings
from support.cluster.waiting import until
from support.playbook_runs import Controller

pytestmark = pytest.mark.timeout(900, func_only=True)

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


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """A scheduler, so that pods come to nodes, and who makes accounts, counts quotas and takes namespaces away."""
    return Settings(controllers=("namespace-controller", "resourcequota-controller", "serviceaccount-controller"))


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
    run = controller.run("baremetal.sriov.smoke", extra=given, local=HERE, seconds=600)
    assert run.status == 2 and "sriov_smoke_dpdk_image names no image" in run.output, run.output
    assert "network default/blue" in controller.get("smoke.xml") and "two networks in one pod" in controller.get(
        "smoke.xml"
    )
    there = api.request("GET", f"{NAMESPACES}/{SPACE}")
    assert there is None, run.output

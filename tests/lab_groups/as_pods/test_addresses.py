# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""whereabouts by its own manifest, as the IPAM plugin that our CNI plugin calls for addresses of a whole cluster."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from accounts import account
from pod import Attachment, Pod, define_network, gone_at_the_end

from sriovlab import peers
from sriovlab.guest import Lab

PATHS = {
    "ServiceAccount": "/api/v1/namespaces/kube-system/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/kube-system/configmaps",
    "DaemonSet": "/apis/apps/v1/namespaces/kube-system/daemonsets",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}
PLUGIN = "/opt/cni/bin/whereabouts"
ACCESS = "/etc/cni/net.d/whereabouts.d"
POOLS = "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/kube-system/ippools"
NETWORK, RANGE = "whereabouts", ipaddress.ip_network("203.0.113.0/29")


@pytest.fixture(scope="module")
def lab(images: Lab) -> Lab:
    """The running node with the chain's two policies, and the images."""
    return images


def manifests() -> list[dict[str, Any]]:
    """Definitions of resources, and what installs the plugin on each node. Its image is there, and can't be pulled."""
    folder = peers.built(peers.WHEREABOUTS).folder
    files = sorted(folder.glob("*.yaml"), key=lambda path: (not path.name.startswith("whereabouts.cni"), path.name))
    found = [item for path in files for item in yaml.safe_load_all(path.read_text())]
    for item in found:
        if item["kind"] == "DaemonSet":
            (container,) = item["spec"]["template"]["spec"]["containers"]
            container["imagePullPolicy"] = "IfNotPresent"
            container["resources"]["limits"]["cpu"] = "1"  # a tenth of an emulated processor starts nothing
    return found


@pytest.fixture(scope="module")
def installed(lab: Lab) -> Iterator[Lab]:
    """The node with whereabouts; all of it is gone at the end."""
    items = manifests()
    paths = [(PATHS[item["kind"]], item["metadata"]["name"]) for item in items]
    try:
        for item, (path, _name) in zip(items, paths):
            lab.api("POST", path, item)
        # The plugin itself comes last.
        there = ["test", "-x", PLUGIN]
        lab.wait_for("the plugin", lambda: lab.run(there, check=False).returncode == 0, 180.0, every=1.0)
        yield lab
    finally:
        for path, name in reversed(paths):
            lab.api("DELETE", f"{path}/{name}")
        lab.run(["rm", "-rf", ACCESS, PLUGIN])


def given(lab: Lab) -> dict[str, str]:
    """The addresses that whereabouts has given, and to whom."""
    pools = lab.api("GET", POOLS)["items"]
    return {number: entry["podref"] for pool in pools for number, entry in pool["spec"]["allocations"].items()}


def test_pods_get_addresses_of_the_cluster_and_give_them_back(installed: Lab) -> None:
    lab = installed
    pods = [Pod(lab, f"whereabouts-{number}", {"kernel": 1}, networks=[Attachment(NETWORK)]) for number in range(2)]
    with gone_at_the_end(lab, pods, [NETWORK]):
        define_network(lab, NETWORK, "kernel", {"ipam": {"type": "whereabouts", "range": str(RANGE)}})
        for pod in pods:
            pod.begin()
        for pod in pods:
            pod.wait()
        addresses = [address for pod in pods for address in pod.attached()["ips"]]
        assert len(set(addresses)) == 2 and all(ipaddress.ip_address(one) in RANGE for one in addresses)
        assert sorted(given(lab).values()) == [f"default/{pod.name}" for pod in pods]
        assert f"inet {addresses[1]}/29" in pods[1].execute(["ip", "address", "show", "dev", "net1"])
        for pod in pods:
            pod.end()
        for pod in pods:
            pod.wait_gone()
        lab.wait_for("the addresses to be given back", lambda: given(lab) == {}, 30.0)


def test_it_reaches_the_api_server_as_its_own_account(installed: Lab) -> None:
    config = json.loads(installed.read(f"{ACCESS}/whereabouts.conf"))
    assert config["kubernetes"]["kubeconfig"] == f"{ACCESS}/whereabouts.kubeconfig"
    access = yaml.safe_load(installed.read(config["kubernetes"]["kubeconfig"]))
    (user,) = access["users"]
    assert account(user["user"]["token"]) == "system:serviceaccount:kube-system:whereabouts"

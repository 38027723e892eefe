# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods request for their networks: annotations, what containers request before, and after.

# source: Network Plumbing Working Group, Multi-Network specification 1.3, "networks" annotation (a list of names with
# commas, or JSON); network-resources-injector (one more of a resource for each network, requests and limits alike, a
# request that is there stays); Kubernetes, "Extended resources" (whole numbers, limits equal requests); KubeVirt user
# guide, SR-IOV (the networks of interfaces with sriov).
"""

from __future__ import annotations

from typing import Any

KERNEL, DPDK = "baremetal.sriov/kernel", "baremetal.sriov/dpdk"
NETWORKS = [
    {"name": "blue", "resource_name": "kernel"}, {"name": "red", "resource_name": "kernel"},
    {"name": "fast", "resource_name": "dpdk", "network_namespace": "vms"},
    {"name": "lan", "type": "bridge", "bridge": "b"},
]  # fmt: skip


def both(**counts: str) -> dict[str, Any]:
    """Requests and limits of the pools kernel and dpdk."""
    found = {f"baremetal.sriov/{name}": count for name, count in counts.items()}
    return {"requests": found, "limits": found}


def only(key: str, **counts: str) -> dict[str, Any]:
    return {key: both(**counts)[key]}


# Annotation, resources of two containers before and after.
PODS: dict[str, tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = {
    "one name": ("blue", [{}, {}], [both(kernel="1"), {}]),
    "namespace and interface": ("default/blue@net7", [{}, {}], [both(kernel="1"), {}]),
    "of another namespace": (" vms/fast , blue", [{}, {}], [both(dpdk="1", kernel="1"), {}]),
    "two of one pool": ("blue,red", [{}, {}], [both(kernel="2"), {}]),
    "one network twice": ("blue,blue", [{}, {}], [both(kernel="2"), {}]),
    "JSON": ('[{"name": "blue", "interface": "a"}, {"name": "fast", "namespace": "vms"}]', [{}, {}],
             [both(dpdk="1", kernel="1"), {}]),
    "no resource": ("lan", [{}, {}], [{}, {}]),
    "no annotation": ("", [{}, {}], [{}, {}]),
    "there already": ("blue", [both(kernel="1"), {}], [both(kernel="1"), {}]),
    "in another container": ("blue", [{}, both(kernel="1")], [{}, both(kernel="1")]),
    "more than needed": ("blue", [both(kernel="3"), {}], [both(kernel="3"), {}]),
    "one is missing": ("blue,red", [both(kernel="1"), {}], [both(kernel="2"), {}]),
    "one is missing beside another": ("blue,red", [{}, both(kernel="1")], [both(kernel="1"), both(kernel="1")]),
    "requests alone": ("blue", [only("requests", kernel="1"), {}], [both(kernel="1"), {}]),
    "limits alone": ("blue", [{}, only("limits", kernel="1")], [{}, both(kernel="1")]),
    "beside others": ("blue", [{"requests": {"cpu": "1"}, "limits": None}, {}],
                      [{"requests": {"cpu": "1", KERNEL: "1"}, "limits": {KERNEL: "1"}}, {}]),
}  # fmt: skip
# Annotation, and a word of the refusal.
WRONG_ANNOTATIONS = {
    "unknown": ("green", "expected a network that is known (default/blue, default/lan, default/red, vms/fast), found"),
    "unknown in its namespace": ("fast", "found default/fast"),
    "broken JSON": ('[{"name": "blue"}', "expected a list in JSON"),
    "an object": ('{"name": "blue"}', "expected a list of objects with a name"),
    "no name": ('[{"namespace": "vms"}]', "expected a list of objects with a name"),
    "three parts": ("a/b/c", "expected NAME or NAMESPACE/NAME"),
    "an empty name": ("vms/", "expected NAME or NAMESPACE/NAME"),
    "a number": (7, "expected a text"),
}

# API version, kind -> the path to the pod.
KINDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("v1", "Pod"): (), ("v1", "PodTemplate"): ("template",), ("v1", "ReplicationController"): ("spec", "template"),
    ("apps/v1", "Deployment"): ("spec", "template"), ("apps/v1", "DaemonSet"): ("spec", "template"),
    ("apps/v1", "StatefulSet"): ("spec", "template"), ("apps/v1", "ReplicaSet"): ("spec", "template"),
    ("batch/v1", "Job"): ("spec", "template"), ("batch/v1", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}  # fmt: skip
MACHINES: dict[tuple[str, str], tuple[str, ...]] = {
    ("kubevirt.io/v1", "VirtualMachineInstance"): (), ("kubevirt.io/v1", "VirtualMachine"): ("spec", "template"),
    ("kubevirt.io/v1", "VirtualMachineInstanceReplicaSet"): ("spec", "template"),
    ("pool.kubevirt.io/v1beta1", "VirtualMachinePool"): ("spec", "virtualMachineTemplate", "spec", "template"),
}  # fmt: skip

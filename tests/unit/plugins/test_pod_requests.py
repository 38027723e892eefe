# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workload requests the VFs of the networks that it names, and pods that do not are named."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.filter.filters import pod_spec, pods_without_vf
from ansible_collections.baremetal.sriov.plugins.plugin_utils.networks import network_attachments
from support.expected_pod_specs import KERNEL, KINDS, MACHINES, NETWORKS, PODS, WRONG_ANNOTATIONS, both

ANNOTATION = "k8s.v1.cni.cncf.io/networks"
DEFINITIONS = network_attachments(NETWORKS, "baremetal.sriov")


def pod(annotation: Any, *resources: dict[str, Any]) -> dict[str, Any]:
    containers = [{"name": f"c{number}", **({"resources": one} if one else {})} for number, one in enumerate(resources)]
    return {
        "metadata": {"annotations": {ANNOTATION: annotation} if annotation else None},
        "spec": {"containers": containers},
    }


def machine(*interfaces: dict[str, Any], resources: dict[str, Any] | None = None) -> dict[str, Any]:
    networks = [{"name": "default", "pod": {}}, {"name": "a", "multus": {"networkName": "blue"}},
                {"name": "b", "multus": {"networkName": "vms/fast"}}]  # fmt: skip
    domain = {"devices": {"interfaces": list(interfaces)}, **({"resources": resources} if resources else {})}
    return {"metadata": {}, "spec": {"domain": domain, "networks": networks}}


def workload(version: str, kind: str, path: tuple[str, ...], inner: dict[str, Any]) -> dict[str, Any]:
    """An object of a kind around a pod or a machine."""
    if not path:
        return {"apiVersion": version, "kind": kind, **inner, "metadata": {"name": "x", **inner["metadata"]}}
    for key in reversed(path):
        inner = {key: inner}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, **inner}


def resources(found: dict[str, Any], path: tuple[str, ...]) -> list[dict[str, Any]]:
    for key in path:
        found = found[key]
    return [container.get("resources", {}) for container in found["spec"]["containers"]]


@pytest.mark.parametrize("networks", [NETWORKS, DEFINITIONS], ids=["inventory", "cluster"])
@pytest.mark.parametrize("case", PODS)
def test_requests_of_a_pod(case: str, networks: list[dict[str, Any]]) -> None:
    annotation, before, after = PODS[case]
    given = workload("v1", "Pod", (), pod(annotation, *before))
    kept = copy.deepcopy(given)
    found = pod_spec(given, networks)
    assert resources(found, ()) == after
    assert pod_spec(found, networks) == found, "a second time changes nothing"
    assert given == kept


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_every_kind_of_workload(kind: tuple[str, str]) -> None:
    found = pod_spec(workload(*kind, KINDS[kind], pod("blue,vms/fast", {}, {})), NETWORKS)
    assert resources(found, KINDS[kind]) == [both(dpdk="1", kernel="1"), {}]


@pytest.mark.parametrize("kind", MACHINES, ids="-".join)
def test_virtual_machines(kind: tuple[str, str]) -> None:
    """Interfaces that are no VFs need none."""
    interfaces = {"name": "default", "masquerade": {}}, {"name": "a", "sriov": {}}, {"name": "b", "bridge": {}}
    found = pod_spec(
        workload(*kind, MACHINES[kind], machine(*interfaces, resources={"requests": {"memory": "1Gi"}})), NETWORKS
    )
    assert pod_spec(found, NETWORKS) == found
    for key in MACHINES[kind]:
        found = found[key]
    assert found["spec"]["domain"]["resources"] == {
        "requests": {"memory": "1Gi", KERNEL: "1"}, "limits": {KERNEL: "1"},
    }  # fmt: skip


def test_lists_and_what_is_nothing_of_ours() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    job = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "spec": {"template": pod("blue", {})}}
    one = workload("v1", "Pod", (), pod("blue", {}))
    listed = {"apiVersion": "v1", "kind": "List", "items": [one, service]}
    found = pod_spec([listed, None, job], NETWORKS)
    assert resources(found[0]["items"][0], ()) == [both(kernel="1")]
    assert found[0]["items"][1] == service and found[1] is None and found[2] == job


def test_the_pods_own_namespace_counts() -> None:
    given = workload("v1", "Pod", (), pod("fast", {}))
    given["metadata"]["namespace"] = "vms"
    assert resources(pod_spec(given, NETWORKS), ()) == [both(dpdk="1")]
    given["metadata"]["namespace"] = "x"
    assert resources(pod_spec(given, NETWORKS, known_only=False), ()) == [{}]


@pytest.mark.parametrize("case", WRONG_ANNOTATIONS)
def test_what_no_network_is(case: str) -> None:
    annotation, words = WRONG_ANNOTATIONS[case]
    with pytest.raises(AnsibleFilterError) as caught:
        pod_spec(workload("apps/v1", "Deployment", ("spec", "template"), pod(annotation, {})), NETWORKS)
    assert "Deployment default/x: annotation" in str(caught.value) and words in str(caught.value)


@pytest.mark.parametrize("bad", ["text", 5, [["x"]], {"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {
    ANNOTATION: "blue"}}}, {"apiVersion": "apps/v1", "kind": "Deployment", "spec": []},
    {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance"}])  # fmt: skip
def test_what_no_workload_is(bad: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="expected"):
        pod_spec(bad, NETWORKS)


def test_pods_that_do_not_request_their_vf() -> None:
    def of(name: str, phase: str, inner: dict[str, Any]) -> dict[str, Any]:
        made = workload("v1", "Pod", (), inner)
        return {**made, "metadata": {**made["metadata"], "name": name}, "status": {"phase": phase}}

    pods = [
        of("right", "Running", pod("blue", both(kernel="1"))),
        of("wrong", "Pending", pod("blue,red", both(kernel="1"))),
        of("ended", "Succeeded", pod("blue", {})), of("broken", "Pending", pod("[", {})),
        of("strange", "Pending", pod("x/y", {})), of("plain", "Running", pod("", {})),
    ]  # fmt: skip
    (told,) = pods_without_vf(pods, DEFINITIONS)
    assert told.startswith(f"pod default/wrong: its networks need 2 {KERNEL}, and it requests 1: ")
    assert "pod_spec" in told and "injector" in told
    assert pods_without_vf(pods, []) == []

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods a drain takes, which it leaves, and which block by their names.

source: kubectl drain's rules for DaemonSets, static pods and pods without a controller; KubeVirt's user guide, "Live
Migration" (evictionStrategy, the condition LiveMigratable).
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import victims
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.selectors import matches


def pod(name: str, owner: str = "", phase: str = "Running", **meta: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": f"{name}-owner", "controller": True}] if owner else []
    metadata = {"namespace": "ns", "name": name, "uid": name, "ownerReferences": owners, **meta}
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase}}


def vmi(strategy: str | None, migratable: str = "True", message: str = "") -> dict[str, Any]:
    condition = {"type": "LiveMigratable", "status": migratable, "message": message}
    spec = {"evictionStrategy": strategy} if strategy else {}
    return {"metadata": {"namespace": "ns", "name": "m"}, "spec": spec, "status": {"conditions": [condition]}}


STATIC = {"annotations": {victims.MIRROR: "x"}}
PODS = [
    pod("web", "ReplicaSet"), pod("agent", "DaemonSet"), pod("etcd", "Node", **STATIC), pod("bare"),
    pod("done", phase="Succeeded"), pod("job", "Job"),
]  # fmt: skip


def names(found: victims.Drain) -> list[str]:
    return [victims.name_of(one) for one in found.evict]


def test_daemon_sets_and_static_pods_stay_and_a_pod_that_nobody_makes_again_blocks() -> None:
    found = victims.plan(PODS, {})
    assert names(found) == ["ns/web", "ns/job"]
    assert found.left == ["ns/agent: of DaemonSet agent-owner", "ns/etcd: a static pod"]
    assert len(found.blocked) == 1 and found.blocked[0].startswith("pod ns/bare: expected a controller")
    forced = victims.plan(PODS, {}, force=True)
    assert names(forced) == ["ns/web", "ns/bare", "ns/job"] and not forced.blocked


def test_only_the_pods_that_hold_vfs_go() -> None:
    """Their names are in the node's own words."""
    refused = [
        "0000:01:00.0: expected VFs that nobody uses, in order to set num_vfs 0; found needs drain: VF 0 "
        "(0000:01:10.0) by pod ns/web, container main; VF 1 (0000:01:10.2) by pod ns/agent, container a. Drain it."
    ]
    only = victims.holders(refused)
    assert only == {"ns/web", "ns/agent"}
    found = victims.plan(PODS, {}, only)
    assert names(found) == ["ns/web"] and found.left == ["ns/agent: of DaemonSet agent-owner"] and not found.blocked


MACHINES: dict[str, tuple[dict[str, Any], str]] = {
    "migrates": (vmi("LiveMigrate"), ""),
    "if-possible": (vmi("LiveMigrateIfPossible"), ""),
    "external": (vmi("External", "False"), ""),
    "none": (vmi("None"), "its evictionStrategy is None"),
    "unset": (vmi(None), "its evictionStrategy is None"),
    "can-not": (vmi("LiveMigrate", "False", "a host device"), "it is not LiveMigratable: a host device"),
    "would-stop": (vmi("LiveMigrateIfPossible", "False"), "it is not LiveMigratable"),
}


@pytest.mark.parametrize("name", MACHINES)
def test_a_vm_that_would_stop_blocks_by_its_name(name: str) -> None:
    body, why = MACHINES[name]
    launcher = pod("virt-launcher-m", "VirtualMachineInstance")
    launcher["metadata"]["ownerReferences"][0]["name"] = "m"
    machine = victims.virtual_machine(body)
    found = victims.plan([launcher], {machine.name: machine})
    if not why:
        assert names(found) == ["ns/virt-launcher-m"] and found.migrate == ["ns/m"] and not found.blocked
        return
    assert not found.evict and len(found.blocked) == 1
    assert why in found.blocked[0] and "sriov_stop_vms: [ns/m]" in found.blocked[0]
    stopped = victims.plan([launcher], {machine.name: machine}, stop_vms=["ns/m"])
    assert not stopped.blocked
    # KubeVirt refuses to evict a VM that is to migrate and can't: it is deleted, and its owner makes it again.
    assert (stopped.delete, names(stopped)) == ((["ns/m"], []) if name == "can-not" else ([], ["ns/virt-launcher-m"]))


def test_budgets_that_let_none_go_are_foretold() -> None:
    def budget(allowed: int, **labels: str) -> dict[str, Any]:
        status = {"disruptionsAllowed": allowed, "currentHealthy": 2, "desiredHealthy": 2}
        return {
            "metadata": {"namespace": "ns", "name": f"b{allowed}"},
            "spec": {"selector": {"matchLabels": labels}},
            "status": status,
        }

    web = pod("web", "ReplicaSet", labels={"app": "web"})
    assert victims.closed_budgets([budget(1, app="web"), budget(0, app="other")], [web]) == []
    assert victims.closed_budgets([budget(0, app="web")], [web]) == [
        "PodDisruptionBudget ns/b0 lets none go now (2 healthy, 2 needed): ns/web"
    ]


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({}, True), (None, False), ({"matchLabels": {"a": "1"}}, True), ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["0"]}]}, False),
    ],
)  # fmt: skip
def test_label_selectors(selector: Any, fits: bool) -> None:
    assert matches(selector, {"a": "1"}) is fits

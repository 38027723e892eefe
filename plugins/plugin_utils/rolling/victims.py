# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods a drain takes from a node, which it leaves, and which ones are in its way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .api import Api, items
from .selectors import matches

MIRROR = "kubernetes.io/config.mirror"  # of static pods, which are the kubelet's own
_ENDED = ("Succeeded", "Failed")
# source: KubeVirt's user guide, "Live Migration" and "Node maintenance".
VMI = "VirtualMachineInstance"
_MIGRATES = ("LiveMigrate", "LiveMigrateIfPossible", "External")
_WAITS_FOR_MIGRATION = ("LiveMigrate", "External")  # KubeVirt refuses to evict these pods
_HOLDER = re.compile(r"\bpod ([a-z0-9-]+/[a-z0-9.-]+)")
Pod = Mapping[str, Any]


def name_of(pod: Pod) -> str:
    """NAMESPACE/NAME."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def holders(refused: Iterable[str]) -> set[str]:
    """NAMESPACE/NAME of the pods that hold VFs, from a node's own sentences."""
    return {name for sentence in refused for name in _HOLDER.findall(sentence)}


def _owner(pod: Pod) -> Mapping[str, Any]:
    owners = pod["metadata"].get("ownerReferences") or []
    return next((one for one in owners if one.get("controller")), owners[0] if owners else {})


@dataclass(frozen=True)
class VirtualMachine:
    """A VM of KubeVirt on the node. why: why it would stop, "" where it migrates; evictable: whether its pod may be."""

    name: str
    why: str
    evictable: bool

    @property
    def migrates(self) -> bool:
        return not self.why


def virtual_machine(vmi: Mapping[str, Any]) -> VirtualMachine:
    """From a VirtualMachineInstance."""
    metadata, spec, status = vmi["metadata"], vmi.get("spec") or {}, vmi.get("status") or {}
    strategy = str(spec.get("evictionStrategy") or status.get("evictionStrategy") or "None")
    conditions = {one.get("type"): one for one in status.get("conditions") or []}
    live = conditions.get("LiveMigratable") or {}
    why = ""
    if strategy not in _MIGRATES:
        why = f"its evictionStrategy is {strategy}"
    elif strategy != "External" and live.get("status") != "True":
        told = live.get("message") or live.get("reason") or "KubeVirt does not say that it is"
        why = f"it is not LiveMigratable: {told}"
    name = f"{metadata['namespace']}/{metadata['name']}"
    return VirtualMachine(name, why, strategy not in _WAITS_FOR_MIGRATION)


@dataclass
class Drain:
    """What a drain of one node comes to. evict: the pods that go; delete: the VMs that are stopped; left: the pods that
    stay, with why; blocked: sentences about what is in its way.
    """

    evict: list[Pod] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    migrate: list[str] = field(default_factory=list)


def plan(
    pods: Sequence[Pod],
    machines: Mapping[str, VirtualMachine],
    only: set[str] | None = None,
    stop_vms: Iterable[str] = (),
    force: bool = False,
) -> Drain:
    """Judge the pods of a node. only: NAMESPACE/NAME of those that go, None for all of them; machines: by
    NAMESPACE/NAME; stop_vms: those that may stop; force: whether pods go that nobody makes again.
    """
    found = Drain()
    for pod in pods:
        name, owner = name_of(pod), _owner(pod)
        if only is not None and name not in only:
            continue
        if pod.get("status", {}).get("phase") in _ENDED:
            continue
        if MIRROR in (pod["metadata"].get("annotations") or {}):
            found.left.append(f"{name}: a static pod")
        elif owner.get("kind") == "DaemonSet":
            found.left.append(f"{name}: of DaemonSet {owner.get('name')}")
        elif owner.get("kind") == VMI:
            _judge_machine(found, pod, machines.get(f"{pod['metadata']['namespace']}/{owner.get('name')}"), stop_vms)
        elif not owner and not force:
            found.blocked.append(
                f"pod {name}: expected a controller that makes it again elsewhere, found none. Delete it yourself, or "
                "let it go with sriov_drain_force: true."
            )
        else:
            found.evict.append(pod)
    return found


def _judge_machine(found: Drain, pod: Pod, machine: VirtualMachine | None, stop_vms: Iterable[str]) -> None:
    if machine is None or machine.migrates:  # no such machine: its pod is on its way out
        found.evict.append(pod)
        found.migrate += [machine.name] if machine else []
    elif machine.name not in set(stop_vms):
        found.blocked.append(
            f"VM {machine.name}: expected that it migrates, found that it would stop: {machine.why}. Stop it yourself, "
            f"or name it in sriov_stop_vms: [{machine.name}]."
        )
    elif machine.evictable:
        found.evict.append(pod)
    else:
        found.delete.append(machine.name)


def machines_on(api: Api, pods: Sequence[Pod]) -> dict[str, VirtualMachine]:
    """The VMs whose pods these are, by NAMESPACE/NAME; the API is asked only where there are any."""
    spaces = sorted({pod["metadata"]["namespace"] for pod in pods if _owner(pod).get("kind") == VMI})
    listed = [one for space in spaces
              for one in items(api, f"/apis/kubevirt.io/v1/namespaces/{space}/virtualmachineinstances")]  # fmt: skip
    return {machine.name: machine for machine in map(virtual_machine, listed)}


def policy_group(api: Api) -> str:
    """The version of Eviction and PodDisruptionBudget that the cluster has; v1 from Kubernetes 1.22 on."""
    return "policy/v1" if api.call("GET", "/apis/policy/v1") else "policy/v1beta1"


def closed_budgets(budgets: Iterable[Mapping[str, Any]], pods: Sequence[Pod]) -> list[str]:
    """A sentence for each PodDisruptionBudget that lets none of these pods go now."""
    told = []
    for budget in budgets:
        space, name = budget["metadata"]["namespace"], budget["metadata"]["name"]
        status = budget.get("status") or {}
        if int(status.get("disruptionsAllowed") or 0) > 0:
            continue
        named = [
            name_of(pod)
            for pod in pods
            if pod["metadata"]["namespace"] == space
            and matches((budget.get("spec") or {}).get("selector"), pod["metadata"].get("labels"))
        ]
        if named:
            told.append(
                f"PodDisruptionBudget {space}/{name} lets none go now ({status.get('currentHealthy', 0)} healthy, "
                f"{status.get('desiredHealthy', 0)} needed): {', '.join(named)}"
            )
    return told

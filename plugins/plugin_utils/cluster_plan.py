# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's part of a plan: steps, in the form of a node's, for what the role networks would do or has done."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..module_utils.model import approval
from . import networks, owned_objects

PART = "cluster"
NETWORKS = "networks"  # the role that makes the steps here
ATTACHMENT, DEFINITION, LABEL = "network_attachment", "custom_resource_definition", "node_label"
_DEFINITION = "network-attachment-definitions.k8s.cni.cncf.io"


def plan(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The steps in the form of a module's result."""
    return {"plan": {"steps": list(steps), "warnings": [], "reboot_required": False, "drain_required": False}}


def network_steps(
    changes: Mapping[str, Any], found: Sequence[Mapping[str, Any]], defined: bool, definition_goes: bool = False
) -> list[dict[str, Any]]:
    """changes: what owned_objects.network_changes gave for what was `found`; defined: whether the cluster knows the
    resource; definition_goes: whether ours is taken away.
    """
    there = {_name(item): item for item in found}
    steps = definition_steps(NETWORKS, defined) if changes["apply"] else []
    for item in changes["apply"]:
        now = there.get(_name(item))
        action, reason = ("add", "it is missing") if now is None else ("change", "it differs from the inventory")
        before = None if now is None else _side(now)
        steps.append(step(NETWORKS, ATTACHMENT, _name(item), action, reason, before, _side(item)))
    for item in changes["delete"]:
        gone, reason = _side(there.get(_name(item), item)), "the inventory does not name it"
        steps.append(step(NETWORKS, ATTACHMENT, _name(item), "remove", reason, gone, None))
    if definition_goes:
        reason = "it is ours, and nobody else uses it"
        steps.append(step(NETWORKS, DEFINITION, _DEFINITION, "remove", reason, "v1", None))
    return steps


def definition_steps(role: str, defined: bool) -> list[dict[str, Any]]:
    """Of a role that needs the resource of networks."""
    reason = "the cluster does not know the resource"
    return [] if defined else [step(role, DEFINITION, _DEFINITION, "add", reason, None, "v1")]


def label_steps(node: Mapping[str, Any], patch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """patch: what nodes.node_label_patch gave for this Node."""
    metadata = node.get("metadata", {})
    present = metadata.get("labels") or {}
    steps = []
    for key, value in sorted(patch.get("metadata", {}).get("labels", {}).items()):
        before = present.get(key)
        action = "remove" if value is None else "add" if before is None else "change"
        target = f"node {metadata.get('name')} label {key}"
        steps.append(step(NETWORKS, LABEL, target, action, "sriov_node_labels", before, value))
    return steps


def foreign(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The result where definitions of others have the names of wanted ones."""
    names = ", ".join(changes["foreign"])
    message = (
        f"{names}: expected no network attachment of somebody else, found one without the label "
        f"{owned_objects.OWNER_LABEL}={owned_objects.OWNER}. Name the network otherwise, or hand the object over by "
        "giving it the label."
    )
    return {"failed": True, "msg": message, "refused": [message]}


def require(
    name: str, approved: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], role: str = "", some: bool = False
) -> list[str]:
    """Why these are not the steps that were approved for the cluster; none where they are. approved: the document;
    role: whose steps they are, "" for all; some: whether others of them are done at another time.
    """
    clusters = approved.get("clusters")
    known = clusters if isinstance(clusters, dict) else {}
    # A kubeconfig may lie elsewhere by now: where there is but one cluster, it is that.
    found = known.get(name, next(iter(known.values())) if len(known) == 1 else None)
    planned = found.get("plan") if isinstance(found, dict) else None
    if not isinstance(planned, dict) or not isinstance(planned.get("steps"), list):
        return [f"expected cluster {name} in the approved plan, found none: plan it, and have that approved"]
    own = [one for one in planned["steps"] if isinstance(one, dict) and role in ("", one.get("role"))]
    if some:
        told = {approval.told_step(one) for one in steps}
        own = [one for one in own if approval.told_step(one) in told]
    return approval.at_most(approval.differences(own, steps))


def step(role: str, kind: str, target: str, action: str, reason: str, before: Any, after: Any) -> dict[str, Any]:
    """A step of the cluster's part. role: which does it, and compares it with what was approved."""
    return {"kind": kind, "target": target, "action": action, "reason": reason, "before": before, "after": after,
            "stage": "now", "needs": [], "part": PART, "role": role}  # fmt: skip


def _name(item: Mapping[str, Any]) -> str:
    metadata = item.get("metadata", {})
    return f"{metadata.get('namespace', '')}/{metadata.get('name')}"


def _side(item: Mapping[str, Any]) -> Any:
    """What of a definition matters: its pool and its configuration."""
    annotations = (item.get("metadata", {}).get("annotations") or {}).get(networks.RESOURCE_ANNOTATION)
    config: Any = item.get("spec", {}).get("config")
    with contextlib.suppress(ValueError):
        config = json.loads(config) if config else config
    return None if config is None and annotations is None else {"resource": annotations, "config": config}

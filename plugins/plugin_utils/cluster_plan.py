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
    steps = []
    if changes["apply"] and not defined:
        steps.append(_step(DEFINITION, _DEFINITION, "add", "the cluster does not know the resource", None, "v1"))
    for item in changes["apply"]:
        now = there.get(_name(item))
        action, reason = ("add", "it is missing") if now is None else ("change", "it differs from the inventory")
        steps.append(_step(ATTACHMENT, _name(item), action, reason, None if now is None else _side(now), _side(item)))
    for item in changes["delete"]:
        gone = there.get(_name(item), item)
        steps.append(_step(ATTACHMENT, _name(item), "remove", "the inventory does not name it", _side(gone), None))
    if definition_goes:
        steps.append(_step(DEFINITION, _DEFINITION, "remove", "it is ours, and nobody else uses it", "v1", None))
    return steps


def label_steps(node: Mapping[str, Any], patch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """patch: what nodes.node_label_patch gave for this Node."""
    metadata = node.get("metadata", {})
    present = metadata.get("labels") or {}
    steps = []
    for key, value in sorted(patch.get("metadata", {}).get("labels", {}).items()):
        before = present.get(key)
        action = "remove" if value is None else "add" if before is None else "change"
        target = f"node {metadata.get('name')} label {key}"
        steps.append(_step(LABEL, target, action, "sriov_node_labels", before, value))
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


def require(name: str, approved: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why these are not the steps that were approved for the cluster; none where they are. approved: the document."""
    clusters = approved.get("clusters")
    known = clusters if isinstance(clusters, dict) else {}
    # A kubeconfig may lie elsewhere by now: where there is but one cluster, it is that.
    found = known.get(name, next(iter(known.values())) if len(known) == 1 else None)
    planned = found.get("plan") if isinstance(found, dict) else None
    if not isinstance(planned, dict) or not isinstance(planned.get("steps"), list):
        return [f"expected cluster {name} in the approved plan, found none: plan it, and have that approved"]
    return approval.at_most(approval.differences(planned["steps"], steps))


def _step(kind: str, target: str, action: str, reason: str, before: Any, after: Any) -> dict[str, Any]:
    return {"kind": kind, "target": target, "action": action, "reason": reason, "before": before, "after": after,
            "stage": "now", "needs": [], "part": PART}  # fmt: skip


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

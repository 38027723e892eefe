# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as the API has them: which are available, which this collection has cordoned, and which carry the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARK = "baremetal.sriov/cordoned"  # of a node that we cordoned: a later run may give it back
FAILURE = "baremetal.sriov/roll-failure"  # why a node stayed cordoned
# source: kubeadm, k3s and RKE2 label their nodes so.
_CONTROL_PLANE = (
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/etcd",
)
Node = Mapping[str, Any]


def name_of(node: Node) -> str:
    """Its name."""
    return str(node["metadata"]["name"])


def labels_of(node: Node) -> dict[str, str]:
    """Its labels."""
    return dict(node["metadata"].get("labels") or {})


def annotations_of(node: Node) -> dict[str, str]:
    """Its annotations."""
    return dict(node["metadata"].get("annotations") or {})


def is_cordoned(node: Node) -> bool:
    """Whether no new pod comes to it, by anybody's word."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def is_ours(node: Node) -> bool:
    """Whether the cordon is ours."""
    return is_cordoned(node) and MARK in annotations_of(node)


def why_unavailable(node: Node) -> str:
    """A few words, "" for a node that is available."""
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = [one.get("status") for one in conditions if one.get("type") == "Ready"]
    if ready != ["True"]:
        return f"Ready is {ready[0] if ready else 'not told'}"
    if is_cordoned(node):
        return "cordoned by this collection" if is_ours(node) else "cordoned by somebody else"
    return ""


def is_control_plane(node: Node) -> bool:
    """Whether it carries a part of the control plane."""
    return any(label in labels_of(node) for label in _CONTROL_PLANE)


def cordon_patch(why: str) -> dict[str, Any]:
    """One patch sets both: a run that is killed leaves either nothing or a node that the next run can give back."""
    return {"metadata": {"annotations": {MARK: why, FAILURE: None}}, "spec": {"unschedulable": True}}


def uncordon_patch() -> dict[str, Any]:
    """Takes both back."""
    return {"metadata": {"annotations": {MARK: None, FAILURE: None}}, "spec": {"unschedulable": None}}


def failure_patch(why: str) -> dict[str, Any]:
    """The reason, at the node."""
    return {"metadata": {"annotations": {FAILURE: why}}}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API says of a Node: the labels that are ours, and what a Node does not yet offer."""

from __future__ import annotations

from typing import Any

from ..module_utils.model.errors import InvalidSpecError, Mistake

LABELS_ANNOTATION = "baremetal.sriov/node-labels"


def node_label_patch(node: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """The merge patch that gives a Node our labels and takes back those of ours that are not wanted any more.

    Which labels are ours stands in an annotation of the Node. Returns {} when nothing has to change. Raises
    InvalidSpecError for a label that somebody else gave another value.
    """
    metadata = node.get("metadata", {})
    present = metadata.get("labels") or {}
    record = (metadata.get("annotations") or {}).get(LABELS_ANNOTATION, "")
    ours = {key for key in record.split(",") if key}
    taken = [
        key for key, value in labels.items() if key in present and key not in ours and present[key] != value
    ]
    if taken:
        raise InvalidSpecError(
            [
                Mistake(
                    f"sriov_node_labels[{key}]",
                    f"the node has {present[key]!r} there, which is not ours to change",
                )
                for key in sorted(taken)
            ]
        )
    keep = {key for key in labels if key in ours or key not in present}
    changes: dict[str, Any] = {key: labels[key] for key in keep if present.get(key) != labels[key]}
    changes.update({key: None for key in ours - set(labels) if key in present})
    wanted_record = ",".join(sorted(keep)) or None
    if not changes and (wanted_record or "") == record:
        return {}
    return {"metadata": {"labels": changes, "annotations": {LABELS_ANNOTATION: wanted_record}}}


def node_problems(answer: dict[str, Any], resources: dict[str, int], old_boot_id: str = "") -> list[str]:
    """Sentences about what keeps a Node from being Ready with all its VFs; empty when it is.

    answer: the result of kubernetes.core.k8s_info for one Node, also one that failed.
    resources: full resource name to number of devices.
    old_boot_id: the boot that the Node must have left behind; without it any boot is right.
    """
    nodes = answer.get("resources") or []
    if not nodes:
        return [f"the API gave no such node: {answer.get('msg') or 'it has none of this name'}"]
    status = nodes[0].get("status", {})
    found = []
    if old_boot_id and status.get("nodeInfo", {}).get("bootID") == old_boot_id:
        found.append("the API still speaks of the boot before the reboot")
    ready = [item for item in status.get("conditions") or [] if item.get("type") == "Ready"]
    if not ready or ready[0].get("status") != "True":
        found.append(f"Ready: {ready[0].get('message', 'no message') if ready else 'no such condition'}")
    allocatable = status.get("allocatable") or {}
    for name, count in sorted(resources.items()):
        if str(allocatable.get(name, "0")) != str(count):
            found.append(f"{name}: expected {count}, found {allocatable.get(name, 'none')}")
    return found

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API objects that are ours, and what has to change in a cluster that it has those that are wanted."""

from __future__ import annotations

import json
from typing import Any

OWNER_LABEL = "app.kubernetes.io/managed-by"
OWNER = "baremetal.sriov"
NETWORK_API_VERSION = "k8s.cni.cncf.io/v1"
NETWORK_KIND = "NetworkAttachmentDefinition"


def network_changes(wanted: list[dict[str, Any]], found: list[dict[str, Any]], prune: bool) -> dict[str, Any]:
    """What to apply and to delete to get from the cluster's definitions to the wanted ones.

    Returns apply, delete (definitions), and foreign: names of wanted ones that exist and are not ours.
    """
    existing = {_identity(item): item for item in found}
    apply, foreign = [], []
    for item in wanted:
        now = existing.get(_identity(item))
        if now is None:
            apply.append(item)
        elif not is_ours(now):
            foreign.append("/".join(_identity(item)))
        elif not _fits(item, now):
            apply.append(item)
    keep = {_identity(item) for item in wanted}
    extra = [_reference(item) for key, item in sorted(existing.items()) if key not in keep and is_ours(item)]
    return {"apply": apply, "delete": extra if prune else [], "foreign": foreign}


def is_ours(item: dict[str, Any]) -> bool:
    """True for an API object that carries our label."""
    return bool((item.get("metadata", {}).get("labels") or {}).get(OWNER_LABEL) == OWNER)


def to_apply(wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that the cluster lacks, or has otherwise; what the API server has added to them is no difference."""
    there = {(item.get("kind"), *_identity(item)): item for item in found}
    return [item for item in wanted if not _holds(there.get((item.get("kind"), *_identity(item)), {}), item)]


def _holds(now: Any, wanted: Any) -> bool:
    """True where all that is wanted is there. Nothing, {} and [] are the same, as the API server leaves them out."""
    if isinstance(wanted, dict):
        has = now if isinstance(now, dict) else {}
        return all(_holds(has.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        items = now if isinstance(now, list) else []
        return len(items) == len(wanted) and all(_holds(one, other) for one, other in zip(items, wanted))
    return bool(now == wanted)


def foreign(items: list[dict[str, Any]], word: str = "") -> list[dict[str, Any]]:
    """Objects that are somebody else's; with a word those whose name, or a container's image, has it."""
    found = []
    for item in items:
        pod = item.get("spec", {}).get("template", {}).get("spec", {}) if word else {}
        texts = [item["metadata"]["name"], *(str(one.get("image", "")) for one in pod.get("containers", []))]
        if not is_ours(item) and any(word in text for text in texts):
            found.append(item)
    return found


def _identity(item: dict[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _reference(item: dict[str, Any]) -> dict[str, Any]:
    namespace, name = _identity(item)
    return {"apiVersion": NETWORK_API_VERSION, "kind": NETWORK_KIND, "metadata": {"name": name, "namespace": namespace}}


def _fits(wanted: dict[str, Any], now: dict[str, Any]) -> bool:
    annotations = now["metadata"].get("annotations") or {}
    if any(annotations.get(key) != value for key, value in wanted["metadata"]["annotations"].items()):
        return False
    text = now.get("spec", {}).get("config", "")
    try:
        return bool(json.loads(text) == json.loads(wanted["spec"]["config"]))
    except ValueError:
        return False

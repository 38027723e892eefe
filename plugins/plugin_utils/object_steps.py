# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API objects that roles make and remove, as steps of a plan; and why objects of others are left alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import node_slices, owned_objects
from .cluster_plan import step

OBJECT, SLICE = "kubernetes_object", "node_slice"
MULTUS, INJECTOR, SLICES = "multus", "injector", "slices"
_DIGITS = 12  # of a checksum
_NOT_SHOWN = "not shown"
_REMEDIES = {
    MULTUS: "Remove it, or set sriov_multus to external.",
    INJECTOR: "Remove it, or set sriov_injector to false to use that injector.",
    SLICES: "Name another namespace in sriov_record_namespace.",
}
ROLES = tuple(_REMEDIES)


def object_steps(
    role: str, changes: Mapping[str, Any], found: Sequence[dict[str, Any]], words: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """changes: what owned_objects.object_changes gave for what was `found`; words: values that only the act makes, and
    what is said in their place.
    """
    there = owned_objects.by_name(found)
    steps = []
    for item in changes["apply"]:
        (key,) = owned_objects.by_name([item])
        now, title = there.get(key), owned_objects.title(item)
        if now is None:
            steps.append(step(role, OBJECT, title, "add", "it is missing", None, _content(item)))
            continue
        sides = _sides(item, now, words or {})
        steps.append(step(role, OBJECT, title, "change", "it differs from the inventory", *sides))
    for item in changes["delete"]:
        (key,) = owned_objects.by_name([item])
        gone = _images(there.get(key, item)) or "there"
        steps.append(step(role, OBJECT, owned_objects.title(item), "remove", "it is ours, and not wanted", gone, None))
    return steps


def record_steps(
    name: str, before: Mapping[str, Any] | None, then: Mapping[str, Any], goes: bool = False
) -> list[dict[str, Any]]:
    """The record of the nodes' slices, from its data to those of then. before: None where there is none yet; goes:
    whether a record that is empty by then is removed.
    """
    steps = []
    record, here = f"ConfigMap {name}", before or {}
    if before is None and then:
        steps.append(step(SLICES, OBJECT, record, "add", "it is missing", None, "a record of slices"))
    for network in sorted({*here, *then}):
        old, new = (_told(str(data.get(network, ""))) for data in (here, then))
        for node in sorted({*old, *new}):
            sides = old.get(node), new.get(node)
            if sides[0] != sides[1]:
                action = "add" if sides[0] is None else "remove" if sides[1] is None else "change"
                target = f"network {network} node {node}"
                steps.append(step(SLICES, SLICE, target, action, "its slice of the addresses", *sides))
    if goes and before is not None and not then:
        steps.append(step(SLICES, OBJECT, record, "remove", "no node has a slice", "a record of slices", None))
    return steps


def refusal(role: str, foreign: Iterable[dict[str, Any]]) -> str:
    """Why a role leaves objects with the names of ours alone; "" where there are none."""
    names = ", ".join(map(owned_objects.title, foreign))
    if not names:
        return ""
    return (
        f"{names}: expected no object of somebody else, found one without the label {owned_objects.OWNER_LABEL}="
        f"{owned_objects.OWNER}. Nothing of it was changed. {_REMEDIES[role]}"
    )


def _told(text: str) -> dict[str, str]:
    """Node -> its slices of one network."""
    return {node: " ".join(map(node_slices.told, slices)) for node, slices in node_slices.read(text).slices.items()}


def _content(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object that is new: what tells it from another one, without a secret."""
    shown = {key: value for key, value in item.items() if not (item.get("kind") == "Secret" and key == "data")}
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:_DIGITS]
    images = _images(item)
    return {"content": digest, **({"images": images} if images else {})}


def _images(item: Mapping[str, Any]) -> str:
    """The images that an object's pods run, each once."""
    pod = ((item.get("spec") or {}).get("template") or {}).get("spec") or {}
    containers = [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]
    return " ".join(dict.fromkeys(str(one.get("image")) for one in containers))


def _sides(item: dict[str, Any], now: dict[str, Any], words: Mapping[str, str]) -> tuple[Any, Any]:
    """Before and after, at the paths that differ."""
    secret = item.get("kind") == "Secret"
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for path, old, new in owned_objects.lacking(now, item):
        hidden = secret and path.startswith("data")
        before[path] = _NOT_SHOWN if hidden and old is not None else old
        after[path] = words.get(str(new), _NOT_SHOWN if hidden else new)
    return before, after

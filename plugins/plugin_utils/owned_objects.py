# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API objects that are ours, and what has to change in a cluster that it has those that are wanted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
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
    there = by_name(found)
    return [item for item in wanted if next(lacking(there.get(_key(item), {}), item), None) is not None]


def object_changes(
    wanted: list[dict[str, Any]], found: list[dict[str, Any]], references: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    """What to apply and to delete to get from the cluster's objects to the wanted ones.

    references: the names of all that may be ours; those that are there and not wanted go. Returns apply, delete, and
    foreign: the objects of these names that are there and not ours.
    """
    there, keep = by_name(found), {_key(item) for item in wanted}
    extra = [item for item in references if _key(item) in there and _key(item) not in keep]
    named = {_key(item) for item in (*wanted, *references)}
    return {
        "apply": to_apply(wanted, found),
        "delete": [_named(item) for item in extra if is_ours(there[_key(item)])],
        "foreign": [item for key, item in there.items() if key in named and not is_ours(item)],
    }


def lacking(now: Any, wanted: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Path, what is there, and what is wanted, for all that is not there. Nothing, {} and [] are the same, as the API
    server leaves them out.
    """
    if isinstance(wanted, dict):
        has = now if isinstance(now, dict) else {}
        for key, value in wanted.items():
            yield from lacking(has.get(key), value, _below(path, str(key)))
    elif isinstance(wanted, list) and len(items := now if isinstance(now, list) else []) == len(wanted):
        for number, (one, other) in enumerate(zip(items, wanted)):
            yield from lacking(one, other, f"{path}[{number}]")
    elif now != wanted:
        yield path, now, wanted


def by_name(items: Iterable[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Objects by kind, namespace and name."""
    return {_key(item): item for item in items}


def title(item: dict[str, Any]) -> str:
    """DaemonSet kube-system/kube-multus-ds."""
    return f"{item.get('kind')} {'/'.join(filter(None, _identity(item)))}"


def _below(path: str, key: str) -> str:
    """The path of a key; one with dots or slashes stands in brackets."""
    plain = all(letter.isalnum() or letter in "-_" for letter in key)
    return f"{path}.{key}".lstrip(".") if plain else f"{path}[{key}]"


def _key(item: dict[str, Any]) -> tuple[str, str, str]:
    return str(item.get("kind")), *_identity(item)


def _named(item: dict[str, Any]) -> dict[str, Any]:
    """An object without all but its name."""
    metadata = {key: item["metadata"][key] for key in ("name", "namespace") if key in item["metadata"]}
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata}


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

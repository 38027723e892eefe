# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of fields: the operator's camelCase, ours in snake_case, and mistakes that name the file's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils.model.errors import InvalidSpecError, Mistake
from ..module_utils.policy.validation import show

# Names whose humps do not tell where the words of ours begin.
_NAMES = {
    "vlanQoS": "vlan_qos",
    "deviceID": "device_id",
    "nicSelector": "nic_selector",
    "numVfs": "num_vfs",
    "eSwitchMode": "eswitch_mode",
    "needVhostNet": "need_vhost_net",
}
_BACK = {ours: theirs for theirs, ours in _NAMES.items()}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SNAKE = re.compile(r"(?<![\w'\"])[a-z]+[0-9]?(?:_[a-z]+)+(?![\w'\"])")
_VALUES = ("uio_pci_generic", "igb_uio")  # words of problems that are no fields


def snake_name(name: str) -> str:
    """numVfs -> num_vfs."""
    return _NAMES.get(name) or _HUMP.sub("_", name).lower()


def camel_name(name: str) -> str:
    """num_vfs -> numVfs."""
    first, *others = name.split("_")
    return _BACK.get(name) or first + "".join(word.capitalize() for word in others)


def name_as_the_file(
    mistakes: Iterable[Mistake], prefix: str, where: str, spelled: Mapping[str, str] | None = None
) -> None:
    """Let mistakes whose path begins with `prefix` name the object `where` in its file, and fields as they are there.

    spelled: our name of a field -> how the file has it; others are spelled as the operator does.
    """
    known = spelled or {}
    for mistake in mistakes:
        rest = mistake.path[len(prefix) :]
        if not mistake.path.startswith(prefix) or rest[:1] not in ("", ".", "["):
            continue
        place = _place(rest.lstrip("."), known)
        mistake.path = f"{where}: {place}" if place else where
        mistake.problem = _SNAKE.sub(lambda found: _word(found[0], known), mistake.problem)


def _place(rest: str, known: Mapping[str, str]) -> str:
    """nic_selector.pf_names[0] -> spec.nicSelector.pfNames[0]."""
    if rest == "name":
        return "metadata.name"
    if rest == "network_namespace" and rest not in known:
        return "metadata.namespace"
    if rest == "node_selector.labels" or rest.startswith("node_selector.labels."):
        return f"spec.nodeSelector{rest[len('node_selector.labels') :]}"
    parts = []
    for part in rest.split(".") if rest else []:
        name, bracket, index = part.partition("[")
        parts.append(known.get(name, camel_name(name)) + bracket + index)
    return ".".join(["spec", *parts]) if parts else ""


def _word(word: str, known: Mapping[str, str]) -> str:
    ours = word in _VALUES or word.startswith("sriov_")  # a variable of the inventory
    return word if ours else known.get(word, camel_name(word))


def together(kind: str, own: Any, manifests: Any, places: dict[int, str]) -> Any:
    """The inventory's list followed by that of the manifests.

    places: gets number -> file, kind and name of the latter.
    kind: policies or networks; manifests: what the lookup found, None or {} where there are none. An own list that is
    none is handed on for its reader to refuse. Raises InvalidSpecError.
    """
    if not manifests:
        return own
    found = manifests.get(kind) if isinstance(manifests, Mapping) else None
    if not isinstance(found, (list, tuple)):
        problem = f"expected what the lookup baremetal.sriov.manifests gives, found {show(manifests)}"
        raise InvalidSpecError([Mistake("manifests", problem)])
    if not isinstance(own, (list, tuple)):
        return own
    named = manifests.get({"policies": "policy_places", "networks": "network_places"}[kind]) or []
    places.update({number: str(place) for number, place in enumerate(named, len(own))})
    return [*own, *found]


def name_places(mistakes: Iterable[Mistake], places: Mapping[int, str]) -> None:
    """Let mistakes in what comes from a manifest name the file's own fields."""
    listed = list(mistakes)
    for place in places.values():
        name_as_the_file(listed, place, place)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SR-IOV network operator's resources, as its users keep them in YAML, to policies and networks of ours.

Their fields are ours in camelCase. What is in a manifest and means nothing here is told, and does no harm.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..module_utils import policy
from ..module_utils.errors import InvalidSpecError, Mistake
from .networks import OWNER, network_attachments

GROUP = "sriovnetwork.openshift.io"
POLICY, NETWORK = "SriovNetworkNodePolicy", "SriovNetwork"
SIZE_LIMIT = 8 << 20  # bytes of one file
SUFFIXES = (".yml", ".yaml", ".json")

# Words whose humps do not tell where the words of our name begin.
_NAMES = {
    "vlanQoS": "vlan_qos",
    "deviceID": "device_id",
    "nicSelector": "nic_selector",
    "numVfs": "num_vfs",
    "eSwitchMode": "eswitch_mode",
    "needVhostNet": "need_vhost_net",
}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAPPINGS = ("nic_selector", "bridge")  # the fields whose own fields are camelCase as well


@dataclass
class Manifests:
    """What was found. notes: what is in the files and is not used, in words."""

    policies: list[dict[str, Any]] = field(default_factory=list)
    networks: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For Ansible."""
        return {"policies": self.policies, "networks": self.networks, "notes": self.notes}


def read(paths: Iterable[str]) -> Manifests:
    """Read files, and the files directly in folders. Raises InvalidSpecError with every mistake in all of them."""
    found = Manifests()
    mistakes: list[Mistake] = []
    seen: dict[tuple[str, str], str] = {}
    for path in paths:
        for name in _files(path, mistakes):
            for item in _documents(name, mistakes):
                _take(item, name, found, mistakes, seen)
    if mistakes:
        raise InvalidSpecError(mistakes)
    return found


def _files(path: str, mistakes: list[Mistake]) -> list[str]:
    if os.path.isdir(path):
        return [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith(SUFFIXES)]
    if not os.path.isfile(path):
        mistakes.append(Mistake(path, "expected a file or a folder of YAML, found nothing there"))
        return []
    return [path]


def _documents(path: str, mistakes: list[Mistake]) -> Iterator[Mapping[str, Any]]:
    """The objects of a file, those of lists as `kubectl get -o yaml` prints them one by one."""
    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
        if len(data) > SIZE_LIMIT:
            mistakes.append(Mistake(path, f"expected at most {SIZE_LIMIT} bytes, found more"))
            return
        documents = list(yaml.safe_load_all(data))
    except (OSError, ValueError, yaml.YAMLError) as error:
        mistakes.append(Mistake(path, f"expected YAML, found {' '.join(str(error).split())}"))
        return
    for number, document in enumerate(documents):
        if document is None:
            continue
        if not isinstance(document, Mapping):
            mistakes.append(Mistake(f"{path} document {number + 1}", "expected an object with kind and metadata"))
            continue
        items = document.get("items")
        inner = items if str(document.get("kind", "")).endswith("List") and isinstance(items, list) else [document]
        yield from (item for item in inner if isinstance(item, Mapping))


def _take(
    item: Mapping[str, Any], path: str, found: Manifests, mistakes: list[Mistake], seen: dict[tuple[str, str], str]
) -> None:
    """One object: a policy, a network, or a note."""
    kind = str(item.get("kind", "without a kind"))
    metadata = item.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    name = str(metadata.get("name", ""))
    where = f"{path}: {kind} {name}".rstrip()
    group = str(item.get("apiVersion", "")).partition("/")[0]
    if group != GROUP or kind not in (POLICY, NETWORK):
        found.notes.append(f"{where} is not used: only {POLICY} and {NETWORK} of {GROUP} are read")
        return
    if kind == POLICY and name == "default":
        found.notes.append(f"{where} is not used: the operator makes it for itself")
        return
    spec = item.get("spec")
    if not name or not isinstance(spec, Mapping):
        mistakes.append(Mistake(where, "expected metadata.name and a spec"))
        return
    identity = (kind, name)
    if identity in seen:
        mistakes.append(Mistake(where, f"is in {seen[identity]} already"))
        return
    seen[identity] = path
    if kind == POLICY:
        made = _policy(name, spec)
        before = len(mistakes)
        policy.collect([made], where, mistakes)
        _rename(mistakes, before, f"{where}[0]", where)
        found.policies.append(made)
    else:
        made = _network(name, spec, str(metadata.get("namespace") or "default"))
        try:
            network_attachments([made], OWNER)
        except InvalidSpecError as error:
            before = len(mistakes)
            mistakes += error.mistakes
            _rename(mistakes, before, "sriov_networks[0]", where)
        found.networks.append(made)


def _rename(mistakes: list[Mistake], start: int, prefix: str, where: str) -> None:
    """Let the mistakes from `start` on name the object in its file."""
    for mistake in mistakes[start:]:
        rest = mistake.path[len(prefix) :].lstrip(".") if mistake.path.startswith(prefix) else mistake.path
        mistake.path = f"{where} {rest}".rstrip()


def _policy(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    made = _snake(spec)
    labels = made.pop("node_selector", None)
    if labels:
        made["node_selector"] = {"labels": labels}
    return {"name": name, **made}


def _network(name: str, spec: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """The operator puts the definition where the resource itself is, unless networkNamespace says another place."""
    return {"name": name, "network_namespace": namespace, **_snake(spec)}


def _snake(value: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with our names; those that say nothing ("", [] and {}) are left out, as the operator reads them."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = snake_name(str(key))
        inner = _snake(item) if name in _MAPPINGS and isinstance(item, Mapping) else item
        if inner is not None and inner != "" and inner != [] and inner != {}:
            found[name] = inner
    return found


def snake_name(name: str) -> str:
    """numVfs -> num_vfs."""
    return _NAMES.get(name) or _HUMP.sub("_", name).lower()

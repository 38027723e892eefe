# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SR-IOV network operator's resources, as its users keep them in YAML, to policies and networks of ours.

Their fields are ours in camelCase. What is in a manifest and means nothing here is told, and does no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..module_utils.model.errors import InvalidSpecError, Mistake
from ..module_utils.policy import policy
from ..module_utils.policy.validation import show
from . import manifest_files
from .manifest_names import camel_name, name_as_the_file, snake_name
from .networks import network_attachments
from .owned_objects import OWNER
from .rolling.node_pools import pool_config

GROUP = "sriovnetwork.openshift.io"
POLICY, NETWORK = "SriovNetworkNodePolicy", "SriovNetwork"
POOL = "SriovNetworkPoolConfig"  # of nodes: how many of them may be unavailable
_MAPPINGS = ("nic_selector", "bridge")  # the fields whose own fields are camelCase as well
_MOST = 3  # notes that an error repeats


@dataclass
class Manifests:
    """What was found. policy_places, network_places: file, kind and name of each; pools: the fields of a PoolConfig
    each; notes: what is in the files and is not used, in words.
    """

    policies: list[dict[str, Any]] = field(default_factory=list)
    networks: list[dict[str, Any]] = field(default_factory=list)
    policy_places: list[str] = field(default_factory=list)
    network_places: list[str] = field(default_factory=list)
    pools: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(paths: Iterable[str]) -> Manifests:
    """Read files, and the files directly in folders. Raises InvalidSpecError with every mistake in all of them."""
    found = Manifests()
    mistakes: list[Mistake] = []
    seen: dict[tuple[str, str], str] = {}
    named = list(paths)
    for path in named:
        for name in manifest_files.files(path, mistakes):
            for item in manifest_files.objects(name, mistakes):
                _take(item, name, found, mistakes, seen)
    if named and not (mistakes or found.policies or found.networks or found.pools):
        more = f", but {'; '.join(found.notes[:_MOST])}" if found.notes else ""
        expected = f"expected at least one {POLICY} or {NETWORK} of {GROUP}, found none"
        mistakes.append(Mistake(", ".join(named), expected + more))
    if mistakes:
        raise InvalidSpecError(mistakes)
    return found


def _take(
    item: Mapping[str, Any], path: str, found: Manifests, mistakes: list[Mistake], seen: dict[tuple[str, str], str]
) -> None:
    """One object: a policy, a network, or a note."""
    kind = str(item.get("kind", "without a kind"))
    metadata = item.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    name = "" if metadata.get("name") is None else str(metadata["name"])
    where = f"{path}: {kind} {name}".rstrip()
    group = str(item.get("apiVersion", "")).partition("/")[0]
    if group != GROUP or kind not in (POLICY, NETWORK, POOL):
        found.notes.append(f"{where} is not used: only {POLICY}, {NETWORK} and {POOL} of {GROUP} are read")
        return
    if kind == POLICY and name == "default":
        found.notes.append(f"{where} is not used: the operator makes it for itself")
        return
    spec = item.get("spec")
    if kind == POOL and spec is None:
        found.notes.append(f"{where} is not used: it has no spec")
        return
    if not name:
        mistakes.append(Mistake(f"{where}: metadata.name", "is missing; expected the name of the object"))
    if not isinstance(spec, Mapping):
        mistakes.append(Mistake(f"{where}: spec", f"expected a mapping of fields, found {show(spec)}"))
    if not name or not isinstance(spec, Mapping):
        return
    identity = (kind, name)
    if identity in seen:
        mistakes.append(Mistake(where, f"is in {seen[identity]} already"))
        return
    seen[identity] = path
    if kind == POOL:
        mistakes += _pool(name, where, spec, found)
        return
    spelled: dict[str, str] = {}
    try:
        wrong: list[Mistake] = []
        made = _snake(spec, spelled, wrong)
        wrong += _odd(made)
    except RecursionError:
        mistakes.append(Mistake(f"{where}: spec", "refers to itself, through an anchor of YAML"))
        return
    if kind == POLICY:
        made = _policy(name, made, wrong)
        found.policies.append(made)
        found.policy_places.append(where)
    else:
        made = _network(name, made, str(metadata.get("namespace") or "default"), wrong)
        found.networks.append(made)
        found.network_places.append(where)
    name_as_the_file(wrong, "it", where, spelled)
    mistakes += wrong


def _pool(name: str, where: str, spec: Mapping[str, Any], found: Manifests) -> list[Mistake]:
    """A pool of nodes; what is wrong with it."""
    try:
        found.pools.append(dict(vars(pool_config(name, where, spec))))
    except InvalidSpecError as error:
        return list(error.mistakes)
    return []


def _odd(value: Any, path: str = "it") -> list[Mistake]:
    """What YAML makes of a bare word and JSON, which goes to the node, has no form for: dates, bytes, sets."""
    if isinstance(value, Mapping):
        return [mistake for key, item in value.items() for mistake in _odd(item, f"{path}.{key}")]
    if isinstance(value, list):
        return [mistake for number, item in enumerate(value) for mistake in _odd(item, f"{path}[{number}]")]
    try:
        json.dumps(value)
    except TypeError:
        return [Mistake(path, f"expected a text, a number, true or false, found {show(value)}. Put it in quotes")]
    return []


def _policy(name: str, fields: dict[str, Any], wrong: list[Mistake]) -> dict[str, Any]:
    labels = fields.pop("node_selector", None)
    made = {"name": name, **fields, **({"node_selector": {"labels": labels}} if labels else {})}
    policy.collect([made], "it", wrong, {0: "it"})
    return made


def _network(name: str, fields: dict[str, Any], namespace: str, wrong: list[Mistake]) -> dict[str, Any]:
    """The operator puts the definition where the resource itself is, unless networkNamespace says another place."""
    made = {"name": name, "network_namespace": namespace, **fields}
    try:
        network_attachments([made], OWNER, {0: "it"}, log_dir_known=False)
    except InvalidSpecError as error:
        wrong += error.mistakes
    return made


def _snake(
    value: Mapping[str, Any], spelled: dict[str, str], wrong: list[Mistake], path: str = "it"
) -> dict[str, Any]:
    """Fields with our names; those that say nothing ("", [] and {}) are left out, as the operator reads them.

    spelled: gets our name -> the file's; wrong: gets fields that only look like one of the operator's, which tells
    cases apart.
    """
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = snake_name(str(key))
        if camel_name(name) != key:
            spelled[str(key)] = str(key)
            wrong.append(Mistake(f"{path}.{key}", f"is not a known field; did you mean '{camel_name(name)}'?"))
            continue
        spelled[name] = str(key)
        inner = item
        if name in _MAPPINGS and isinstance(item, Mapping):
            inner = _snake(item, spelled, wrong, f"{path}.{name}")
        if inner is not None and inner != "" and inner != [] and inner != {}:
            found[name] = inner
    return found

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the inventory to NetworkAttachmentDefinitions.

A network uses the fields of the SR-IOV network operator's SriovNetwork in snake_case. The CNI configuration
is built as data and only then turned into text, so that no field can break it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils.model.errors import InvalidSpecError, Mistake
from . import network_routes
from .network_ranges import SOURCE, without_ranges
from .network_types import DEFAULT, TYPES, NetworkType
from .network_values import LOG_FOLDER, Wrong, log_folder, outside
from .owned_objects import NETWORK_API_VERSION, NETWORK_KIND, OWNER, OWNER_LABEL

RESOURCE_ANNOTATION = "k8s.v1.cni.cncf.io/resourceName"
CNI_VERSION = "1.0.0"
NAMESPACE = "default"  # of a network that names none


def network_attachments(
    networks: Any,
    resource_prefix: str,
    places: Mapping[int, str] | None = None,
    log_dir: Any = LOG_FOLDER,
    *,
    log_dir_known: bool = True,
) -> list[dict[str, Any]]:
    """NetworkAttachmentDefinitions for the networks of the inventory, whose log files are below the nodes' `log_dir`.

    places: number -> the path of a network that comes from elsewhere. Raises InvalidSpecError with every mistake, each
    with the path of its field.
    """
    try:
        folder = log_folder(log_dir) if log_dir_known else ""
    except Wrong as error:
        raise InvalidSpecError([Mistake("sriov_cni_log_dir", str(error))]) from error
    return [_attachment(values, resource_prefix) for values in parsed(networks, places, folder)]


def parsed(networks: Any, places: Mapping[int, str] | None = None, folder: str = "") -> list[dict[str, Any]]:
    """The fields of each network as its plugin takes them. folder: the nodes' log folder, "" where it is unknown.

    Raises InvalidSpecError with every mistake.
    """
    if not isinstance(networks, list):
        raise InvalidSpecError([Mistake("sriov_networks", f"expected a list, found {networks!r}")])
    mistakes: list[Mistake] = []
    found = []
    seen: dict[tuple[str, str], str] = {}
    shared: dict[str, str] = {}  # those that share out addresses by node
    for number, network in enumerate(networks):
        path = (places or {}).get(number, f"sriov_networks[{number}]")
        values = _parse(network, path, mistakes)
        unfit = outside(values["log_file"], folder) if "log_file" in values else ""
        mistakes += [Mistake(f"{path}.log_file", unfit)] if unfit else []
        identity = name_of(values)
        if "name" in values and seen.setdefault(identity, path) != path:
            mistakes.append(Mistake(f"{path}.name", f"{'/'.join(identity)} is also the name of {seen[identity]}"))
        if SOURCE in values.get("ipam", {}) and shared.setdefault(identity[1], path) != path:
            problem = (
                f"{identity[1]} is also the name of {shared[identity[1]]}, and host-local tells networks by name alone"
            )
            mistakes.append(Mistake(f"{path}.ipam.{SOURCE}", f"{problem}: rename one of the two"))
        found.append(values)
    if mistakes:
        raise InvalidSpecError(mistakes)
    return found


def network_notes(networks: Any, nodes: int = 1, places: Mapping[int, str] | None = None) -> list[str]:
    """Sentences about what right networks do otherwise than they may be read. nodes: how many the cluster has.

    Raises InvalidSpecError.
    """
    found = []
    for values in parsed(networks, places):
        _values, notes = network_routes.without(values)
        ipam = values.get("ipam", {})
        if ipam.get("type") == "host-local" and nodes > 1 and SOURCE not in ipam:
            notes.append(
                "host-local knows of the addresses that its own node gave out, and two nodes can give out the same: "
                "say ranges_from: node in ipam, which gives each node a range of its own, or use whereabouts"
            )
        found += [f"network {'/'.join(name_of(values))}: {note}" for note in notes]
    return found


def name_of(values: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and name of a network's object."""
    return str(values.get("network_namespace", NAMESPACE)), str(values.get("name"))


def resource_of(values: Mapping[str, Any], resource_prefix: str) -> str:
    """The resource that a pod of the network needs, "" for none."""
    name = str(values.get("resource_name", ""))
    return name if "/" in name or not name else f"{resource_prefix}/{name}"


def _parse(network: Any, path: str, mistakes: list[Mistake]) -> dict[str, Any]:
    if not isinstance(network, dict):
        mistakes.append(Mistake(path, f"expected a mapping, found {network!r}"))
        return {}
    name = network.get("type", DEFAULT)
    kind = TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        mistakes.append(Mistake(f"{path}.type", f"expected one of {', '.join(TYPES)}, found {name!r}"))
        return {}
    parsers = kind.parsers()
    values = {}
    for field, value in network.items():
        if field not in parsers:
            mistakes.append(Mistake(f"{path}.{field}", _unknown(str(name), parsers)))
            continue
        try:
            values[field] = parsers[field](value)
            json.dumps(values[field])
        except TypeError:
            problem = f"expected texts, numbers, lists and mappings, found {value!r}. Put dates in quotes"
            mistakes.append(Mistake(f"{path}.{field}", problem))
        except Wrong as error:
            mistakes.append(Mistake(f"{path}.{field}", str(error)))
    mistakes.extend(Mistake(f"{path}.{field}", "is missing") for field in kind.required if field not in network)
    mistakes.extend(_combinations(values, path))
    return values


def _unknown(kind: str, known: Iterable[str]) -> str:
    which = "" if kind == DEFAULT else f" of the type {kind}"
    return f"is not a field of a network{which}; there are {', '.join(sorted(known))}"


def _combinations(values: dict[str, Any], path: str) -> list[Mistake]:
    found = []
    lowest, highest = values.get("min_tx_rate"), values.get("max_tx_rate")
    if lowest and highest and lowest > highest:
        found.append(Mistake(f"{path}.min_tx_rate", f"{lowest} is above max_tx_rate {highest}"))
    for field in ("promisc", "allmulticast"):
        if values.get(field) == "on" and values.get("trust") != "on":
            found.append(Mistake(f"{path}.{field}", "needs trust: on, or the PF ignores it"))
    if values.get("routes") and not values.get("ipam", {}).get("type"):
        found.append(Mistake(f"{path}.routes", "needs ipam, whose plugin hands the routes out"))
    if values.get("vlan_trunk") and values.get("vlan"):
        found.append(Mistake(f"{path}.vlan_trunk", "excludes a vlan: the PF tags for the VF, or the VF tags by itself"))
    for field in ("vlan_qos", "vlan_proto"):
        if values.get(field) not in (None, 0, "802.1q") and not values.get("vlan"):
            found.append(Mistake(f"{path}.{field}", "needs a vlan other than 0"))
    if SOURCE in values.get("ipam", {}) and values.get("type", DEFAULT) != DEFAULT:
        found.append(
            Mistake(f"{path}.ipam.{SOURCE}", f"needs the type {DEFAULT}: no other plugin knows the node's ranges")
        )
    route = network_routes.problem(values)
    return [*found, Mistake(f"{path}.default_route", route)] if route else found


def _plugin(name: str, kind: NetworkType, values: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the network's own plugin."""
    plugin: dict[str, Any] = {"type": name}
    plugin.update({key: values[field] for field, (key, _parser) in kind.fields.items() if field in values})
    if values.get("routes"):
        plugin["ipam"] = {**values["ipam"], "routes": [*values["ipam"].get("routes", []), *values["routes"]]}
    # Written even when 0 and {}: readers of the operator's definitions expect both, and without a vlan the VF keeps
    # that of its last user. To set a VLAN, 0 too, makes drivers forget a trunk.
    if "vlan" in kind.fields and "vlan_trunk" not in values:
        plugin.setdefault("vlan", 0)
    plugin.setdefault("ipam", {})
    if SOURCE in plugin["ipam"]:
        plugin["ipam"] = without_ranges(plugin["ipam"])
    return plugin


def _attachment(found: dict[str, Any], resource_prefix: str) -> dict[str, Any]:
    values, _notes = network_routes.without(found)
    name = values.get("type", DEFAULT)
    plugin = _plugin(name, TYPES[name], values)
    head = {"cniVersion": values.get("cni_version", CNI_VERSION), "name": values["name"]}
    if values.get("meta_plugins"):
        config: dict[str, Any] = {**head, "plugins": [plugin, *values["meta_plugins"]]}
    else:
        config = {**head, **plugin}
    resource = resource_of(values, resource_prefix)
    namespace, name = name_of(values)
    return {
        "apiVersion": NETWORK_API_VERSION,
        "kind": NETWORK_KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {OWNER_LABEL: OWNER},
            "annotations": {RESOURCE_ANNOTATION: resource} if resource else {},
        },
        "spec": {"config": json.dumps(config)},
    }

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the inventory to NetworkAttachmentDefinitions, and what has to change in a cluster.

A network uses the fields of the SR-IOV network operator's SriovNetwork in snake_case. The CNI configuration
is built as data and only then turned into text, so that no field can break it.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Callable

from ..module_utils.model.errors import InvalidSpecError, Mistake
from ..module_utils.policy.validation import show

API_VERSION = "k8s.cni.cncf.io/v1"
KIND = "NetworkAttachmentDefinition"
RESOURCE_ANNOTATION = "k8s.v1.cni.cncf.io/resourceName"
OWNER_LABEL = "app.kubernetes.io/managed-by"
OWNER = "baremetal.sriov"
CNI_VERSION = "1.0.0"
PLUGIN = "sriov"  # the type of ours
LOG_FOLDER = "/var/log"  # below which it writes log files, unless the node names another

# RFC 1123 subdomain, what the API server asks of an object's name; a namespace is a single label of it.
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_FILE_NAME = re.compile(r"[^/\x00-\x1f\x7f]{0,255}")
_NUMBER = re.compile(r"[0-9]{1,10}")
_VLAN = re.compile(r"[0-9]{1,4}")
_RESOURCE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_SWITCHES: dict[str, tuple[Any, ...]] = {"on": (True, "on", "true"), "off": (False, "off", "false")}
_PROTOCOLS = {"802.1q": "802.1q", "802.1ad": "802.1ad"}
_LINK_STATES = ("auto", "enable", "disable")
_DAD = ("wait", "optimistic", "off")
_DNS = ("nameservers", "domain", "search", "options")
_LOG_LEVELS = ("panic", "error", "warning", "info", "debug")

Parser = Callable[[Any], Any]


class _Wrong(ValueError):
    """What is wrong with one value, without its path."""


def _integer(lowest: int, highest: int, value: Any) -> int:
    """A number, or the text of one: fields of a survey and templates give texts."""
    number = int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= highest:
        raise _Wrong(f"expected a whole number from {lowest} to {highest}, found {value!r}")
    return number


def _choice(allowed: tuple[str, ...], value: Any) -> str:
    if value not in allowed:
        raise _Wrong(f"expected one of {', '.join(allowed)}, found {value!r}")
    return str(value)


def _switch(value: Any) -> str:
    """on or off; YAML reads the bare words as booleans, and a survey makes texts of these."""
    for word, values in _SWITCHES.items():
        if any(value is one or (isinstance(value, str) and value.lower() == one) for one in values):
            return word
    raise _Wrong(f"expected on or off, found {value!r}")


def _protocol(value: Any) -> str:
    found = _PROTOCOLS.get(str(value).lower())
    if found is None:
        raise _Wrong(f"expected 802.1q or 802.1ad, found {value!r}")
    return found


def _trunk(value: Any) -> str:
    """VLANs and ranges, `10,20-30`; YAML reads a single VLAN as a number."""
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    ranges = [part.partition("-") for part in text.split(",")]
    bounds = [(first, last if dash else first) for first, dash, last in ranges]
    if not all(_VLAN.fullmatch(low) and _VLAN.fullmatch(high) and 1 <= int(low) <= int(high) <= 4094
               for low, high in bounds):  # fmt: skip
        raise _Wrong(f"expected VLANs from 1 to 4094 and ranges of them, like 10,20-30, found {value!r}")
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _Wrong(f"expected text, found {value!r}")
    return value


def log_folder(value: Any) -> str:
    """The path of the nodes' log folder. Raises _Wrong for what is none."""
    parts = _path_parts(value) if isinstance(value, str) else []
    if not parts or not str(value).startswith("/") or ".." in parts or not str(value).isprintable():
        raise _Wrong(f"expected the absolute path of a folder other than /, without '..', found {value!r}")
    return "/" + "/".join(parts)


def _path_parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _log_file(value: Any) -> str:
    """A path that is absolute and goes to no folder above. The plugin writes it as root, and refuses others as well."""
    text = _text(value)
    if not text.startswith("/") or ".." in _path_parts(text) or not text.isprintable():
        raise _Wrong(f"expected the absolute path of a file, without '..' and control characters, found {value!r}")
    return text


def _outside(file: str, folder: str) -> str:
    """Why the plugin refuses this log file, "" where it does not."""
    parts, above = _path_parts(file), _path_parts(folder)
    if parts[: len(above)] == above and len(parts) > len(above):
        return ""
    return (
        f"expected a file below {folder}, found {file!r}: the plugin writes it as root and refuses others; name one "
        "there, or another folder of the nodes in sriov_cni_log_dir"
    )


def _pattern(pattern: re.Pattern[str], longest: int, what: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > longest or not pattern.fullmatch(value):
        raise _Wrong(f"expected {what} of at most {longest} characters, found {value!r}")
    return value


def _mapping(value: Any) -> dict[str, Any]:
    """A mapping, or the JSON text of one as the operator's resources hold it."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else {}
        except ValueError as error:
            expected = f"expected a mapping or the JSON text of one, found {show(value)}"
            raise _Wrong(f"is not JSON ({error}): {expected}") from error
    if not isinstance(value, dict):
        raise _Wrong(f"expected a mapping or the JSON text of one, found {value!r}")
    return value


def _ipam(value: Any) -> dict[str, Any]:
    """The IPAM part of a CNI configuration. Its plugin is a file beside ours, and never ours."""
    found = _mapping(value)
    kind = "" if found.get("type") is None else found["type"]
    if not isinstance(kind, str) or kind in (".", "..") or not _FILE_NAME.fullmatch(kind):
        raise _Wrong(f"type: expected the name of an IPAM plugin, a file in CNI_PATH and no path, found {kind!r}")
    if kind == PLUGIN:
        raise _Wrong(
            f"type: expected an IPAM plugin, found {kind!r}, the CNI plugin itself, which would start itself without "
            "end: name one such as host-local, or leave ipam out"
        )
    return found


def _dns(value: Any) -> dict[str, Any]:
    """The DNS part of a CNI configuration."""
    found = _mapping(value)
    for key, entry in found.items():
        if key not in _DNS:
            raise _Wrong(f"{key} is not one of {', '.join(_DNS)}")
        if key == "domain" and not isinstance(entry, str):
            raise _Wrong(f"domain: expected text, found {entry!r}")
        if key != "domain" and not (isinstance(entry, list) and all(isinstance(item, str) for item in entry)):
            raise _Wrong(f"{key}: expected a list of texts, found {entry!r}")
    return found


def _routes(value: Any) -> list[dict[str, Any]]:
    """Routes as the CNI specification has them: dst with a prefix length, and optionally gw, of dst's family."""
    if not isinstance(value, list):
        raise _Wrong(f"expected a list of routes, found {value!r}")
    for number, route in enumerate(value):
        try:
            to = ipaddress.ip_network(route["dst"])
            if "gw" in route and ipaddress.ip_address(route["gw"]).version != to.version:
                raise ValueError("gw is not of the family of dst")
        except (KeyError, TypeError, ValueError) as error:
            raise _Wrong(f"route {number}: expected dst as NETWORK/LENGTH and gw as an address ({error})") from error
    return value


def _plugins(value: Any) -> list[dict[str, Any]]:
    """A list of CNI configurations, or the operator's text of JSON objects with commas between them."""
    if isinstance(value, str):
        try:
            value = json.loads(f"[{value}]")
        except ValueError as error:
            raise _Wrong(f"is not a comma-separated list of JSON objects ({error})") from error
    if not isinstance(value, list) or not all(isinstance(item, dict) and item.get("type") for item in value):
        raise _Wrong("expected a list of CNI configurations, each with a type")
    for number, plugin in enumerate(value):
        if isinstance(plugin.get("ipam"), dict):
            try:
                _ipam(plugin["ipam"])
            except _Wrong as error:
                raise _Wrong(f"plugin {number}: ipam: {error}") from error
    return value


# Field of the network -> (key of the CNI configuration, parser). The order is the one that the JSON has.
_CNI_FIELDS: dict[str, tuple[str, Parser]] = {
    "vlan": ("vlan", partial(_integer, 0, 4094)),
    "vlan_qos": ("vlanQoS", partial(_integer, 0, 7)),
    "vlan_proto": ("vlanProto", _protocol),
    "vlan_trunk": ("vlan_trunk", _trunk),
    "spoof_chk": ("spoofchk", _switch),
    "trust": ("trust", _switch),
    "link_state": ("link_state", partial(_choice, _LINK_STATES)),
    "min_tx_rate": ("min_tx_rate", partial(_integer, 0, 2**32 - 1)),
    "max_tx_rate": ("max_tx_rate", partial(_integer, 0, 2**32 - 1)),
    "capabilities": ("capabilities", _mapping),
    "mtu": ("mtu", partial(_integer, 68, 65535)),
    "promisc": ("promisc", _switch),
    "allmulticast": ("allmulticast", _switch),
    "ipv6_dad": ("ipv6_dad", partial(_choice, _DAD)),
    "dns": ("dns", _dns),
    "log_level": ("logLevel", partial(_choice, _LOG_LEVELS)),
    "log_file": ("logFile", _log_file),
    "ipam": ("ipam", _ipam),
}
_OTHER_FIELDS: dict[str, Parser] = {
    "name": partial(_pattern, _OBJECT_NAME, 253, "a Kubernetes object name"),
    "resource_name": partial(_pattern, _RESOURCE, 63, "a resource name without prefix"),
    "network_namespace": partial(_pattern, _NAMESPACE, 63, "a namespace's name"),
    "meta_plugins": _plugins,
    "routes": _routes,
}
_REQUIRED = ("name", "resource_name")


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
    if not isinstance(networks, list):
        raise InvalidSpecError([Mistake("sriov_networks", f"expected a list, found {networks!r}")])
    mistakes: list[Mistake] = []
    try:
        folder = log_folder(log_dir) if log_dir_known else ""
    except _Wrong as error:
        raise InvalidSpecError([Mistake("sriov_cni_log_dir", str(error))]) from error
    objects = []
    seen: dict[tuple[str, str], str] = {}
    for number, network in enumerate(networks):
        path = (places or {}).get(number, f"sriov_networks[{number}]")
        values = _parse(network, path, mistakes)
        outside = _outside(values["log_file"], folder) if "log_file" in values else ""
        mistakes += [Mistake(f"{path}.log_file", outside)] if outside else []
        identity = (str(values.get("network_namespace", "default")), str(values.get("name")))
        if "name" in values and seen.setdefault(identity, path) != path:
            mistakes.append(
                Mistake(f"{path}.name", f"{'/'.join(identity)} is also the name of {seen[identity]}")
            )
        objects.append(values)
    if mistakes:
        raise InvalidSpecError(mistakes)
    return [_attachment(values, resource_prefix) for values in objects]


def _parse(network: Any, path: str, mistakes: list[Mistake]) -> dict[str, Any]:
    if not isinstance(network, dict):
        mistakes.append(Mistake(path, f"expected a mapping, found {network!r}"))
        return {}
    parsers = {**_OTHER_FIELDS, **{field: parser for field, (_key, parser) in _CNI_FIELDS.items()}}
    values = {}
    for field, value in network.items():
        if field not in parsers:
            known = ", ".join(sorted(parsers))
            mistakes.append(Mistake(f"{path}.{field}", f"is not a field of a network; there are {known}"))
            continue
        try:
            values[field] = parsers[field](value)
            json.dumps(values[field])
        except TypeError:
            problem = f"expected texts, numbers, lists and mappings, found {value!r}. Put dates in quotes"
            mistakes.append(Mistake(f"{path}.{field}", problem))
        except _Wrong as error:
            mistakes.append(Mistake(f"{path}.{field}", str(error)))
    mistakes.extend(Mistake(f"{path}.{field}", "is missing") for field in _REQUIRED if field not in network)
    mistakes.extend(_combinations(values, path))
    return values


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
    return found


def _attachment(values: dict[str, Any], resource_prefix: str) -> dict[str, Any]:
    plugin: dict[str, Any] = {"type": PLUGIN}
    plugin.update({key: values[field] for field, (key, _parser) in _CNI_FIELDS.items() if field in values})
    if values.get("routes"):
        plugin["ipam"] = {**values["ipam"], "routes": [*values["ipam"].get("routes", []), *values["routes"]]}
    # Written even when 0 and {}: readers of the operator's definitions expect both.
    if "vlan_trunk" not in plugin:  # to set a VLAN, 0 too, makes drivers forget the trunk
        plugin.setdefault("vlan", 0)
    plugin.setdefault("ipam", {})
    head = {"cniVersion": CNI_VERSION, "name": values["name"]}
    if values.get("meta_plugins"):
        config: dict[str, Any] = {**head, "plugins": [plugin, *values["meta_plugins"]]}
    else:
        config = {**head, **plugin}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": values["name"],
            "namespace": values.get("network_namespace", "default"),
            "labels": {OWNER_LABEL: OWNER},
            "annotations": {RESOURCE_ANNOTATION: f"{resource_prefix}/{values['resource_name']}"},
        },
        "spec": {"config": json.dumps(config)},
    }


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


def _identity(item: dict[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _reference(item: dict[str, Any]) -> dict[str, Any]:
    namespace, name = _identity(item)
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name, "namespace": namespace}}


def _fits(wanted: dict[str, Any], now: dict[str, Any]) -> bool:
    annotations = now["metadata"].get("annotations") or {}
    if any(annotations.get(key) != value for key, value in wanted["metadata"]["annotations"].items()):
        return False
    text = now.get("spec", {}).get("config", "")
    try:
        return bool(json.loads(text) == json.loads(wanted["spec"]["config"]))
    except ValueError:
        return False

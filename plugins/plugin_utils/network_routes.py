# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default route of a network: a pod's stays with its first network, unless a second one is to take it.

A default route over a VF cuts a pod off from its Services and from its probes, and nothing of that tells why.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

_ADDED = "addroutes"  # of the plugin route-override
_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
_NEEDED = "so that the pod's own network keeps it; default_route: true asks for it"


def without(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A network's fields without default routes, and in words what was left out; of one that asks for them as they are,
    with a route for each gateway that has none.
    """
    found = dict(values)
    if found.get("default_route"):
        if found.get("ipam", {}).get("type"):
            found["ipam"] = _with_default_routes(found["ipam"], found.get("routes", []))
        return found, []
    notes: list[str] = []
    if "ipam" in found:
        found["ipam"] = _cut(found["ipam"], "routes", "ipam", notes)
    if "routes" in found:
        found = _cut(found, "routes", "routes", notes)
    if "meta_plugins" in found:
        found["meta_plugins"] = [_chained(plugin, f"meta_plugins[{number}]", notes)
                                 for number, plugin in enumerate(found["meta_plugins"])]  # fmt: skip
    if found.pop("is_default_gateway", False):
        notes.append(f"is_default_gateway is left out, {_NEEDED}")
    if found.get("ipam", {}).get("type") == "dhcp":
        notes.append(
            "its DHCP server may hand out a default route, which the plugin dhcp takes: have the server hand out none, "
            "or say default_route: true where it is meant"
        )
    return found, notes


def problem(values: Mapping[str, Any]) -> str:
    """What is wrong with a default route that is asked for, "" for nothing."""
    if not values.get("default_route") or values.get("is_default_gateway"):
        return ""
    ipam = values.get("ipam", {})
    routes = [*_listed(ipam, "routes"), *values.get("routes", [])]
    plugins = values.get("meta_plugins", [])
    chained = [route for plugin in plugins for key in ("routes", _ADDED) for route in _listed(plugin, key)]
    if ipam.get("type") == "dhcp" or any(_family(route) and "gw" in route for route in routes):
        return ""
    if any(_family(route) for route in chained) or (ipam.get("type") and any(True for _gateway in _gateways(ipam))):
        return ""
    return "needs a gateway in ipam, or a default route with gw in routes; found neither"


def _with_default_routes(ipam: dict[str, Any], routes: list[Any]) -> dict[str, Any]:
    has = {_family(route) for route in [*_listed(ipam, "routes"), *routes]}
    families = sorted({gateway.version for gateway in _gateways(ipam)} - has)
    added = [{"dst": _DEFAULT[family]} for family in families]
    return {**ipam, "routes": [*_listed(ipam, "routes"), *added]} if added else ipam


def _gateways(ipam: Mapping[str, Any]) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Those that host-local (gateway, ranges), static (addresses) and whereabouts (gateway) are given."""
    sets = [one for one in _listed(ipam, "ranges") if isinstance(one, list)]
    for entry in (ipam, *_listed(ipam, "addresses"), *(item for one in sets for item in one)):
        try:
            yield ipaddress.ip_address(entry["gateway"])
        except (KeyError, TypeError, ValueError):
            continue  # the plugin judges it


def _chained(plugin: dict[str, Any], place: str, notes: list[str]) -> dict[str, Any]:
    found = plugin
    for key in ("routes", _ADDED):
        found = _cut(found, key, f"{place}.{key}", notes)
    if isinstance(found.get("ipam"), dict):
        found = {**found, "ipam": _cut(found["ipam"], "routes", f"{place}.ipam", notes)}
    return found


def _cut(holder: dict[str, Any], key: str, place: str, notes: list[str]) -> dict[str, Any]:
    """The mapping without default routes in the list below `key`."""
    routes = _listed(holder, key)
    left = [route for route in routes if not _family(route)]
    if len(left) == len(routes):
        return holder
    notes += [f"the default route {route['dst']} of {place} is left out, {_NEEDED}" for route in routes
              if _family(route)]  # fmt: skip
    return {**holder, key: left}


def _listed(holder: Mapping[str, Any], key: str) -> list[Any]:
    found = holder.get(key)
    return found if isinstance(found, list) else []


def _family(route: Any) -> int:
    """The IP version of a default route, 0 for any other and for what is none."""
    try:
        network = ipaddress.ip_network(route["dst"], strict=False)
    except (KeyError, TypeError, ValueError):
        return 0
    return network.version if network.prefixlen == 0 else 0

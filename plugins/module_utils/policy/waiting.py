# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a node some of whose PFs wait for a reboot: until then it is and offers what it was and offered. Pure.

node.json has each waiting PF as it was, and under `after_reboot` what takes effect with the next boot: the boot's id
now, those PFs' goals, and the device plugin's configuration. Their form is that of `rendered_files`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .rendered_files import CONFIG_PATH, NODE_PATH, json_text

KEY = "after_reboot"
DEVICES = ("rootDevices", "pciAddresses")


def until_reboot(
    texts: Mapping[str, str], now: Mapping[str, str | None], waiting: Collection[str], boot_id: str
) -> dict[str, str]:
    """The texts to write, by path. texts: of the goal; now: on the host; waiting: addresses of PFs."""
    found = dict(texts)
    if not waiting or NODE_PATH not in texts:
        return found
    later: dict[str, Any] = {"boot_id": boot_id}
    if CONFIG_PATH in texts:
        found[CONFIG_PATH] = _config(texts[CONFIG_PATH], now.get(CONFIG_PATH), waiting)
        later["config"] = texts[CONFIG_PATH]
    node = json.loads(texts[NODE_PATH])
    later["pfs"] = [pf for pf in node["pfs"] if pf["address"] in waiting]
    earlier = [pf for pf in _list(_json(now.get(NODE_PATH)), "pfs") if pf.get("address") in waiting]
    rest = [pf for pf in node["pfs"] if pf["address"] not in waiting]
    node["pfs"] = sorted([*rest, *earlier], key=lambda pf: str(pf["address"]))
    found[NODE_PATH] = json_text({**node, KEY: later})
    return found


def since_reboot(text: str | None, boot_id: str) -> dict[str, str]:
    """The texts that take effect in this boot, by path; none where nothing waits, or the reboot is still ahead."""
    node = _json(text)
    later = node.pop(KEY, None)
    if not isinstance(later, dict) or later.get("boot_id") == boot_id:
        return {}
    pfs = {str(pf["address"]): pf for pf in (*_list(node, "pfs"), *_list(later, "pfs")) if "address" in pf}
    found = {NODE_PATH: json_text({**node, "pfs": [pfs[address] for address in sorted(pfs)]})}
    if isinstance(later.get("config"), str):
        found[CONFIG_PATH] = later["config"]
    return found


def addresses_that_wait(text: str | None, boot_id: str) -> set[str]:
    """The PFs of node.json that wait for a reboot which is still ahead."""
    later = _json(text).get(KEY)
    if not isinstance(later, dict) or later.get("boot_id") != boot_id:
        return set()
    return {str(pf["address"]) for pf in _list(later, "pfs") if "address" in pf}


def all_addresses(text: str | None) -> set[str]:
    """The PFs of node.json, those that wait included; none where it is damaged."""
    node = _json(text)
    later = node.get(KEY)
    pfs = [*_list(node, "pfs"), *_list(later if isinstance(later, dict) else {}, "pfs")]
    return {str(pf["address"]) for pf in pfs if "address" in pf}


def _config(text: str, now: str | None, waiting: Collection[str]) -> str:
    """The configuration with the pools that waiting PFs are in now. One that is in none yet is offered as it will be:
    its VFs are not bound yet, and such a pool names its driver.
    """
    earlier = _only(_json(now), lambda address: address in waiting)
    selectors = [selector for resource in earlier for selector in resource["selectors"]]
    had = {_address(device) for selector in selectors for device in _devices(selector)}
    resources = {_name(one): one for one in _only(json.loads(text), lambda address: address not in had)}
    for resource in earlier:
        known = resources.get(_name(resource))
        if known is None:
            resources[_name(resource)] = resource
        else:
            known["selectors"] += [one for one in resource["selectors"] if one not in known["selectors"]]
    return json_text({"resourceList": [resources[name] for name in sorted(resources)]})


def _only(config: Mapping[str, Any], chosen: Callable[[str], bool]) -> list[dict[str, Any]]:
    """The resources with their selectors of chosen PFs; without one, a resource would be of all devices."""
    found = []
    for resource in _list(config, "resourceList"):
        selectors = []
        for selector in _list(resource, "selectors"):
            kept = {name: [d for d in selector[name] if chosen(_address(d))] for name in DEVICES if name in selector}
            if any(kept.values()):
                selectors.append({**selector, **{name: devices for name, devices in kept.items() if devices}})
        if selectors:
            found.append({**resource, "selectors": selectors})
    return found


def _devices(selector: Mapping[str, Any]) -> list[str]:
    return [device for name in DEVICES for device in selector.get(name, [])]


def _address(device: str) -> str:
    return str(device).partition("#")[0]


def _name(resource: Mapping[str, Any]) -> tuple[str, str]:
    return str(resource.get("resourceName")), str(resource.get("resourcePrefix"))


def _json(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _list(value: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = value.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

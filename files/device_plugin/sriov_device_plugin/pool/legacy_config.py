# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oldest form of config.json, with rootDevices and sriovMode beside resourceName, made into today's.

There, deviceType was netdevice, vfio or uio: which drivers the VFs have. A root device was a PF, in short
notation; with sriovMode its VFs were offered, without it the function itself.
"""

from __future__ import annotations

import json
import re
from typing import Any

from shared.driver_kinds import UIO_DRIVERS, VFIO_PCI

from ..errors import ConfigError

OLD_KEYS = ("rootDevices", "sriovMode")
DRIVERS: dict[str, list[str]] = {"netdevice": [], "vfio": [VFIO_PCI], "uio": list(UIO_DRIVERS)}
_SHORT = re.compile("[0-9a-fA-F]{2}:[0-9a-fA-F]{2}[.][0-7]")


def convert(content: bytes, path: str = "config.json") -> tuple[str, list[str]]:
    """The file in today's form (JSON text), and notes for a person. Entries of today's form stay as they are.

    Raises ConfigError for what is neither.
    """
    try:
        document = json.loads(content.decode("utf-8"))
        entries = document["resourceList"]
    except (ValueError, RecursionError, KeyError, TypeError):
        entries = None
    if not isinstance(entries, list):
        raise ConfigError(path, ["expected a JSON object with the list resourceList"])
    problems: list[str] = []
    notes: list[str] = []
    converted = [_entry(entry, f"resourceList[{n}]", problems, notes) for n, entry in enumerate(entries)]
    if problems:
        raise ConfigError(path, problems)
    return json.dumps({**document, "resourceList": converted}, indent=2), notes


def _entry(entry: Any, where: str, problems: list[str], notes: list[str]) -> Any:
    if not isinstance(entry, dict) or "selectors" in entry or not any(key in entry for key in OLD_KEYS):
        return entry
    kind = entry.get("deviceType", "netdevice")
    roots = entry.get("rootDevices")
    if not isinstance(kind, str) or kind.lower() not in DRIVERS:
        problems.append(f"{where}.deviceType: {kind!r} was never one; expected {', '.join(DRIVERS)}")
        return entry
    if not isinstance(roots, list) or not roots or not all(isinstance(root, str) for root in roots):
        problems.append(f"{where}.rootDevices: expected a list of PCI addresses")
        return entry
    addresses = [_full(root) for root in roots]
    vfs = bool(entry.get("sriovMode"))
    selectors: dict[str, Any] = {"rootDevices" if vfs else "pciAddresses": addresses}
    if DRIVERS[kind.lower()]:
        selectors["drivers"] = DRIVERS[kind.lower()]
    notes.append(f"{where}: {'the VFs of' if vfs else 'the functions'} {', '.join(addresses)}")
    left = {key: value for key, value in entry.items() if key not in (*OLD_KEYS, "deviceType")}
    return {**left, "deviceType": "netDevice", "selectors": selectors}


def _full(address: str) -> str:
    return f"0000:{address.lower()}" if _SHORT.fullmatch(address) else address.lower()

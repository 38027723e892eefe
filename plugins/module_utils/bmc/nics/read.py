# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network functions behind a BMC, and the VFs that each has (DSP0268: NetworkAdapter, NetworkDeviceFunction)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..redfish.client import Client, Tree, items, link, mapping, text
from ..redfish.system import System

FIELD = "VirtualFunctionAllocation"
_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.I)


@dataclass(frozen=True)
class Function:
    """One function of a NIC. now, then: its VFs, and those after the next reset; None where the BMC does not tell.

    settings: where a change is sent; group: VFs are given in multiples of it; most: None where it is not told.
    """

    path: str
    name: str
    macs: tuple[str, ...]
    settings: str
    now: int | None = None
    then: int | None = None
    group: int = 1
    most: int | None = None
    etag: str | None = None
    apply_times: tuple[str, ...] = ()

    def is_meant(self, key: str) -> bool:
        """By its MAC address, its Id, or its path."""
        return normal(key) in self.macs or key in (self.name, self.path)


def normal(key: str) -> str:
    """A MAC address in small letters with colons; anything else as it is."""
    return key.replace("-", ":").lower() if _MAC.fullmatch(key) else key


def functions(client: Client, system: System) -> Iterator[Function]:
    """Those of all adapters of the system's chassis."""
    chassis = [one for one in (link({"c": one}, "c") for one in items(system.body, "Links", "Chassis")) if one]
    for place in chassis:
        told = client.find(place) or {}
        for adapter in client.members(link(told, "NetworkAdapters")):
            for one in client.members(link(adapter, "NetworkDeviceFunctions")):
                yield _function(client, adapter, one)


def _function(client: Client, adapter: Tree, one: Tree) -> Function:
    path = text(one, "@odata.id")
    where = link(one, "@Redfish.Settings", "SettingsObject")
    staged = (client.find(where) or {}) if where else {}
    times = items(one, "@Redfish.Settings", "SupportedApplyTimes")
    times = times or items(staged, "@Redfish.SettingsApplyTime", "SupportedApplyTimes")
    capabilities = [
        mapping(controller, "ControllerCapabilities", "VirtualizationOffload", "VirtualFunction")
        for controller in items(adapter, "Controllers")
    ]
    groups = [size for size in (_number(cap, "MinAssignmentGroupSize") for cap in capabilities) if size]
    mosts = [count for count in (_number(cap, "NetworkPortMaxCount") for cap in capabilities) if count]
    now = _number(one, FIELD)
    pending = _number(staged, FIELD)
    macs = (text(one, "Ethernet", "PermanentMACAddress"), text(one, "Ethernet", "MACAddress"))
    return Function(
        path, text(one, "Id"), tuple(normal(mac) for mac in macs if mac), where or path, now,
        now if pending is None else pending, max(groups, default=1),
        _number(one, "MaxVirtualFunctions") or min(mosts, default=None),
        client.etags.get(where or path) or text(one, "@odata.etag") or None,
        tuple(word for word in times if isinstance(word, str)),
    )  # fmt: skip


def _number(value: Tree, name: str) -> int | None:
    found = value.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network functions behind a BMC, and the VFs that each has (DSP0268: NetworkAdapter, NetworkDeviceFunction)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..redfish.client import Client, Tree, items, link, mapping, text
from ..redfish.system import System
from . import dell
from .dell import Attributes

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
    attributes: Attributes | None = None  # of the vendor, in the place of the standard field

    def body(self, count: int, number: int | None = None) -> dict[str, Any]:
        """What is sent for so many VFs. number: see Attributes.wanted."""
        return {FIELD: count} if self.attributes is None else {"Attributes": self.attributes.wanted(count, number)}

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


def _by_attributes(client: Client, one: Tree) -> tuple[Tree, Attributes] | None:
    """The resource that holds a vendor's own attributes, and these; None where there are none about VFs."""
    places = (link(one, *above, "Oem", "Dell", "DellNetworkAttributes") for above in (("Links",), ()))
    for place in (found for found in places if found):
        told = client.find(place) or {}
        where = link(told, "@Redfish.Settings", "SettingsObject")
        now = mapping(told, "Attributes")
        staged = mapping((client.find(where) or {}) if where else {}, "Attributes")
        attributes = Attributes(now, {**now, **staged})
        if None not in attributes.counts:
            return {"@odata.id": place, **told}, attributes
    return None


def _function(client: Client, adapter: Tree, one: Tree) -> Function:
    path = text(one, "@odata.id")
    own = _by_attributes(client, one) if _number(one, FIELD) is None else None
    if own is not None:
        return _with_attributes(client, one, *own)
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
    return Function(
        path, text(one, "Id"), _macs(one), where or path, now,
        now if pending is None else pending, max(groups, default=1),
        _number(one, "MaxVirtualFunctions") or min(mosts, default=None),
        client.etags.get(where or path) or text(one, "@odata.etag") or None,
        tuple(word for word in times if isinstance(word, str)),
    )  # fmt: skip


def _with_attributes(client: Client, one: Tree, told: Tree, attributes: Attributes) -> Function:
    where = link(told, "@Redfish.Settings", "SettingsObject") or text(told, "@odata.id")
    times = items(told, "@Redfish.Settings", "SupportedApplyTimes")
    most = attributes.now.get(dell.MOST)
    group = attributes.now.get(dell.GROUP)
    return Function(
        text(one, "@odata.id"), text(one, "Id"), _macs(one), where, *attributes.counts,
        group if isinstance(group, int) and group > 0 else 1, most if isinstance(most, int) and most > 0 else None,
        client.etags.get(where), tuple(word for word in times if isinstance(word, str)), attributes,
    )  # fmt: skip


def _macs(one: Tree) -> tuple[str, ...]:
    found = (text(one, "Ethernet", "PermanentMACAddress"), text(one, "Ethernet", "MACAddress"))
    return tuple(normal(mac) for mac in found if mac)


def _number(value: Tree, name: str) -> int | None:
    found = value.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a device of a pool works: the link that it hangs on, and what its driver needs.

What is not visible is no fault: an interface that moved into a pod, or a PF without one. A PF that is switched
off takes its VFs' link along; a VF's own interface is commonly down on the host, and that says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared import pci
from shared.driver_kinds import is_vfio

from ..host.discovery import Device

# Linux Documentation/ABI/testing/sysfs-class-net: the states of RFC 2863 without a working link.
DOWN = ("down", "lowerlayerdown", "notpresent")
IFF_UP = 1


@dataclass
class _Link:
    """up: as we tell it. since: when it was first seen to be otherwise, None while it is as told. hold: how long
    that must last, in seconds.
    """

    up: bool
    since: float | None = None
    hold: float = 0.0


class Links:
    """Link states with a hold: one that lasts for `down_after` or `up_after` seconds counts, a shorter one not.

    An interface that has no link when it is first seen counts as up for `first_after` seconds: after a boot its link
    still negotiates, and a kubelet turns pods away for good that come back to a device which is not healthy then
    (kubernetes#116376). Where `down_after` is negative, links are not looked at.
    """

    def __init__(self, root: str, down_after: float, up_after: float, first_after: float) -> None:
        self.root = root
        self.hold = {False: down_after, True: up_after}
        self.first_after = first_after
        self._links: dict[str, _Link] = {}

    def observe(self, devices: Iterable[Device], now: float) -> None:
        """Look at the interfaces that these devices depend on; all others are forgotten."""
        if self.hold[False] < 0:
            return
        wanted: dict[str, bool] = {}  # name -> whether it is a device's own
        for device in devices:
            wanted.setdefault(device.net_name, True)
            wanted[device.pf_name] = False
        wanted.pop("", None)
        before, self._links = self._links, {}
        for name, is_own in wanted.items():
            up = self._is_up(name, is_own)
            link = before.get(name)
            if link is None:
                link = _Link(True) if up else _Link(True, now, self.first_after)
            self._links[name] = link
            if up == link.up:
                link.since = None
            elif link.since is None:
                link.since, link.hold = now, self.hold[up]
            if link.since is not None and now >= link.since + link.hold:
                link.up, link.since = up, None

    def is_down(self, name: str) -> bool:
        """True where the interface is known to have no link."""
        return name in self._links and not self._links[name].up

    def next_at(self) -> float:
        """When a state that was seen begins to count; infinite where nothing is pending."""
        times = (link.since + link.hold for link in self._links.values() if link.since is not None)
        return min(times, default=math.inf)

    def _is_up(self, name: str, is_own: bool) -> bool:
        if pci.read_text(f"{self.root}/sys/class/net/{name}/operstate") not in DOWN:
            return True
        flags = pci.read_int(f"{self.root}/sys/class/net/{name}/flags") or 0
        return is_own and not flags & IFF_UP


def problem(device: Device, links: Links) -> str:
    """Why the device is of no use now; "" where nothing is known against it."""
    if is_vfio(device.driver) and not device.iommu_group:
        return f"bound to {device.driver}, but in no IOMMU group"
    if links.is_down(device.pf_name):
        return f"no link on its PF {device.pf_name}"
    if links.is_down(device.net_name):
        return f"no link on {device.net_name}"
    return ""


def problems(devices: Mapping[str, Device], links: Links) -> dict[str, str]:
    """Device id -> why it is of no use, for those that are not."""
    return {device_id: text for device_id, device in devices.items() if (text := problem(device, links))}

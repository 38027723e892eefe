# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a device of a pool works: the link that it hangs on, and what its driver needs.

What is not visible is no fault: an interface that moved into a pod, or a PF without one. An Ethernet PF that is
switched off takes its VFs' link along; a VF's own interface is commonly down on the host, and that says nothing.
InfiniBand is judged by the state of its ports alone, which does not depend on an interface for IP.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared import pci
from shared.driver_kinds import is_vfio

from ..host.beside import Beside
from ..host.discovery import INFINIBAND, Device

# Linux Documentation/ABI/testing/sysfs-class-net: the states of RFC 2863 without a working link.
DOWN = ("down", "lowerlayerdown", "notpresent")
IFF_UP = 1
# Linux Documentation/ABI/stable/sysfs-class-infiniband, state: "4: ACTIVE". 0 says nothing; before 4 nothing passes.
NO_LINK = ("1", "2", "3")
OTHER_LINK_TYPES = (INFINIBAND,)  # those of which an interface that is switched off says nothing


@dataclass
class _Link:
    """up: as we tell it. may_be_off: whether an interface that is switched off is no fault. since: when it was first
    seen to be otherwise, None while it is as told. hold: how long that must last, in seconds.
    """

    up: bool
    may_be_off: bool
    since: float | None = None
    hold: float = 0.0


class Links:
    """Link states with a hold: one that lasts for `down_after` or `up_after` seconds counts, a shorter one not.

    An interface that has no link when it is first seen counts as up for `first_after` seconds: after a boot its link
    still negotiates, and a kubelet turns pods away for good that come back to a device which is not healthy then
    (kubernetes#116376). Where `down_after` is negative, links are not looked at.
    """

    def __init__(
        self, root: str, down_after: float, up_after: float, first_after: float, beside: Beside | None = None
    ) -> None:
        self.root = root
        self.hold = {False: down_after, True: up_after}
        self.first_after = first_after
        self._beside = beside or Beside()
        self._links: dict[str, _Link] = {}

    def observe(self, devices: Iterable[Device], now: float) -> None:
        """Look at what these devices depend on, and at what others did while it is there: its VFs may come back."""
        if self.hold[False] < 0:
            return
        wanted: dict[str, bool] = {}  # name -> may_be_off
        for device in devices:
            is_other = device.link_type in OTHER_LINK_TYPES
            if not is_other:
                wanted.setdefault(device.net_name, True)
            for name in depends_on(device):
                may_be_off = is_other or not (device.pf_address or device.pf_name)
                wanted[name] = may_be_off and wanted.get(name, True)
        wanted.pop("", None)
        before, self._links = self._links, {}
        wanted = {**{name: link.may_be_off for name, link in before.items()}, **wanted}
        states = self._beside.ask_each("the link of", wanted, lambda name: self._is_up(name, wanted[name]))
        for name, up in states.items():
            link = before.get(name)
            if up is None:
                continue  # it is not there
            if link is None:
                link = _Link(True, True) if up else _Link(True, True, now, self.first_after)
            self._links[name] = link
            link.may_be_off = wanted[name]
            if up == link.up:
                link.since = None
            elif link.since is None:
                link.since, link.hold = now, self.hold[up]
            if link.since is not None and now >= link.since + link.hold:
                link.up, link.since = up, None

    def is_down(self, name: str) -> bool:
        """True where the interface, or the port of an RDMA device, is known to have no link."""
        return name in self._links and not self._links[name].up

    def next_at(self) -> float:
        """When a state that was seen begins to count; infinite where nothing is pending."""
        times = (link.since + link.hold for link in self._links.values() if link.since is not None)
        return min(times, default=math.inf)

    def is_due(self, now: float) -> bool:
        """True where a state begins to count, or there are ports, of which the kernel sends no message."""
        return now >= self.next_at() or any("/" in name for name in self._links)

    def _is_up(self, name: str, may_be_off: bool) -> bool | None:
        """None for what is not there (any more)."""
        device, _slash, port = name.partition("/")
        if port:
            base = f"{self.root}/sys/class/infiniband/{device}/ports/{port}"
            if not os.path.isdir(base):
                return None
            return (pci.read_text(f"{base}/state") or "").partition(":")[0] not in NO_LINK
        base = f"{self.root}/sys/class/net/{name}"
        if not os.path.isdir(base):
            return None
        if pci.read_text(f"{base}/operstate") not in DOWN:
            return True
        return may_be_off and not (pci.read_int(f"{base}/flags") or 0) & IFF_UP


def depends_on(device: Device) -> tuple[str, ...]:
    """The links of which one is enough for the device."""
    return device.links or ((device.pf_name,) if device.link_type not in OTHER_LINK_TYPES else ())


def problem(device: Device, links: Links, look: bool = True) -> str:
    """Why the device is of no use now; "" where nothing is known against it. look: whether its links count."""
    if is_vfio(device.driver) and not device.iommu_group:
        return f"bound to {device.driver}, but in no IOMMU group"
    if not look:
        return ""
    depended = [name for name in depends_on(device) if name]
    if depended and all(links.is_down(name) for name in depended):
        whose = "its PF " if device.pf_address or device.pf_name else ""
        return f"no link on {whose}{' and '.join(map(_words, depended))}"
    if device.net_name not in depended and links.is_down(device.net_name):
        return f"no link on {device.net_name}"
    return ""


def _words(link: str) -> str:
    """For a message: an interface's name, or RDMA DEVICE port N."""
    return link.replace("/", " port ")


def problems(devices: Mapping[str, Device], links: Links, look: bool = True) -> dict[str, str]:
    """Device id -> why it is of no use, for those that are not."""
    return {device_id: text for device_id, device in devices.items() if (text := problem(device, links, look))}

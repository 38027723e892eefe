# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NICs of a fake BMC (source: DSP0268, NetworkAdapter 1.5 and NetworkDeviceFunction 1.11; OCP's NIC profile)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.bmc.shapes import Shape

CHASSIS = "/redfish/v1/Chassis/1"
ADAPTERS = f"{CHASSIS}/NetworkAdapters"
Tree = dict[str, Any]


@dataclass
class FakeNic:
    """A NIC with one function. staging: whether it has a settings object; now: None for one that tells no VFs."""

    name: str
    mac: str
    now: int | None = 0
    then: int | None = 0
    group: int = 8
    most: int = 64
    staging: bool = True

    @property
    def path(self) -> str:
        """Of its function."""
        return f"{ADAPTERS}/{self.name}/NetworkDeviceFunctions/{self.name}-1"

    def patch(self, path: str, body: Tree) -> int | None:
        """The status of a change; None where it is not for this NIC."""
        if path != (f"{self.path}/Settings" if self.staging else self.path):
            return None
        count = body.get("VirtualFunctionAllocation")
        if not isinstance(count, int) or count % self.group or count > self.most:
            return 400
        self.then = count
        self.now = self.now if self.staging else count
        return 200

    def resources(self, shape: Shape) -> dict[str, Callable[[], Tree]]:
        """Path -> what a GET answers."""
        function: Tree = {
            "@odata.id": self.path, "Id": f"{self.name}-1", "MaxVirtualFunctions": self.most,
            "Ethernet": {"PermanentMACAddress": self.mac.upper(), "MACAddress": self.mac},
        }  # fmt: skip
        if self.now is not None:
            function["VirtualFunctionAllocation"] = self.now
        if self.staging:
            times = {"SupportedApplyTimes": list(shape.apply_times)} if shape.apply_times else {}
            function["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": f"{self.path}/Settings"}, **times}
        offload = {"VirtualFunction": {"MinAssignmentGroupSize": self.group, "NetworkPortMaxCount": self.most}}
        functions = f"{ADAPTERS}/{self.name}/NetworkDeviceFunctions"
        return {
            f"{ADAPTERS}/{self.name}": lambda: {
                "@odata.id": f"{ADAPTERS}/{self.name}", "NetworkDeviceFunctions": {"@odata.id": functions},
                "Controllers": [{"ControllerCapabilities": {"VirtualizationOffload": offload}}],
            },
            functions: lambda: {"Members": [{"@odata.id": self.path}]},
            self.path: lambda: function,
            f"{self.path}/Settings": lambda: {"VirtualFunctionAllocation": self.then},
        }  # fmt: skip


@dataclass
class DellNic:
    """A NIC whose VFs are attributes of Dell's own (an iDRAC9's DellNetworkAttributes, Broadcom's of an R750).

    now, then: the attributes, in effect and with what is staged.
    """

    name: str
    mac: str
    now: Any
    then: Any = None
    read_only = ("NumberVFSupported", "VFAllocMult", "SRIOVSupport")

    def __post_init__(self) -> None:
        self.then = self.now

    @property
    def path(self) -> str:
        """Of its function."""
        return f"{ADAPTERS}/{self.name}/NetworkDeviceFunctions/{self.name}-1-1"

    @property
    def own(self) -> str:
        """Of its attributes."""
        return f"{self.path}/Oem/Dell/DellNetworkAttributes/{self.name}-1-1"

    def patch(self, path: str, body: Tree) -> int | None:
        """The status of a change; None where it is not for this NIC."""
        if path != f"{self.own}/Settings":
            return None
        values = body.get("Attributes", {})
        known = set(self.now) - set(self.read_only)
        modes = ("NONE", "NPAR", "SRIOV", "NPARSRIOV")
        wrong = not values or not set(values) <= known or values.get("VirtualizationMode", "NONE") not in modes
        count = values.get("NumberVFAdvertised", 8)
        if wrong or count % self.now["VFAllocMult"] or not 0 < count <= self.now["NumberVFSupported"]:
            return 400
        if "@Redfish.SettingsApplyTime" not in body:
            return 400  # staged without a job, which no reset would apply
        self.then = {**self.then, **values}
        return 202

    def resources(self, shape: Shape) -> dict[str, Callable[[], Tree]]:
        """Path -> what a GET answers."""
        functions = f"{ADAPTERS}/{self.name}/NetworkDeviceFunctions"
        return {
            f"{ADAPTERS}/{self.name}": lambda: {
                "@odata.id": f"{ADAPTERS}/{self.name}", "NetworkDeviceFunctions": {"@odata.id": functions},
            },
            functions: lambda: {"Members": [{"@odata.id": self.path}]},
            self.path: lambda: {
                "@odata.id": self.path, "Id": f"{self.name}-1-1", "Ethernet": {"PermanentMACAddress": self.mac},
                "Links": {"Oem": {"Dell": {"DellNetworkAttributes": {"@odata.id": self.own}}}},
            },
            self.own: lambda: {
                "@odata.id": self.own, "Attributes": self.now,
                "@Redfish.Settings": {
                    "SettingsObject": {"@odata.id": f"{self.own}/Settings"},
                    "SupportedApplyTimes": ["Immediate", *shape.apply_times],
                },
            },
            f"{self.own}/Settings": lambda: {
                "Attributes": {key: value for key, value in self.then.items() if self.now[key] != value}
            },
        }  # fmt: skip


def chassis(nics: list[FakeNic | DellNic], shape: Shape) -> dict[str, Callable[[], Tree]]:
    """The chassis with its NICs."""
    found: dict[str, Callable[[], Tree]] = {
        CHASSIS: lambda: {"NetworkAdapters": {"@odata.id": ADAPTERS}},
        ADAPTERS: lambda: {"Members": [{"@odata.id": f"{ADAPTERS}/{nic.name}"} for nic in nics]},
    }
    for nic in nics:
        found.update(nic.resources(shape))
    return found

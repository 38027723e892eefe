# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a device type is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable

from ...host.discovery import PCI, Device
from ..selectors import Field, Test


@dataclass(frozen=True)
class DeviceType:
    """One value of `deviceType`: which devices it covers, and what its selector objects may say."""

    name: str
    pci_class: str  # leading hex digits of the class
    fields: tuple[Field, ...]  # lists of texts, in the order of evaluation
    withheld: Callable[[Device], str | None]  # why a device is never offered, or None
    # Booleans that change what a container gets; with a test they also filter.
    flags: Mapping[str, Test | None] = field(default_factory=dict)
    # Texts of which one may be chosen: key -> value -> test.
    choices: Mapping[str, Mapping[str, Test]] = field(default_factory=dict)
    required: tuple[str, ...] = ()  # lists that every selector object must have
    exclusive: tuple[tuple[str, str], ...] = ()  # flags or choices that exclude each other in one object
    bus: str = PCI
    device_info: bool = False  # write device-info files, which are about network functions

    def covers(self, device: Device) -> bool:
        """True for devices that this type is about."""
        return device.bus == self.bus and device.class_id.startswith(self.pci_class)

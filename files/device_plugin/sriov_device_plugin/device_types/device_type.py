# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a device type is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from ..discovery import Device
from ..selectors import Field


@dataclass(frozen=True)
class DeviceType:
    """One value of `deviceType`: which PCI functions it covers, and what its selector objects may say."""

    name: str
    pci_class: str  # leading hex digits of the class
    fields: tuple[Field, ...]  # in the order of evaluation
    flags: tuple[str, ...]  # booleans that change what a container gets, not which devices match
    unsupported: tuple[str, ...]  # known fields that this version refuses when they are set
    withheld: Callable[[Device], str | None]  # why a device is never offered, or None

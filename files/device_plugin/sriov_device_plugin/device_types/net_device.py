# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netDevice: network functions (PCI base class 02), VFs above all."""

from __future__ import annotations

import re

from .. import pci
from ..discovery import Device
from ..selectors import Field, indexed, one_of
from .device_type import DeviceType


def _withheld(device: Device) -> str | None:
    if device.num_vfs > 0:
        return f"it is a PF with {device.num_vfs} VFs"
    if device.host_use:
        return f"the host needs it: {device.host_use}"
    if not device.driver:
        return "no driver is bound to it"
    return None


def _doubt_id(value: str) -> str | None:
    return None if re.fullmatch("[0-9a-f]{4}", value) else "expected four lower-case hex digits without 0x"


def _doubt_address(value: str) -> str | None:
    return None if pci.is_address(value) else "expected a full PCI address in lower case, like 0000:3b:02.1"


def _doubt_root(value: str) -> str | None:
    return _doubt_address(value.partition("#")[0].lower())


def _doubt_link_type(value: str) -> str | None:
    return None if value in ("ether", "infiniband") else "expected ether or infiniband"


NET_DEVICE = DeviceType(
    name="netDevice",
    pci_class="02",
    fields=(
        Field("vendors", one_of(lambda d: d.vendor), _doubt_id),
        Field("devices", one_of(lambda d: d.device), _doubt_id),
        Field("drivers", one_of(lambda d: d.driver)),
        Field("pciAddresses", one_of(lambda d: d.id), _doubt_address),
        Field("acpiIndexes", one_of(lambda d: d.acpi_index)),
        Field("pfNames", indexed(lambda d: d.pf_name)),
        Field("rootDevices", indexed(lambda d: d.pf_address), _doubt_root),
        Field("linkTypes", one_of(lambda d: d.link_type), _doubt_link_type),
    ),
    flags=("needVhostNet",),
    unsupported=("ddpProfiles", "pKeys", "isRdma", "vdpaType"),
    withheld=_withheld,
)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The selector fields that device types share, with what makes a value odd."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared import pci

from ...host.discovery import Device
from ..selectors import Field, Read, Test, indexed, one_of


def no_driver(device: Device) -> str | None:
    """Why a device without a driver is not offered."""
    return None if device.driver else "no driver is bound to it"


def _doubt_id(value: str) -> str | None:
    return None if re.fullmatch("[0-9a-f]{4}", value) else "expected four lower-case hex digits without 0x"


def _doubt_address(value: str) -> str | None:
    return None if pci.is_address(value) else "expected a full PCI address in lower case, like 0000:3b:02.1"


def _doubt_root(value: str) -> str | None:
    return _doubt_address(value.partition("#")[0].lower())


def _doubt_link_type(value: str) -> str | None:
    return None if value in ("ether", "infiniband") else "expected ether or infiniband"


def _partition_keys(read: Read, values: Sequence[str]) -> Test:
    """As text, and as numbers: the kernel prints 0x8001 with four digits, people write 0x1 or 0xABCD."""
    texts = frozenset(values) - {""}
    numbers = frozenset(number for number in map(_number, texts) if number is not None)
    return lambda device: read(device) in texts or _number(read(device)) in numbers


def _number(text: str) -> int | None:
    return int(text, 16) if re.fullmatch("0[xX][0-9a-fA-F]{1,4}", text) else None


def _aux_types(read: Read, values: Sequence[str]) -> Test:
    for number, value in enumerate(values):
        if value != "sf":
            raise ValueError(f"[{number}]: {value!r} is not supported; expected sf")
    return one_of(read, values)


VENDORS = Field("vendors", lambda d: d.vendor, _doubt_id)
DEVICES = Field("devices", lambda d: d.device, _doubt_id)
DRIVERS = Field("drivers", lambda d: d.driver)
PCI_ADDRESSES = Field("pciAddresses", lambda d: d.id, _doubt_address)
ACPI_INDEXES = Field("acpiIndexes", lambda d: d.acpi_index)
AUX_TYPES = Field("auxTypes", lambda d: d.aux_type, compile=_aux_types)
PF_NAMES = Field("pfNames", lambda d: d.pf_name, compile=indexed)
ROOT_DEVICES = Field("rootDevices", lambda d: d.pf_address, _doubt_root, indexed)
LINK_TYPES = Field("linkTypes", lambda d: d.link_type, _doubt_link_type)
DDP_PROFILES = Field("ddpProfiles", lambda d: d.ddp_profile)
PARTITION_KEYS = Field("pKeys", lambda d: d.pkey, compile=_partition_keys)


def is_rdma(device: Device) -> bool:
    """The test of isRdma."""
    return device.rdma_capable

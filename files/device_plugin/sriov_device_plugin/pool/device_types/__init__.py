# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device types that config.json may name: one file each, and one line in the table."""

from __future__ import annotations

from .accelerator import ACCELERATOR
from .aux_net_device import AUX_NET_DEVICE
from .device_type import DeviceType
from .net_device import NET_DEVICE

TYPES: dict[str, DeviceType] = {t.name: t for t in (NET_DEVICE, ACCELERATOR, AUX_NET_DEVICE)}
DEFAULT = NET_DEVICE.name

__all__ = ["DEFAULT", "TYPES", "DeviceType"]

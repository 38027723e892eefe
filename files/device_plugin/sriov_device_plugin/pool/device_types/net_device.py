# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netDevice: network functions (PCI base class 02), VFs above all."""

from __future__ import annotations

from shared import pci_classes

from ...host.discovery import Device
from . import fields
from .device_type import DeviceType


def _withheld(device: Device) -> str | None:
    if device.num_vfs > 0:
        return f"it is a PF with {device.num_vfs} VFs"
    if device.host_uses:
        return device.host_uses
    return fields.no_driver(device)


NET_DEVICE = DeviceType(
    name="netDevice",
    pci_class=pci_classes.NETWORK,
    fields=(
        fields.VENDORS,
        fields.DEVICES,
        fields.DRIVERS,
        fields.PCI_ADDRESSES,
        fields.ACPI_INDEXES,
        fields.PF_NAMES,
        fields.ROOT_DEVICES,
        fields.LINK_TYPES,
        fields.DDP_PROFILES,
        fields.PARTITION_KEYS,
    ),
    flags={"needVhostNet": None, "isRdma": fields.is_rdma},
    choices={"vdpaType": {"vhost": lambda d: d.vdpa.type == "vhost", "virtio": lambda d: d.vdpa.type == "virtio"}},
    exclusive=(("isRdma", "vdpaType"),),
    withheld=_withheld,
    device_info=True,
)

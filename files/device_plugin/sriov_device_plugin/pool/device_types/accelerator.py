# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""accelerator: processing accelerators (PCI base class 12), such as FPGAs and cards for forward error correction."""

from __future__ import annotations

from shared import pci_classes

from . import fields
from .device_type import DeviceType

ACCELERATOR = DeviceType(
    name="accelerator",
    pci_class=pci_classes.ACCELERATOR,
    fields=(fields.VENDORS, fields.DEVICES, fields.DRIVERS, fields.PCI_ADDRESSES, fields.ACPI_INDEXES),
    withheld=fields.no_driver,
)

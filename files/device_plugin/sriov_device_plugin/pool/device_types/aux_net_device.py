# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""auxNetDevice: subfunctions, which are auxiliary devices of a network function.

Those of the host's own uplink are offered as well: that is what they are made for.
"""

from __future__ import annotations

from shared import pci_classes

from ...host.discovery import AUXILIARY
from . import fields
from .device_type import DeviceType

AUX_NET_DEVICE = DeviceType(
    name="auxNetDevice",
    pci_class=pci_classes.NETWORK,
    bus=AUXILIARY,
    fields=(
        fields.VENDORS,
        fields.DEVICES,
        fields.DRIVERS,
        fields.AUX_TYPES,
        fields.PF_NAMES,
        fields.ROOT_DEVICES,
        fields.LINK_TYPES,
        fields.ACPI_INDEXES,
    ),
    flags={"needVhostNet": None, "isRdma": fields.is_rdma},
    required=("auxTypes",),
    withheld=fields.no_driver,
)

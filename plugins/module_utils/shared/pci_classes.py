# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The classes of PCI functions that matter here: the first digits of what sysfs tells in `class`.

Source: PCI Code and ID Assignment Specification, base classes and subclasses.
"""

from __future__ import annotations

NETWORK = "02"
ETHERNET = "0200"
INFINIBAND = "0207"
BRIDGE = "06"
ACCELERATOR = "12"  # processing accelerators


def is_network(class_id: str) -> bool:
    """True for network controllers of every kind."""
    return class_id.startswith(NETWORK)


def is_infiniband(class_id: str) -> bool:
    """True for network controllers that speak InfiniBand."""
    return class_id.startswith(INFINIBAND)


def is_bridge(class_id: str) -> bool:
    """True for bridges, which vfio leaves to their driver (Linux Documentation/driver-api/vfio.rst)."""
    return class_id.startswith(BRIDGE)

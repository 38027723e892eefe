# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a driver makes of the function that is bound to it: a network interface, or a device file for user space.

One answer for the node library, the device plugin and the CNI plugin; it imports nothing.
"""

from __future__ import annotations

KERNEL, VFIO, UIO, NONE = "kernel", "vfio", "uio", "none"
VFIO_PCI = "vfio-pci"
# The drivers for user space that a policy can ask for by its device_type.
USERSPACE_DRIVERS = (VFIO_PCI, "uio_pci_generic", "igb_uio")
# All of uio that are known by name; "uio" is in configurations of the SR-IOV network device plugin.
UIO_DRIVERS = ("uio", "igb_uio", "uio_pci_generic")


def kind(driver: str | None) -> str:
    """KERNEL, VFIO, UIO, or NONE where no driver is bound.

    A variant of vfio has a vendor's words around it (Linux drivers/vfio/pci: mlx5_vfio_pci, xe-vfio-pci): it is told
    by a word of its name.
    """
    if not driver:
        return NONE
    words = driver.replace("-", "_").split("_")
    return VFIO if "vfio" in words else UIO if "uio" in words else KERNEL


def is_vfio(driver: str | None) -> bool:
    """True for vfio-pci and its variants: user space gets the function through its IOMMU group, or in no-IOMMU mode."""
    return kind(driver) == VFIO


def is_uio(driver: str | None) -> bool:
    """True for drivers that give user space a function's registers without an IOMMU's protection."""
    return kind(driver) == UIO


def is_userspace(driver: str | None) -> bool:
    """True for drivers that hand a function to user space (DPDK, VMs): it has no network interface then."""
    return kind(driver) in (VFIO, UIO)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected: what kind of driver each name is, and what the three programs make of a VF that is bound to it.

Names as the kernel registers them: Linux drivers/vfio/pci/*/main.c and drivers/uio/ (struct pci_driver, .name, most
often KBUILD_MODNAME), Documentation/driver-api/uio-howto.rst, and DPDK's guide on Linux drivers for igb_uio.
"""

from __future__ import annotations

KERNEL, VFIO, UIO, NONE = "kernel", "vfio", "uio", "none"

KINDS: dict[str | None, str] = {
    None: NONE,
    "": NONE,
    "igbvf": KERNEL,
    "iavf": KERNEL,
    "ixgbevf": KERNEL,
    "mlx5_core": KERNEL,
    "mlx4_core": KERNEL,
    "bnxt_en": KERNEL,
    "ena": KERNEL,
    "LiquidIO_VF": KERNEL,  # holds the letters of no other kind as a word of its own
    "virtio-pci": KERNEL,
    "vfio-pci": VFIO,
    "mlx5_vfio_pci": VFIO,
    "hisi_acc_vfio_pci": VFIO,
    "nvgrace_gpu_vfio_pci": VFIO,
    "virtio_vfio_pci": VFIO,
    "pds_vfio_pci": VFIO,
    "qat_vfio_pci": VFIO,
    "xe-vfio-pci": VFIO,
    "uio_pci_generic": UIO,
    "igb_uio": UIO,
    "uio": UIO,
}

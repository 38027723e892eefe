# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sysfs tells beyond the PCI function itself: auxiliary devices, RDMA, vDPA.

Sources: Linux Documentation/driver-api/auxiliary_bus.rst (names are MODULE.KIND.NUMBER),
Documentation/ABI/stable/sysfs-class-infiniband, and drivers/vdpa and drivers/vhost/vdpa.c.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from shared import pci

from .device_nodes import Nodes

# The auxiliary devices that network drivers make for RDMA: mlx5_core.rdma.0, ice.roce.1, i40e.iwarp.0 ...
RDMA_KINDS = ("rdma", "roce", "iwarp")
VDPA_TYPES = {"vhost_vdpa": "vhost", "virtio_vdpa": "virtio"}  # driver -> the name that vdpaType has for it


@dataclass(frozen=True)
class Vdpa:
    """A vDPA device: its name, how it is used (vhost, virtio, or ""), and the node of vhost.

    node: as sysfs tells it. path: the same where it is there, else "".
    """

    name: str = ""
    type: str = ""
    path: str = ""
    node: str = ""


NO_VDPA = Vdpa()


def aux_kind(name: str) -> str:
    """The middle of MODULE.KIND.NUMBER; "" for any other name, a PCI address among them."""
    parts = name.split(".")
    if len(parts) != 3 or not all(parts) or ":" in name:
        return ""
    return parts[1] if parts[2].isascii() and parts[2].isdecimal() else ""


def has_rdma(entries: Iterable[str]) -> bool:
    """True where the driver offers RDMA, also while a pod holds the RDMA device and so hides it."""
    return any(name == "infiniband" or aux_kind(name) in RDMA_KINDS for name in entries)


def pkey(folder: str, rdma: Iterable[str]) -> str:
    """The partition key at index 0 of the first RDMA device's port 1, as the kernel prints it; "" without one."""
    first = next(iter(rdma), "")
    return (pci.read_text(f"{folder}/infiniband/{first}/ports/1/pkeys/0") or "") if first else ""


def vdpa_devices(root: str) -> dict[str, Vdpa]:
    """Name of the device below (a PCI address, or an auxiliary device) -> its vDPA device, the first by name."""
    base, nodes = f"{root}/sys/bus/vdpa/devices", Nodes(root)
    found: dict[str, Vdpa] = {}
    for name in pci.list_dir(base):
        try:
            parent = os.path.basename(os.path.dirname(os.readlink(f"{base}/{name}")))
        except OSError:
            continue
        kind = VDPA_TYPES.get(pci.link_name(f"{base}/{name}/driver") or "", "")
        entry = next((entry for entry in pci.list_dir(f"{base}/{name}") if entry.startswith("vhost-vdpa")), "")
        node = f"/dev/{entry}" if entry and kind == "vhost" else ""
        found.setdefault(parent, Vdpa(name, kind, node if node and nodes.has(node) else "", node))
    return found

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

from . import pci

# The auxiliary devices that network drivers make for RDMA: mlx5_core.rdma.0, ice.roce.1, i40e.iwarp.0 ...
RDMA_KINDS = ("rdma", "roce", "iwarp")
VDPA_TYPES = {"vhost_vdpa": "vhost", "virtio_vdpa": "virtio"}  # driver -> the name that vdpaType has for it
# Class folder, and what the device nodes are called that an RDMA device has there; in the order they are given.
RDMA_NODES = (("infiniband_cm", "ucm"), ("infiniband_mad", "issm"), ("infiniband_mad", "umad"),
              ("infiniband_verbs", "uverbs"))  # fmt: skip


@dataclass(frozen=True)
class Vdpa:
    """A vDPA device: its name, how it is used (vhost, virtio, or ""), and the node of vhost."""

    name: str = ""
    type: str = ""
    path: str = ""


NO_VDPA = Vdpa()


def aux_kind(name: str) -> str:
    """The middle of MODULE.KIND.NUMBER; "" for any other name, a PCI address among them."""
    parts = name.split(".")
    if len(parts) != 3 or not all(parts) or ":" in name:
        return ""
    return parts[1] if parts[2].isascii() and parts[2].isdecimal() else ""


def aux_devices(entries: Iterable[str], kind: str) -> list[str]:
    """The auxiliary devices of one kind among the entries of a PCI function's folder."""
    return sorted(name for name in entries if aux_kind(name) == kind)


def has_rdma(entries: Iterable[str]) -> bool:
    """True where the driver offers RDMA, also while a pod holds the RDMA device and so hides it."""
    return any(name == "infiniband" or aux_kind(name) in RDMA_KINDS for name in entries)


def rdma_nodes(root: str, rdma_device: str) -> list[tuple[str, str]]:
    """(kind, path) of the device nodes of one RDMA device, those that are not its own but needed included."""
    found = []
    for folder, kind in RDMA_NODES:
        base = f"{root}/sys/class/{folder}"
        for name in pci.list_dir(base):
            if name.startswith(kind) and pci.read_text(f"{base}/{name}/ibdev") == rdma_device:
                found.append((kind, f"/dev/infiniband/{name}"))
    if os.path.exists(f"{root}/dev/infiniband/rdma_cm"):
        found.append(("rdma_cm", "/dev/infiniband/rdma_cm"))
    return found


def pkey(root: str, folder: str, rdma: Iterable[str]) -> str:
    """The partition key at index 0 of the first RDMA device's port 1, as the kernel prints it; "" without one."""
    first = next(iter(rdma), "")
    return (pci.read_text(f"{folder}/infiniband/{first}/ports/1/pkeys/0") or "") if first else ""


def vdpa_devices(root: str) -> dict[str, Vdpa]:
    """Name of the device below (a PCI address, or an auxiliary device) -> its vDPA device, the first by name."""
    base = f"{root}/sys/bus/vdpa/devices"
    found: dict[str, Vdpa] = {}
    for name in pci.list_dir(base):
        try:
            parent = os.path.basename(os.path.dirname(os.readlink(f"{base}/{name}")))
        except OSError:
            continue
        kind = VDPA_TYPES.get(pci.link_name(f"{base}/{name}/driver") or "", "")
        node = next((entry for entry in pci.list_dir(f"{base}/{name}") if entry.startswith("vhost-vdpa")), "")
        path = f"/dev/{node}" if node and kind == "vhost" and os.path.exists(f"{root}/dev/{node}") else ""
        found.setdefault(parent, Vdpa(name, kind, path))
    return found

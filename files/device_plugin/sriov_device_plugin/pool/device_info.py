# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Device-info files: what Multus and KubeVirt read about an allocated device.

Format: Device Information Specification 1.1.0 of the Network Plumbing Working Group. The kubelet's API tells
nothing of a pod's end, and our restart must not hurt running pods, so a file is replaced, never wiped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Set

from shared.places import DEVICE_INFO, device_info_name

from .. import files
from ..host.discovery import Device

DIRECTORY = DEVICE_INFO


def render(device: Device, flags: Set[str] = frozenset()) -> str:
    """The content for a PCI device, or for its vDPA device where `flags` of its selector ask for that."""
    details = {"pci-address": device.id}
    kind = "pci"
    if device.pf_address:
        details["pf-pci-address"] = device.pf_address
    if "isRdma" in flags and device.rdma:
        details["rdma-device"] = ",".join(device.rdma)
    if "vdpaType" in flags and device.vdpa.name:
        kind = "vdpa"
        details.update({"parent-device": device.vdpa.name, "driver": device.vdpa.type})
        if device.vdpa.path:
            details["path"] = device.vdpa.path
    return json.dumps({"type": kind, "version": "1.1.0", kind: details}, separators=(",", ":"))


def write(directory: str, resource_name: str, device: Device, flags: Set[str] = frozenset()) -> None:
    """Bring the device's file up to date, atomically. Raises OSError."""
    files.replace(os.path.join(directory, device_info_name(resource_name, device.id)), render(device, flags))

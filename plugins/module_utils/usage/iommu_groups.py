# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IOMMU groups, which vfio gives to one owner as a whole (Linux Documentation/driver-api/vfio.rst). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..host.host import Host
from ..shared import pci, pci_classes
from ..shared.driver_kinds import is_vfio

HARMLESS = ("pci-stub", "pcieport")


def conflicts(host: Host, vf: str) -> tuple[str, ...]:
    """The functions in a VF's group, with their drivers, that keep vfio from opening it: those that the host's drivers
    have. VFs of the same PF are left out: they are ours to bind.
    """
    root = host.root
    group = pci.iommu_group(root, vf)
    found = []
    for member in pci.iommu_group_members(root, group) if group is not None else ():
        driver = pci.driver(root, member)
        if member == vf or driver is None or is_vfio(driver) or driver in HARMLESS:
            continue
        if pci.physfn(root, member) != pci.physfn(root, vf) and not pci_classes.is_bridge(pci.class_id(root, member)):
            found.append(f"{member} ({driver})")
    return tuple(found)


def remedy(host: Host, vf: str) -> str:
    """What gives a VF a group of its own. Its PF is nothing to give away."""
    return remedy_of(conflicts(host, vf), pci.physfn(host.root, vf) or "")


def remedy_of(found: Sequence[str], pf: str) -> str:
    """The same for what `conflicts` told of a VF of this PF."""
    ways = ["switch PCIe ACS on in the firmware (BIOS)", "put the NIC into a slot with a root port of its own"]
    ways += [] if any(words.startswith(f"{pf} ") for words in found) else ["give the other functions to vfio-pci too"]
    return f"vfio gives a group to one owner as a whole: {', '.join(ways[:-1])}, or {ways[-1]}."

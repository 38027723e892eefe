# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over sysfs: the PCI functions of the host as immutable records.

A function that can't be read fully stays in the list with what is known; it never hides another one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared import pci, pci_classes
from shared.driver_kinds import is_uio, is_vfio

from . import ddp, host_interfaces, rdma_vdpa
from .rdma_vdpa import NO_VDPA, Vdpa

# Linux include/uapi/linux/if_arp.h; the texts are those of `ip link` and of the linkTypes selector.
ARPHRD = {1: "ether", 32: "infiniband"}
# Where no network interface is visible (vfio, or moved to a pod): PCI subclass 00 is Ethernet, 07 InfiniBand.
CLASS_LINK_TYPES = {pci_classes.ETHERNET: "ether", pci_classes.INFINIBAND: "infiniband"}
PCI, AUXILIARY = "pci", "auxiliary"
SUBFUNCTION = "sf"


@dataclass(frozen=True)
class Device:
    """A PCI function as the selectors and the allocation see it; unknown text is "", an unknown number -1.

    An auxiliary device (a subfunction) has the class, ids, driver and NUMA node of the PCI function that carries
    it; that is its PF as well, and its index is its sfnum.
    """

    id: str
    class_id: str
    vendor: str = ""
    device: str = ""
    driver: str = ""
    acpi_index: str = ""
    numa_node: int = -1
    pf_address: str = ""
    pf_name: str = ""
    net_name: str = ""  # its own interface, while it is visible here
    vf_index: int = -1
    num_vfs: int = 0
    link_type: str = ""
    iommu_group: str = ""
    noiommu: bool = False
    group_mates: tuple[str, ...] = ()  # with vfio: the other functions of its IOMMU group, but no bridges
    uio: str = ""
    vfio_node: str = ""  # of iommufd: vfioN, below /dev/vfio/devices
    bus: str = PCI
    parent: str = ""  # PCI address of the function that carries an auxiliary device
    aux_type: str = ""
    rdma: tuple[str, ...] = ()  # names of its RDMA devices, while they are visible here
    rdma_capable: bool = False
    pkey: str = ""
    ddp_profile: str = ""
    vdpa: Vdpa = NO_VDPA
    host_uses: str = ""  # what the host uses the function for, in words


@dataclass(frozen=True)
class _Parent:
    """What all VFs of one PF share, read once per pass."""

    name: str
    link_type: str
    indexes: Mapping[str, int]


class Scanner:
    """Reads the host below `root` ("" for the running one) and remembers what a pod's namespace hides."""

    def __init__(self, root: str = "") -> None:
        self.root = root
        self._names: dict[str, str] = {}  # PF address -> its last known interface name
        self._profiles = ddp.Profiles()

    def scan(self, classes: Iterable[str], auxiliary: bool = False, profiles: bool = False) -> list[Device]:
        """All functions whose class starts with one of `classes` (hex digits), sorted by address.

        auxiliary: also the subfunctions of network functions. profiles: also the DDP packages, which is slow.
        """
        prefixes = tuple(classes)
        parents: dict[str, _Parent] = {}
        in_use = host_interfaces.interfaces(self.root)
        vdpa = rdma_vdpa.vdpa_devices(self.root)
        found = []
        for address in pci.addresses(self.root):
            class_id = pci.class_id(self.root, address)
            if not class_id.startswith(prefixes):
                continue
            entries = pci.list_dir(pci.device_dir(self.root, address))
            device = self._describe(address, class_id, entries, parents, in_use)
            if profiles and pci_classes.is_network(device.class_id):
                device = replace(device, ddp_profile=self._profiles.name(device.pf_address or address))
            found.append(self._bound(device, vdpa))
            if auxiliary and pci_classes.is_network(class_id):
                found.extend(self._bound(sf, vdpa) for sf in self._subfunctions(device, entries))
        return found

    def refresh(self, device: Device) -> Device | None:
        """The parts that can change between two passes, read again; None where the function is gone."""
        if not os.path.isdir(self._folder(device)):
            return None
        entries = pci.list_dir(self._folder(device))
        device = replace(device, **self._rdma(self._folder(device), entries, device.link_type))
        return self._bound(device, rdma_vdpa.vdpa_devices(self.root))

    def _folder(self, device: Device) -> str:
        base = pci.device_dir(self.root, device.parent or device.id)
        return f"{base}/{device.id}" if device.parent else base

    def _describe(
        self, address: str, class_id: str, entries: list[str], parents: dict[str, _Parent], in_use: Mapping[str, str]
    ) -> Device:
        names = pci.net_names(self.root, address)
        pf_address = pci.physfn(self.root, address) or ""
        parent = None
        if pf_address:
            parent = parents.get(pf_address) or self._parent(pf_address)
            parents[pf_address] = parent
        link_type = self._link_type(names) or (parent.link_type if parent else "")
        link_type = link_type or CLASS_LINK_TYPES.get(class_id[:4], "")
        folder = pci.device_dir(self.root, address)
        return Device(
            id=address,
            class_id=class_id,
            vendor=pci.vendor_id(self.root, address),
            device=pci.device_id(self.root, address),
            acpi_index=pci.read_text(f"{folder}/acpi_index") or "",
            numa_node=pci.numa_node(self.root, address),
            pf_address=pf_address,
            pf_name=parent.name if parent else "",
            net_name=names[0] if names else "",
            vf_index=parent.indexes.get(address, -1) if parent else -1,
            num_vfs=0 if parent else pci.num_vfs(self.root, address),
            link_type=link_type,
            host_uses=next((in_use[name] for name in names if name in in_use), ""),
            **self._rdma(folder, entries, link_type),
        )

    def _rdma(self, folder: str, entries: list[str], link_type: str) -> dict[str, Any]:
        rdma = tuple(pci.list_dir(f"{folder}/infiniband")) if "infiniband" in entries else ()
        key = rdma_vdpa.pkey(folder, rdma) if link_type == "infiniband" else ""
        return {"rdma": rdma, "rdma_capable": rdma_vdpa.has_rdma(entries), "pkey": key}

    def _subfunctions(self, carrier: Device, entries: list[str]) -> Iterable[Device]:
        """The auxiliary devices of type sf; one without a number can't be told from the others and is left out."""
        for name in sorted(entry for entry in entries if rdma_vdpa.aux_kind(entry) == SUBFUNCTION):
            folder = f"{pci.device_dir(self.root, carrier.id)}/{name}"
            number = pci.read_int(f"{folder}/sfnum")
            if number is None or number < 0:
                continue
            names = pci.list_dir(f"{folder}/net")
            link_type = self._link_type(names) or carrier.link_type
            yield replace(
                carrier,
                id=name,
                bus=AUXILIARY,
                parent=carrier.id,
                aux_type=SUBFUNCTION,
                pf_address=carrier.id,
                pf_name=pci.uplink_name(self.root, carrier.id) or self._names.get(carrier.id, ""),
                net_name=names[0] if names else "",
                vf_index=number,
                num_vfs=0,
                link_type=link_type,
                host_uses="",
                **self._rdma(folder, pci.list_dir(folder), link_type),
            )

    def _bound(self, device: Device, vdpa: Mapping[str, Vdpa]) -> Device:
        """The device with what its driver brings."""
        address = device.parent or device.id
        driver = pci.driver(self.root, address) or ""
        folder = self._folder(device)
        uio = pci.list_dir(f"{folder}/uio") if is_uio(driver) else []
        nodes = pci.list_dir(f"{folder}/vfio-dev") if is_vfio(driver) else []
        group = pci.iommu_group(self.root, address) or ""
        return replace(
            device,
            driver=driver,
            iommu_group=group,
            group_mates=self._mates(group, address) if is_vfio(driver) and group else (),
            noiommu=is_vfio(driver) and pci.is_noiommu_group(self.root, address),
            uio=uio[0] if uio else "",
            vfio_node=nodes[0] if nodes else "",
            vdpa=vdpa.get(device.id, NO_VDPA),
        )

    def _mates(self, group: str, address: str) -> tuple[str, ...]:
        """Bridges do not count: vfio leaves them to the kernel (vfio.rst)."""
        members = pci.iommu_group_members(self.root, group)
        return tuple(m for m in members if m != address and not pci_classes.is_bridge(pci.class_id(self.root, m)))

    def _parent(self, address: str) -> _Parent:
        name = pci.uplink_name(self.root, address)
        if name:
            self._names[address] = name
        return _Parent(
            name=self._names.get(address, ""),
            link_type=self._link_type([name] if name else []),
            indexes={vf: index for index, vf in pci.virtfns(self.root, address).items()},
        )

    def _link_type(self, names: list[str]) -> str:
        for name in names:
            number = pci.read_int(f"{self.root}/sys/class/net/{name}/type")
            if number is not None:
                return ARPHRD.get(number, "")
        return ""

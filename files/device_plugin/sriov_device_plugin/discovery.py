# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over sysfs: the PCI functions of the host as immutable records.

A function that can't be read fully stays in the list with what is known; it never hides another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from . import host_use, pci

# Linux include/uapi/linux/if_arp.h; the texts are those of `ip link` and of the linkTypes selector.
ARPHRD = {1: "ether", 32: "infiniband"}
# Where no network interface is visible (vfio, or moved to a pod): PCI subclass 00 is Ethernet, 07 InfiniBand.
CLASS_LINK_TYPES = {"0200": "ether", "0207": "infiniband"}
VFIO_DRIVER = "vfio-pci"
UIO_DRIVERS = ("uio", "igb_uio", "uio_pci_generic")


@dataclass(frozen=True)
class Device:
    """A PCI function as the selectors and the allocation see it; unknown text is "", an unknown number -1."""

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
    uio: str = ""
    host_use: str = ""  # what the host uses the function for, in words


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

    def scan(self, classes: Iterable[str]) -> list[Device]:
        """All functions whose class starts with one of `classes` (hex digits), sorted by address."""
        prefixes = tuple(classes)
        parents: dict[str, _Parent] = {}
        in_use = host_use.interfaces(self.root)
        found = []
        for address in pci.addresses(self.root):
            class_id = pci.class_id(self.root, address)
            if class_id.startswith(prefixes):
                found.append(self._describe(address, class_id, parents, in_use))
        return found

    def refresh(self, device: Device) -> Device | None:
        """The parts that can change between two passes, read again; None where the function is gone."""
        if not pci.exists(self.root, device.id):
            return None
        return self._bound(device)

    def _describe(self, address: str, class_id: str, parents: dict[str, _Parent], in_use: Mapping[str, str]) -> Device:
        names = pci.net_names(self.root, address)
        pf_address = pci.physfn(self.root, address) or ""
        parent = None
        if pf_address:
            parent = parents.get(pf_address) or self._parent(pf_address)
            parents[pf_address] = parent
        link_type = self._link_type(names) or (parent.link_type if parent else "")
        device = Device(
            id=address,
            class_id=class_id,
            vendor=pci.vendor_id(self.root, address),
            device=pci.device_id(self.root, address),
            acpi_index=pci.read_text(f"{pci.device_dir(self.root, address)}/acpi_index") or "",
            numa_node=pci.numa_node(self.root, address),
            pf_address=pf_address,
            pf_name=parent.name if parent else "",
            vf_index=parent.indexes.get(address, -1) if parent else -1,
            num_vfs=0 if parent else pci.num_vfs(self.root, address),
            net_name=names[0] if names else "",
            link_type=link_type or CLASS_LINK_TYPES.get(class_id[:4], ""),
            host_use=next((in_use[name] for name in names if name in in_use), ""),
        )
        return self._bound(device)

    def _bound(self, device: Device) -> Device:
        """The device with what its driver brings."""
        driver = pci.driver(self.root, device.id) or ""
        uio = pci.list_dir(f"{pci.device_dir(self.root, device.id)}/uio") if driver in UIO_DRIVERS else []
        return replace(
            device,
            driver=driver,
            iommu_group=pci.iommu_group(self.root, device.id) or "",
            noiommu=driver == VFIO_DRIVER and pci.is_noiommu_group(self.root, device.id),
            uio=uio[0] if uio else "",
        )

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

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over sysfs: the PCI functions of the host as immutable records.

A function that can't be read fully stays in the list with what is known; it never hides another one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared import pci, pci_classes
from shared.driver_kinds import is_uio, is_vfio

from . import ddp, host_interfaces, rdma_vdpa
from .beside import Beside
from .device_nodes import Nodes
from .rdma_vdpa import NO_VDPA, Vdpa

# Linux include/uapi/linux/if_arp.h; the texts are those of `ip link` and of the linkTypes selector.
INFINIBAND = "infiniband"
ARPHRD = {1: "ether", 32: INFINIBAND}
# Where no network interface is visible (vfio, or moved to a pod): PCI subclass 00 is Ethernet, 07 InfiniBand.
CLASS_LINK_TYPES = {pci_classes.ETHERNET: "ether", pci_classes.INFINIBAND: INFINIBAND}
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
    interfaces: tuple[str, ...] = field(default=(), compare=False)  # all of its own, while they are visible here
    # What tells of the links that it depends on, of which one is enough: its PF's interfaces, or ports of RDMA devices.
    links: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class _Parent:
    """What all VFs of one PF share, read once per pass."""

    name: str
    link_type: str
    indexes: Mapping[str, int]
    ports: tuple[tuple[int, str], ...] = ()  # number of the port from 0, and what tells of its link
    links: tuple[str, ...] = ()  # of all its ports


@dataclass(frozen=True)
class _Pass:
    """What the reads of one pass share."""

    parents: Mapping[str, _Parent]
    vdpa: Mapping[str, Vdpa]
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)  # IOMMU group -> its functions, but no bridges


class Scanner:
    """Reads the host below `root` ("" for the running one) and remembers what a pod's namespace hides.

    All of it is read beside: what the kernel holds keeps nobody waiting for long, and is as it was seen last.
    """

    def __init__(self, root: str = "", names: Mapping[str, str] | None = None) -> None:
        """names: PF address -> the name of its interface when it was last seen."""
        self.root = root
        self.beside = Beside()
        self.names = dict(names or {})
        self.nodes = Nodes(root)  # device nodes as the last pass saw them
        self._profiles = ddp.Profiles()
        # Of thousands of functions each pass finds nearly all as they were: they are kept, and not held twice.
        self._functions: dict[str, list[Device]] = {}
        self._kinds: dict[tuple[str, str], tuple[str, str]] = {}

    def scan(self, classes: Iterable[str], auxiliary: bool = False, profiles: bool = False) -> list[Device]:
        """All functions whose class starts with one of `classes` (hex digits), sorted by address.

        auxiliary: also the subfunctions of network functions. profiles: also the DDP packages, which is slow.
        """
        prefixes = tuple(classes)
        ask = self.beside
        none: list[str] = []
        addresses = ask.ask("the list of functions", lambda: pci.addresses(self.root), none)
        kinds = ask.ask_each("the class of", addresses, self._kind)
        wanted = [address for address, kind in kinds.items() if kind[0].startswith(prefixes)]
        pfs = sorted({kinds[address][1] for address in wanted} - {""})
        once = _Pass(
            ask.ask_each("the PF", pfs, self._parent),
            ask.ask("vDPA devices", lambda: rdma_vdpa.vdpa_devices(self.root), {}),
        )
        seen = ask.ask_each("the function", wanted, lambda a: self._function(a, *kinds[a], once, auxiliary))
        self._functions = seen
        read = [device for address in wanted for device in seen.get(address, ())]
        vfs = {name for device in read if device.pf_address and not device.parent for name in device.interfaces}
        in_use = ask.ask("addresses and routes", lambda: host_interfaces.interfaces(self.root, vfs), None)
        found = [self._used(device, in_use) for device in read]
        if not profiles:
            return found
        of_network = [device for device in found if device.bus == PCI and pci_classes.is_network(device.class_id)]
        self._profiles.ask(sorted({device.pf_address or device.id for device in of_network}))
        names = {device.id: self._profiles.name(device.pf_address or device.id) for device in of_network}
        return [replace(device, ddp_profile=names.get(device.id, "")) for device in found]

    def _kind(self, address: str) -> tuple[str, str]:
        """The class of a function, and the PF's address of a VF."""
        found = (sys.intern(pci.class_id(self.root, address)), sys.intern(pci.physfn(self.root, address) or ""))
        return self._kinds.setdefault(found, found)

    def _function(self, address: str, class_id: str, pf_address: str, once: _Pass, auxiliary: bool) -> list[Device]:
        """A function, and what is on it."""
        entries = pci.list_dir(pci.device_dir(self.root, address))
        device = self._describe(address, class_id, pf_address, entries, once)
        found = [self._bound(device, once)]
        if auxiliary and pci_classes.is_network(class_id):
            found.extend(self._bound(sf, once) for sf in self._subfunctions(device, entries))
        before = self._functions.get(address, [])
        return before if _are_same(before, found) else found

    def _used(self, device: Device, in_use: Mapping[str, str] | None) -> Device:
        """With what the host does with it; what can't be told counts as a use."""
        if device.bus != PCI or not device.interfaces:
            return device
        if in_use is None:
            return replace(device, host_uses=f"the kernel does not tell what its interface {device.net_name} is for")
        uses = next((in_use[name] for name in device.interfaces if name in in_use), "")
        return replace(device, host_uses=uses) if uses else device

    def refresh(self, device: Device) -> Device | None:
        """The parts that can change between two passes, read again; None where the function is gone."""
        return self._refresh(device, _Pass({}, rdma_vdpa.vdpa_devices(self.root)))

    def refresh_each(self, devices: Iterable[Device]) -> dict[str, Device | None]:
        """Device id -> the same, beside; a device that the kernel holds, and that is there, is left out."""
        wanted = {device.id: device for device in devices}
        once: list[_Pass] = []

        def read(device_id: str) -> Device | None:
            if not once:
                once.append(_Pass({}, rdma_vdpa.vdpa_devices(self.root)))
            return self._refresh(wanted[device_id], once[0])

        found = self.beside.ask_each("the function", wanted, read, remember=False)
        held = [device_id for device_id in wanted if device_id not in found]
        there = self.beside.ask_each("the folder of", held, lambda i: os.path.isdir(self._folder(wanted[i])), False)
        found.update({device_id: None for device_id, is_there in there.items() if not is_there})
        return found

    def _refresh(self, device: Device, once: _Pass) -> Device | None:
        if not os.path.isdir(self._folder(device)):
            return None
        entries = pci.list_dir(self._folder(device))
        device = _with(device, **self._rdma(self._folder(device), entries, device.link_type))
        return self._bound(device, once)

    def _folder(self, device: Device) -> str:
        base = pci.device_dir(self.root, device.parent or device.id)
        return f"{base}/{device.id}" if device.parent else base

    def _describe(self, address: str, class_id: str, pf_address: str, entries: list[str], once: _Pass) -> Device:
        names = pci.net_names(self.root, address)
        parent = once.parents.get(pf_address)
        if pf_address and parent is None:  # its kernel does not answer, and never did
            parent = _Parent(self.names.get(pf_address, ""), "", {})
        link_type = self._link_type(names) or (parent.link_type if parent else "")
        link_type = link_type or CLASS_LINK_TYPES.get(class_id[:4], "")
        folder = pci.device_dir(self.root, address)
        has_vfs = any(entry.startswith("virtfn") for entry in entries)
        return Device(
            id=address,
            class_id=class_id,
            vendor=sys.intern(pci.vendor_id(self.root, address)),
            device=sys.intern(pci.device_id(self.root, address)),
            acpi_index=pci.read_text(f"{folder}/acpi_index") or "",
            numa_node=pci.numa_node(self.root, address),
            pf_address=pf_address,
            pf_name=parent.name if parent else "",
            net_name=names[0] if names else "",
            vf_index=parent.indexes.get(address, -1) if parent else -1,
            # Its links, for to read sriov_numvfs waits for a creation of VFs (Linux drivers/pci/iov.c).
            num_vfs=0 if parent or not has_vfs else len(pci.virtfns(self.root, address)),
            link_type=link_type,
            interfaces=tuple(names),
            links=self._links(address, names, link_type, parent),
            **self._rdma(folder, entries, link_type),
        )

    def _links(self, address: str, names: list[str], link_type: str, parent: _Parent | None) -> tuple[str, ...]:
        """What tells of the links that a function depends on: its own port of its PF, or all where that is unknown."""
        if parent is None:
            return tuple(link for _number, link in self._ports(address, names, link_type))
        several = names if len(parent.ports) > 1 else []
        numbers = {pci.read_int(f"{self.root}/sys/class/net/{name}/dev_port") for name in several}
        return tuple(link for number, link in parent.ports if number in numbers) or parent.links

    def _ports(self, address: str, names: list[str], link_type: str) -> tuple[tuple[int, str], ...]:
        """Number from 0 and what tells of the link: interfaces, but no representors; for InfiniBand the RDMA ports."""
        if link_type != INFINIBAND:
            base = f"{self.root}/sys/class/net"
            if len(names) > 1:
                names = [n for n in names if not (pci.read_text(f"{base}/{n}/phys_port_name") or "").startswith("pf")]
            return tuple((pci.read_int(f"{base}/{name}/dev_port") or 0, name) for name in names)
        base = f"{pci.device_dir(self.root, address)}/infiniband"
        found = [(port, name) for name in pci.list_dir(base) for port in pci.list_dir(f"{base}/{name}/ports")]
        return tuple((int(port) - 1, rdma_port(name, port)) for port, name in found if port.isdecimal())

    def _rdma(self, folder: str, entries: list[str], link_type: str) -> dict[str, Any]:
        rdma = tuple(pci.list_dir(f"{folder}/infiniband")) if "infiniband" in entries else ()
        key = rdma_vdpa.pkey(folder, rdma) if link_type == INFINIBAND else ""
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
                pf_name=pci.uplink_name(self.root, carrier.id) or self.names.get(carrier.id, ""),
                net_name=names[0] if names else "",
                vf_index=number,
                num_vfs=0,
                link_type=link_type,
                host_uses="",
                interfaces=tuple(names),
                **self._rdma(folder, pci.list_dir(folder), link_type),
            )

    def _bound(self, device: Device, once: _Pass) -> Device:
        """The device with what its driver brings."""
        address = device.parent or device.id
        driver = sys.intern(pci.driver(self.root, address) or "")
        folder = self._folder(device)
        uio = pci.list_dir(f"{folder}/uio") if is_uio(driver) else []
        nodes = pci.list_dir(f"{folder}/vfio-dev") if is_vfio(driver) else []
        group = pci.iommu_group(self.root, address) or ""
        mates = self._group(group, once) if is_vfio(driver) and group else ()
        return _with(
            device,
            driver=driver,
            iommu_group=group,
            group_mates=tuple(mate for mate in mates if mate != address),
            noiommu=is_vfio(driver) and pci.is_noiommu_group(self.root, address),
            uio=uio[0] if uio else "",
            vfio_node=nodes[0] if nodes else "",
            vdpa=once.vdpa.get(device.id, NO_VDPA),
        )

    def _group(self, group: str, once: _Pass) -> tuple[str, ...]:
        """Bridges do not count: vfio leaves them to the kernel (vfio.rst). Read once per pass, however large it is."""
        if group not in once.groups:
            members = pci.iommu_group_members(self.root, group)
            once.groups[group] = tuple(m for m in members if not pci_classes.is_bridge(pci.class_id(self.root, m)))
        return once.groups[group]

    def _parent(self, address: str) -> _Parent:
        names = pci.net_names(self.root, address)
        name = pci.uplink_name(self.root, address)
        if name:
            self.names[address] = name
        link_type = self._link_type([name] if name else [])
        ports = self._ports(address, names, link_type or CLASS_LINK_TYPES.get(pci.class_id(self.root, address)[:4], ""))
        return _Parent(
            name=self.names.get(address, ""),
            link_type=link_type,
            indexes={vf: index for index, vf in pci.virtfns(self.root, address).items()},
            ports=ports,
            links=tuple(link for _number, link in ports),
        )

    def _link_type(self, names: list[str]) -> str:
        for name in names:
            number = pci.read_int(f"{self.root}/sys/class/net/{name}/type")
            if number is not None:
                return ARPHRD.get(number, "")
        return ""


def _with(device: Device, **fields: Any) -> Device:
    """The device with these values: itself where it has them, as nearly always when it is looked at again."""
    changed = any(getattr(device, name) != value for name, value in fields.items())
    return replace(device, **fields) if changed else device


def _are_same(some: list[Device], others: list[Device]) -> bool:
    """Equal also in what a comparison of devices leaves out."""
    left_out = [[(device.interfaces, device.links) for device in devices] for devices in (some, others)]
    return some == others and left_out[0] == left_out[1]


def rdma_port(device: str, port: str) -> str:
    """What stands for a port of an RDMA device among links; no interface has a "/" in its name."""
    return f"{device}/{port}"

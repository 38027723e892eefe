# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading PFs and VFs of a host into NodeState. Writes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from ..host import ethtool, ip_link, machine, quirks
from ..host.host import Host
from ..host.ip_link import Link
from ..kernel import lockdown
from ..model.state import AWAY, NO_INTERFACE, NOT_NEEDED, TEAM, NodeState, Pf, Record, Vf
from ..record import unreported
from ..shared import pci, pci_classes
from . import vf_attributes

RENAME_PAUSES = (0.2, 0.2, 0.0)  # seconds after a look that udev came between


def read_state(host: Host, record: Record, files: tuple[str, ...] = ()) -> NodeState:
    """PFs, their VFs, and the texts of the files that may be written. Raises HostError.

    Reads what every run needs; who uses a VF is looked for by `usage`, and only where something would change.
    """
    pfs = _read_pfs(host)
    if settings := unreported.read(host):
        pfs = [replace(pf, vfs=tuple(replace(vf, unreported=settings.get(vf.address, {})) for vf in pf.vfs))
               for pf in pfs]  # fmt: skip
    return replace(read_files(host, record, files), pfs=tuple(pfs), lockdown=lockdown.lockdown(host))


def read_files(host: Host, record: Record, files: tuple[str, ...]) -> NodeState:
    """The state without PFs: the record, its files and these. Raises HostError."""
    states = {path: host.read_exact(path) for path in sorted({*files, *record.files})}
    return NodeState(
        record=record,
        file_states=states,
        file_texts={path: state if isinstance(state, str) else host.read_text(path) for path, state in states.items()},
        missing_folders=frozenset(folder for folder in map(os.path.dirname, states) if not host.exists(folder)),
    )


def _read_pfs(host: Host) -> list[Pf]:
    """udev may rename an interface between the two looks, at the links and at sysfs: then both are taken again."""
    for pause in RENAME_PAUSES:
        links = ip_link.read_links(host)
        pfs = _pfs_with(host, links)
        names = {name for pf in pfs for name in (pf.name, *(vf.netdev for vf in pf.vfs)) if name is not None}
        if names <= links.keys():
            break
        host.sleep(pause)
    return pfs


def _pfs_with(host: Host, links: Mapping[str, Link]) -> list[Pf]:
    pfs = [
        read_pf(host, address, links)
        for address in pci.addresses(host.root)
        if pci.link_name(f"{pci.device_dir(host.root, address)}/physfn") is None
        and (pci.total_vfs(host.root, address) >= 0 or pci_classes.is_network(pci.class_id(host.root, address)))
    ]
    if not any(pf.total_vfs > 0 for pf in pfs) and machine.is_virtual(host):
        pfs = [_guest_vf(host, pf, links) if pf.is_nic else pf for pf in pfs]
    return pfs


def read_pf(host: Host, address: str, links: Mapping[str, Link]) -> Pf:
    """One PF with its VFs."""
    root = host.root
    name = pci.uplink_name(root, address)
    link = links.get(name) if name else None
    autoprobe = pci.read_int(f"{pci.device_dir(root, address)}/sriov_drivers_autoprobe")
    driver = pci.driver(root, address)
    master = links.get(link.master) if link is not None and link.master else None
    bond = master if master is not None and master.kind in ("bond", TEAM) else None
    return Pf(
        address=address,
        vendor=pci.vendor_id(root, address),
        device=pci.device_id(root, address),
        class_id=pci.class_id(root, address),
        missing=None if name else missing(host, address),
        rdma=bool(host.list_dir(f"{pci.DEVICES}/{address}/infiniband")),
        driver=driver,
        name=name,
        altnames=link.altnames if link else (),
        mac=link.mac if link else None,
        permanent_mac=_permanent_mac(host, link) if link else None,
        total_vfs=pci.total_vfs(root, address),
        total_msix=pci.read_int(f"{pci.device_dir(root, address)}/{pci.TOTAL_MSIX}"),
        num_vfs=pci.num_vfs(root, address),
        autoprobe=None if autoprobe is None else bool(autoprobe),
        mtu=link.mtu if link else None,
        bond=bond.name if bond else "",
        bond_mode=(bond.mode or bond.kind) if bond else "",
        bond_mtu=bond.mtu if bond else None,
        up=link.up if link else None,
        iommu_group=pci.iommu_group(root, address),
        vfs=tuple(_vf(host, index, vf, link, links) for index, vf in pci.virtfns(root, address).items()),
    )


def pf_alone(host: Host, address: str) -> Pf | None:
    """One PF as sysfs alone has it, without a command; None where it is gone."""
    if not pci.exists(host.root, address):
        return None
    pf = read_pf(host, address, {})
    is_guest_vf = pf.total_vfs < 0 and pf.is_nic and not pf.vfs
    return _guest_vf(host, pf, {}) if is_guest_vf else pf


def missing(host: Host, address: str) -> str | None:
    """AWAY, NO_INTERFACE or NOT_NEEDED for a NIC that has a driver and no interface here; else None.

    An interface in another network namespace leaves the folder `net` of its function here, and empty: the entries
    carry the namespace, the folder does not (Linux drivers/base/core.c, get_device_parent and class_dir_child_ns_type).
    """
    driver, class_id = pci.driver(host.root, address), pci.class_id(host.root, address)
    if pci.uplink_name(host.root, address) or driver is None or not pci_classes.is_network(class_id):
        return None
    if quirks.makes_no_interface(driver):
        return NOT_NEEDED
    base = f"{pci.DEVICES}/{address}"
    folders = [base, *(f"{base}/{entry}" for entry in host.list_dir(base) if entry.startswith("virtio"))]
    if any(host.exists(f"{folder}/net") for folder in folders):
        return AWAY
    return NOT_NEEDED if pci_classes.is_infiniband(class_id) else NO_INTERFACE


def _guest_vf(host: Host, pf: Pf, links: Mapping[str, Link]) -> Pf:
    """In a virtual machine without any PF each NIC may be a passthrough VF: it can be bound, and no more."""
    return replace(pf, is_guest_vf=True, num_vfs=1, vfs=(_vf(host, 0, pf.address, None, links),))


def _permanent_mac(host: Host, link: Link) -> str | None:
    """The NIC's own MAC address; None where what it has was drawn, or set by somebody, and nobody tells another.

    addr_assign_type is 0 for an address of the hardware (Linux Documentation/ABI/testing/sysfs-class-net).
    """
    if link.permanent_mac:
        return link.permanent_mac
    own = pci.read_int(host.path(f"/sys/class/net/{link.name}/addr_assign_type")) == 0
    return link.mac if own else ethtool.permanent_mac(host, link.name)


def _vf(host: Host, index: int, address: str, pf: Link | None, links: Mapping[str, Link]) -> Vf:
    root = host.root
    names = pci.net_names(root, address)
    own = links.get(names[0]) if names else None
    return Vf(
        index=index,
        address=address,
        driver=pci.driver(root, address),
        override=pci.driver_override(root, address),
        netdev=names[0] if names else None,
        missing=None if names else missing(host, address),
        netdev_mac=own.mac if own else None,
        iommu_group=pci.iommu_group(root, address),
        network_class=pci_classes.is_network(pci.class_id(root, address)),
        mtu=own.mtu if own else None,
        attributes=vf_attributes.read(pf.vfs.get(index, {}) if pf else {}),
    )

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container gets with its devices: environment variables and device nodes.

Each kind of device adds its part by one function of PARTS; the parts of one device combine. A node is named only where
it is there. One that the device is of no use without, and that is missing, is an error that says what makes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Callable, Optional

from shared.driver_kinds import VFIO_PCI, is_uio, is_vfio

from ..errors import UnusableDeviceError
from ..host.device_nodes import Need, Nodes
from ..host.discovery import Device
from .config import PoolConfig
from .pools import Member

VFIO_CONTROL = "/dev/vfio/vfio"
IOMMUFD = "/dev/iommu"
VHOST_NET = "/dev/vhost-net"
TUN = "/dev/net/tun"
RDMA_CM = "/dev/infiniband/rdma_cm"
# What the user asks for, by the selector's flag, and what makes it.
VHOST_NEEDS = (Need(VHOST_NET, "try 'modprobe vhost_net'"), Need(TUN, "try 'modprobe tun'"))


@dataclass(frozen=True)
class DeviceNode:
    """A device node of the host, and its path in the container; always readable and writable."""

    host_path: str
    container_path: str


@dataclass(frozen=True)
class Part:
    """What one kind adds: an entry of the _INFO variable, and device nodes."""

    key: str
    info: dict[str, str]
    nodes: tuple[DeviceNode, ...] = ()


@dataclass
class Grant:
    """All that one container gets out of one pool."""

    envs: dict[str, str] = field(default_factory=dict)
    nodes: list[DeviceNode] = field(default_factory=list)
    with_nodes: list[str] = field(default_factory=list)  # ids of the devices that brought nodes


PartMaker = Callable[[Member, Nodes], Optional[Part]]


def _same(path: str) -> DeviceNode:
    return DeviceNode(path, path)


def _needed(device: Device, purpose: str, needs: Sequence[Need], nodes: Nodes) -> tuple[DeviceNode, ...]:
    """The nodes of `needs`. Raises UnusableDeviceError where one is missing."""
    lacking = nodes.lacking(needs)
    if lacking:
        raise UnusableDeviceError(device.id, f"needs for {purpose}: {lacking}{nodes.hint()}")
    return tuple(_same(need.path) for need in needs)


def _generic(member: Member, nodes: Nodes) -> Part | None:
    return Part("generic", {"deviceID": member.device.id})


def _vfio(member: Member, nodes: Nodes) -> Part | None:
    """Linux Documentation/driver-api/vfio.rst; a no-IOMMU group N has the node noiommu-N.

    There are two ways, the group with its container and the device's own node with iommufd, and a kernel may be built
    for either: of each way that is complete the nodes are given, and the container uses the one that it likes.
    """
    device = member.device
    if not is_vfio(device.driver):
        return None
    if not device.iommu_group:
        raise UnusableDeviceError(
            device.id,
            f"is bound to {device.driver} but in no IOMMU group, so /dev/vfio has no node for it; "
            f"bind it again, or look whether the IOMMU is on",
        )
    inside = f"/dev/vfio/{device.iommu_group}"
    outside = f"/dev/vfio/noiommu-{device.iommu_group}" if device.noiommu else inside
    by_group, by_device = _group_needs(outside), _iommufd_needs(device)
    no_group = nodes.lacking(by_group)
    no_device = nodes.lacking(by_device) if by_device else "no vfio-dev in sysfs"
    if no_group and no_device:
        other = f", or by iommufd: {no_device}" if by_device else ""
        raise UnusableDeviceError(device.id, f"needs for {device.driver}: {no_group}{other}{nodes.hint()}")
    info: dict[str, str] = {}
    given: list[DeviceNode] = []
    if not no_group:
        info.update({"mount": VFIO_CONTROL, "dev-mount": inside})
        given += [_same(VFIO_CONTROL), DeviceNode(outside, inside)]
    if not no_device:
        info["cdev-mount"] = by_device[1].path
        given += [_same(need.path) for need in by_device]
    if device.group_mates:  # a key of our own: what else the group's node opens
        info["group-devices"] = ",".join(sorted((device.id, *device.group_mates)))
    return Part("vfio", info, tuple(given))


def _group_needs(node: str) -> tuple[Need, ...]:
    return (
        Need(VFIO_CONTROL, "try 'modprobe vfio-pci'; the kernel makes it with CONFIG_VFIO_CONTAINER"),
        Need(node, f"bind the function to {VFIO_PCI} again; the kernel makes it with CONFIG_VFIO_GROUP"),
    )


def _iommufd_needs(device: Device) -> tuple[Need, ...]:
    """The folder vfio-dev of sysfs is there also where the kernel makes no node for it."""
    if not device.vfio_node:
        return ()
    return (
        Need(IOMMUFD, "try 'modprobe iommufd'; the kernel makes it with CONFIG_IOMMUFD"),
        Need(f"/dev/vfio/devices/{device.vfio_node}", "the kernel makes it with CONFIG_VFIO_DEVICE_CDEV"),
    )


def _uio(member: Member, nodes: Nodes) -> Part | None:
    device = member.device
    if not is_uio(device.driver):
        return None
    if not device.uio:
        raise UnusableDeviceError(device.id, f"is bound to {device.driver} but has no uio device; bind it again")
    need = Need(f"/dev/{device.uio}", f"bind the function to {VFIO_PCI} again")
    return Part("uio", {"mount": need.path}, _needed(device, device.driver, [need], nodes))


def _vhost(member: Member, nodes: Nodes) -> Part | None:
    """Both nodes, since the configuration asks for them; the Go plugin starts the pod without."""
    if "needVhostNet" not in member.selector.flags:
        return None
    given = _needed(member.device, "needVhostNet", VHOST_NEEDS, nodes)
    return Part("vhost", {"net-mount": VHOST_NET, "tun-mount": TUN}, given)


def _rdma(member: Member, nodes: Nodes) -> Part | None:
    """Without nodes where a pod of before holds the RDMA device: its CNI plugin gives it back.

    Verbs are what every user of RDMA needs; the other nodes come from modules of their own, and are extras.
    """
    if "isRdma" not in member.selector.flags:
        return None
    device = member.device
    info: dict[str, str] = {}
    given: list[DeviceNode] = []
    for name in device.rdma:
        info.setdefault("rdma_dev", name)
        held = nodes.rdma(name)
        verbs = [path for kind, path in held if kind == "uverbs"] or ["/dev/infiniband/uverbsN"]
        remedy = f"the node of RDMA device {name}; try 'modprobe ib_uverbs'"
        _needed(device, "isRdma", [Need(path, remedy) for path in verbs], nodes)
        for kind, path in (*held, ("rdma_cm", RDMA_CM)):
            if nodes.has(path):
                given.append(_same(path))
                if kind != "ucm":  # old kernels alone have it, and the Go plugin does not tell it either
                    info[kind] = path
    return Part("rdma", info, tuple(dict.fromkeys(given)))


def _vdpa(member: Member, nodes: Nodes) -> Part | None:
    device, vdpa = member.device, member.device.vdpa
    if "vdpaType" not in member.selector.flags or vdpa.type != "vhost":
        return None
    if not vdpa.node:
        raise UnusableDeviceError(
            device.id, f"has the vDPA device {vdpa.name} without a /dev/vhost-vdpa node; is vhost_vdpa loaded?"
        )
    need = Need(vdpa.node, f"bind the vDPA device {vdpa.name} to vhost_vdpa again; is vhost_vdpa loaded?")
    return Part("vdpa", {"mount": need.path}, _needed(device, "vdpaType vhost", [need], nodes))


PARTS: tuple[PartMaker, ...] = (_generic, _vfio, _uio, _rdma, _vdpa, _vhost)


def _parts(member: Member, nodes: Nodes) -> list[Part]:
    return [part for make in PARTS if (part := make(member, nodes)) is not None]


def grant(config: PoolConfig, members: Sequence[Member], root: str = "", nodes: Nodes | None = None) -> Grant:
    """What a container gets with `members`, in the order of its request; the nodes below `root`, or as already seen.

    Raises UnusableDeviceError where a device's node can't be told, or is missing.
    """
    seen = nodes or Nodes(root)
    told: dict[str, dict[str, dict[str, str]]] = {}
    given: dict[str, DeviceNode] = {}
    with_nodes = []
    for member in members:
        parts = _parts(member, seen)
        told[member.device.id] = {part.key: part.info for part in parts}
        extra = config.additional_info
        if extra is not None:
            address = member.device.parent or member.device.id
            told[member.device.id]["extra"] = {**extra.get("*", {}), **extra.get(address, {})}
        for part in parts:
            for node in part.nodes:
                given.setdefault(node.host_path, node)
        if any(part.nodes for part in parts):
            with_nodes.append(member.device.id)
    envs = {
        config.env_name: ",".join(member.device.id for member in members),
        f"{config.env_name}_INFO": json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
    }
    return Grant(envs, list(given.values()), with_nodes)


def problem(member: Member, nodes: Nodes) -> str:
    """Why a container could do nothing with the device now; "" where nothing is known against it."""
    try:
        _parts(member, nodes)
    except UnusableDeviceError as error:
        return error.reason
    return ""


def problems(members: Mapping[str, Member], nodes: Nodes) -> dict[str, str]:
    """Device id -> why it is of no use, for those that are not."""
    return {device_id: text for device_id, member in members.items() if (text := problem(member, nodes))}

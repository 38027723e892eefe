# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container gets with its devices: environment variables and device nodes.

Each kind of device adds its part by one function of PARTS; the parts of one device combine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable, Optional

from . import functions
from .config import PoolConfig
from .discovery import UIO_DRIVERS, VFIO_DRIVER
from .errors import DeviceChangedError
from .pools import Member

VFIO_CONTROL = "/dev/vfio/vfio"
IOMMUFD = "/dev/iommu"
VHOST_NET = "/dev/vhost-net"
TUN = "/dev/net/tun"


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


PartMaker = Callable[[Member, str], Optional[Part]]


def _same(path: str) -> DeviceNode:
    return DeviceNode(path, path)


def _generic(member: Member, root: str) -> Part | None:
    return Part("generic", {"deviceID": member.device.id})


def _vfio(member: Member, root: str) -> Part | None:
    """Linux Documentation/driver-api/vfio.rst; a no-IOMMU group N has the node noiommu-N.

    Where the kernel has iommufd, its nodes are added: the container uses either way.
    """
    device = member.device
    if device.driver != VFIO_DRIVER:
        return None
    if not device.iommu_group:
        raise DeviceChangedError(
            f"{device.id} is bound to {VFIO_DRIVER} but in no IOMMU group, so /dev/vfio has no node for it; "
            f"bind it again, or look whether the IOMMU is on"
        )
    inside = f"/dev/vfio/{device.iommu_group}"
    outside = f"/dev/vfio/noiommu-{device.iommu_group}" if device.noiommu else inside
    info = {"mount": VFIO_CONTROL, "dev-mount": inside}
    if device.group_mates:  # a key of our own: what else the group's node opens
        info["group-devices"] = ",".join(sorted((device.id, *device.group_mates)))
    nodes = [_same(VFIO_CONTROL), DeviceNode(outside, inside)]
    if device.vfio_node and os.path.exists(root + IOMMUFD):
        info["cdev-mount"] = f"/dev/vfio/devices/{device.vfio_node}"
        nodes += [_same(IOMMUFD), _same(info["cdev-mount"])]
    return Part("vfio", info, tuple(nodes))


def _uio(member: Member, root: str) -> Part | None:
    device = member.device
    if device.driver not in UIO_DRIVERS:
        return None
    if not device.uio:
        raise DeviceChangedError(f"{device.id} is bound to {device.driver} but has no uio device; bind it again")
    path = f"/dev/{device.uio}"
    return Part("uio", {"mount": path}, (_same(path),))


def _vhost(member: Member, root: str) -> Part | None:
    """Both nodes or neither, as with the Go plugin: the host may lack the module."""
    if "needVhostNet" not in member.selector.flags or not os.path.exists(root + VHOST_NET):
        return None
    return Part("vhost", {"net-mount": VHOST_NET, "tun-mount": TUN}, (_same(VHOST_NET), _same(TUN)))


def _rdma(member: Member, root: str) -> Part | None:
    """Without nodes where a pod of before holds the RDMA device: its CNI plugin gives it back."""
    if "isRdma" not in member.selector.flags:
        return None
    info: dict[str, str] = {}
    nodes: list[DeviceNode] = []
    for name in member.device.rdma:
        info.setdefault("rdma_dev", name)
        for kind, path in functions.rdma_nodes(root, name):
            nodes.append(_same(path))
            if kind != "ucm":  # old kernels alone have it, and the Go plugin does not tell it either
                info[kind] = path
    return Part("rdma", info, tuple(dict.fromkeys(nodes)))


def _vdpa(member: Member, root: str) -> Part | None:
    vdpa = member.device.vdpa
    if "vdpaType" not in member.selector.flags or vdpa.type != "vhost":
        return None
    if not vdpa.path:
        raise DeviceChangedError(
            f"{member.device.id}: its vDPA device {vdpa.name} has no /dev/vhost-vdpa node; is vhost_vdpa loaded?"
        )
    return Part("vdpa", {"mount": vdpa.path}, (_same(vdpa.path),))


PARTS: tuple[PartMaker, ...] = (_generic, _vfio, _uio, _rdma, _vdpa, _vhost)


def grant(config: PoolConfig, members: Sequence[Member], root: str = "") -> Grant:
    """What a container gets with `members`, in the order of its request.

    Raises DeviceChangedError where a device's node can't be told.
    """
    told: dict[str, dict[str, dict[str, str]]] = {}
    nodes: dict[str, DeviceNode] = {}
    for member in members:
        parts = [part for make in PARTS if (part := make(member, root)) is not None]
        told[member.device.id] = {part.key: part.info for part in parts}
        if config.additional_info is not None:
            told[member.device.id]["extra"] = _extra(config, member.device.parent or member.device.id)
        for part in parts:
            for node in part.nodes:
                nodes.setdefault(node.host_path, node)
    envs = {
        config.env_name: ",".join(member.device.id for member in members),
        f"{config.env_name}_INFO": json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
    }
    return Grant(envs, list(nodes.values()))


def _extra(config: PoolConfig, device_id: str) -> dict[str, str]:
    info = config.additional_info or {}
    return {**info.get("*", {}), **info.get(device_id, {})}

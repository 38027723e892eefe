# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be lost: default routes, SSH connections, bridges and bonds on a PF, and who uses a VF.

Looked for only where a plan would change something: it walks the processes' open files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import kubelet, netdev, pci, pci_groups, processes
from .errors import CommandError
from .frozen import dataclass
from .host import Host
from .model import KUBELET_FOLDERS, NodeState, Pf, Vf, is_userspace
from .netdev import Link

NO_USE = ("link", "host")  # scopes of addresses that an interface has of itself
UPPER = "upper_"  # Linux Documentation/ABI/testing/sysfs-class-net: the links to what stands on an interface


def read_usage(
    host: Host, state: NodeState, ssh_connection: str, plugin_unit: str, kubelet_dirs: Sequence[str] = KUBELET_FOLDERS
) -> NodeState:
    """The state with each PF's `uses`, each VF's `holders` and `host_uses`, and whether the device plugin's unit runs.

    `ssh_connection`: sshd's SSH_CONNECTION, a hint ("" where there is none). `kubelet_dirs`: where a kubelet may have
    its files.

    Raises HostError where the host can't be read: nothing may be changed then.
    """
    running = processes.names(host)
    addresses = netdev.ip_json(host, "addr", "show")
    net = _Net(
        host,
        netdev.read_links(host),
        _default_routes(host),
        processes.ssh_devices(host, running, addresses, ssh_connection),
        addresses,
    )
    opened = processes.open_devices(host, running)
    pods = kubelet.allocations(host, kubelet_dirs)

    def vf_holders(vf: Vf) -> tuple[str, ...]:
        found = list(pods.get(vf.address, ()))
        if vf.is_away:
            found.append("another network namespace (a pod, or a container)")
        for path in device_files(host, vf):
            found += opened.get(path, ())
        return tuple(found)

    def with_usage(pf: Pf) -> Pf:
        vfs = (
            replace(
                vf,
                holders=vf_holders(vf),
                host_uses=net.vf_uses(vf.netdev),
                group_strangers=pci_groups.strangers(host, vf.address),
            )
            for vf in pf.vfs
        )
        return replace(pf, uses=net.uses(pf.name), vfs=tuple(vfs))

    active = _is_active(host, plugin_unit)
    return replace(state, pfs=tuple(with_usage(pf) for pf in state.pfs), plugin_active=active, with_usage=True)


def device_files(host: Host, vf: Vf) -> list[str]:
    """The device files through which programs use a VF: VFIO's group and cdev, UIO, RDMA verbs."""
    base = f"{pci.DEVICES}/{vf.address}"
    found = [f"/dev/{name}" for name in host.list_dir(f"{base}/uio")]
    found += [f"/dev/infiniband/{name}" for name in host.list_dir(f"{base}/infiniband_verbs")]
    if is_userspace(vf.driver):
        found += [f"/dev/vfio/devices/{name}" for name in host.list_dir(f"{base}/vfio-dev")]
        if vf.iommu_group is not None:
            found += [f"/dev/vfio/{vf.iommu_group}", f"/dev/vfio/noiommu-{vf.iommu_group}"]
    return found


@dataclass(frozen=True)
class _Net:
    """What the host's own network does with its interfaces."""

    host: Host
    links: Mapping[str, Link]
    routes: set[str]
    sessions: Mapping[str, str]
    addresses: Iterable[Mapping[str, Any]]

    def uses(self, name: str | None) -> tuple[str, ...]:
        """Default routes and SSH connections over an interface, and the bridge or bond that it is a port of."""
        if name is None or name not in self.links:
            return ()
        found = []
        for device in self._with_uppers(name):
            where = "" if device == name else f" through {device}"
            if device in self.routes:
                found.append(f"the default route{where}")
            if device in self.sessions:
                found.append(f"an SSH connection to {self.sessions[device]}{where}")
        master = self.links[name].master
        if master is not None:
            found.append(f"a port of the {self._kind(master)} {master}")
        return tuple(found)

    def vf_uses(self, name: str | None) -> tuple[str, ...]:
        """As `uses`, and the addresses of the interface and whatever stands on it (macvtap, macvlan, VLAN, ...)."""
        if name is None or name not in self.links:
            return ()
        found = list(self.uses(name))
        uppers = [u for u in self._uppers(name) if u != self.links[name].master]
        found += [f"the {self._kind(upper)} {upper} on it" for upper in uppers]
        return (*found, *(f"the address {address}" for address in self._addresses(name)))

    def _kind(self, name: str) -> str:
        return (self.links[name].kind if name in self.links else "") or "interface"

    def _uppers(self, name: str) -> list[str]:
        """What stands directly on an interface, from the links' own words and from sysfs."""
        master = self.links[name].master if name in self.links else None
        found = [master] if master else []
        found += [link.name for link in self.links.values() if link.lower == name]
        entries = self.host.list_dir(f"/sys/class/net/{name}")
        found += [entry[len(UPPER):] for entry in entries if entry.startswith(UPPER)]
        return list(dict.fromkeys(found))

    def _with_uppers(self, name: str) -> list[str]:
        """An interface and all that stand on it: its bridge or bond, VLANs, and theirs."""
        found = [name]
        for device in found:
            found += [upper for upper in self._uppers(device) if upper not in found]
        return found

    def _addresses(self, name: str) -> list[str]:
        found = []
        for item in self.addresses:
            infos = item.get("addr_info") if item.get("ifname") == name else None
            for info in infos if isinstance(infos, list) else ():
                if isinstance(info, dict) and info.get("scope") not in NO_USE and isinstance(info.get("local"), str):
                    length = info.get("prefixlen")
                    found.append(info["local"] + (f"/{length}" if isinstance(length, int) else ""))
        return found


def _is_active(host: Host, unit: str) -> bool:
    """False also where there is no systemd, or it does not answer: then nothing of ours runs under it."""
    try:
        return host.run(["systemctl", "is-active", "--quiet", unit], seconds=10.0, check=False).status == 0
    except CommandError:
        return False


def _default_routes(host: Host) -> set[str]:
    """Interfaces with a default route in any table, IPv4 and IPv6, multipath included."""
    found = set()
    for family in ("-4", "-6"):
        for route in netdev.ip_json(host, family, "route", "show", "default", "table", "all"):
            if route.get("dst") != "default":
                continue
            hops = route.get("nexthops")
            for hop in [route, *(hops if isinstance(hops, list) else [])]:
                device = hop.get("dev") if isinstance(hop, dict) else None
                if isinstance(device, str):
                    found.add(device)
    return found

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be lost: default routes, SSH connections, bridges and bonds on a PF, and who holds a VF.

Looked for only where a plan would change something: it walks the processes' open files.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

from . import kubelet, netdev, pci
from .errors import CommandError
from .host import Host
from .model import NodeState, Pf, Vf, is_userspace
from .netdev import Link

SOCKET_TABLE_LIMIT = 64 << 20  # bytes; about 400,000 connections
SSH_SERVERS = ("sshd", "sshd-session", "dropbear")
ESTABLISHED = "01"  # Linux include/net/tcp_states.h


def read_usage(host: Host, state: NodeState, ssh_connection: str, plugin_unit: str) -> NodeState:
    """The state with each PF's `uses`, each VF's `holders`, and whether the device plugin's unit runs.

    `ssh_connection`: sshd's SSH_CONNECTION, a hint ("" where there is none).

    Raises HostError where the host can't be read: nothing may be changed then.
    """
    links = netdev.read_links(host)
    routes = _default_routes(host)
    processes = _processes(host)
    sessions = _ssh_devices(host, processes, ssh_connection)
    groups = _open_vfio(host, processes)
    pods = kubelet.allocations(host)

    def uses(name: str | None) -> tuple[str, ...]:
        if name is None or name not in links:
            return ()
        found = []
        for device in _with_uppers(name, links):
            where = "" if device == name else f" through {device}"
            if device in routes:
                found.append(f"the default route{where}")
            if device in sessions:
                found.append(f"an SSH connection to {sessions[device]}{where}")
        master = links[name].master
        if master is not None:
            kind = links[master].kind if master in links else ""
            found.append(f"a port of the {kind or 'interface'} {master}")
        return tuple(found)

    def vf_holders(vf: Vf) -> tuple[str, ...]:
        return (*pods.get(vf.address, ()), *others(vf))

    def others(vf: Vf) -> tuple[str, ...]:
        if vf.is_away:
            return ("another network namespace (a pod, or a container)",)
        if vf.iommu_group is not None and is_userspace(vf.driver):
            devices = [f"devices/{name}" for name in host.list_dir(f"{pci.DEVICES}/{vf.address}/vfio-dev")]
            return tuple(holder for key in (vf.iommu_group, *devices) for holder in groups.get(key, ()))
        return uses(vf.netdev)

    def with_usage(pf: Pf) -> Pf:
        return replace(pf, uses=uses(pf.name), vfs=tuple(replace(vf, holders=vf_holders(vf)) for vf in pf.vfs))

    active = _is_active(host, plugin_unit)
    return replace(state, pfs=tuple(with_usage(pf) for pf in state.pfs), plugin_active=active, with_usage=True)


def _is_active(host: Host, unit: str) -> bool:
    """False also where there is no systemd, or it does not answer: then nothing of ours runs under it."""
    try:
        return host.run(["systemctl", "is-active", "--quiet", unit], seconds=10.0, check=False).status == 0
    except CommandError:
        return False


def _with_uppers(name: str, links: Mapping[str, Link]) -> list[str]:
    """An interface and all that stand on it: its bridge or bond, VLANs, and theirs."""
    found = [name]
    for device in found:
        master = links[device].master if device in links else None
        above = [master] if master else []
        above += [link.name for link in links.values() if link.lower == device]
        found += [upper for upper in above if upper not in found]
    return found


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


def _processes(host: Host) -> dict[int, str]:
    """Process ids and names."""
    found = {}
    for entry in host.list_dir("/proc"):
        if entry.isdecimal():
            found[int(entry)] = pci.read_text(host.path(f"/proc/{entry}/comm")) or "?"
    return found


def _open_files(host: Host, pid: int) -> Iterable[str]:
    for fd in host.list_dir(f"/proc/{pid}/fd"):
        target = host.read_link(f"/proc/{pid}/fd/{fd}")
        if target is not None:
            yield target


def _ssh_devices(host: Host, processes: Mapping[int, str], ssh_connection: str) -> dict[str, str]:
    """Interface -> local address of an established SSH connection."""
    inodes = set()
    for pid, name in processes.items():
        if name in SSH_SERVERS:
            inodes |= {t[8:-1] for t in _open_files(host, pid) if t.startswith("socket:[")}
    locals_ = {_plain(address) for address in _established(host, inodes)}
    parts = ssh_connection.split()
    if len(parts) == 4:
        locals_.add(_plain(parts[2].partition("%")[0]))
    locals_.discard("")
    found: dict[str, str] = {}
    if locals_:
        for item in netdev.ip_json(host, "addr", "show"):
            addresses = item.get("addr_info")
            for address in addresses if isinstance(addresses, list) else ():
                text = _plain(str(address.get("local", ""))) if isinstance(address, dict) else ""
                if text in locals_ and isinstance(item.get("ifname"), str):
                    found[item["ifname"]] = text
    return found


def _plain(text: str) -> str:
    """An address in its usual form, IPv4 inside IPv6 as IPv4; "" for what is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _established(host: Host, inodes: set[str]) -> Iterable[str]:
    """Local addresses of the established TCP sockets with these inodes (Linux
    Documentation/networking/proc_net_tcp).
    """
    if not inodes:
        return
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (host.read_text(table, SOCKET_TABLE_LIMIT) or "").splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == ESTABLISHED and words[9] in inodes:
                yield _kernel_address(words[1].partition(":")[0])


def _kernel_address(text: str) -> str:
    """The kernel prints an address as 32-bit words in the machine's byte order."""
    try:
        words = [bytes.fromhex(text[i : i + 8]) for i in range(0, len(text), 8)]
        raw = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
        return str(ipaddress.ip_address(raw))
    except ValueError:
        return ""


def _open_vfio(host: Host, processes: Mapping[int, str]) -> dict[str, list[str]]:
    """IOMMU group, or "devices/vfioN" (iommufd), -> who has its VFIO device open."""
    found: dict[str, list[str]] = {}
    for pid, name in processes.items():
        for target in set(_open_files(host, pid)):
            if target.startswith("/dev/vfio/"):
                group = target[10:].replace("noiommu-", "")
                found.setdefault(group, []).append(f"process {pid} ({name}), which has {target} open")
    return found

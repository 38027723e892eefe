# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of the host: their names, the devices that they have open, and sshd's connections. Writes nothing."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ..host.host import Host
from ..shared import pci

SOCKET_TABLE_LIMIT = 64 << 20  # bytes; about 400,000 connections
SSH_SERVERS = ("sshd", "sshd-session", "dropbear")
ESTABLISHED = "01"  # Linux include/net/tcp_states.h
DEVICE_FOLDERS = ("/dev/vfio/", "/dev/uio", "/dev/infiniband/")
DELETED = " (deleted)"  # what the kernel appends to the name of a file that is gone


def names(host: Host) -> dict[int, str]:
    """Process ids and names."""
    pids = filter(str.isdecimal, host.list_dir("/proc"))
    return {int(pid): pci.read_text(host.path(f"/proc/{pid}/comm")) or "?" for pid in pids}


def _open_files(host: Host, pid: int) -> Iterable[str]:
    targets = (host.read_link(f"/proc/{pid}/fd/{fd}") for fd in host.list_dir(f"/proc/{pid}/fd"))
    return (target for target in targets if target is not None)


def ssh_devices(
    host: Host, processes: Mapping[int, str], addresses: Iterable[Mapping[str, Any]], ssh_connection: str
) -> dict[str, str]:
    """Interface -> local address of an established SSH connection. `addresses`: what `ip -j addr show` prints."""
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
    for item in addresses if locals_ else ():
        infos = item.get("addr_info")
        for info in infos if isinstance(infos, list) else ():
            text = _plain(str(info.get("local", ""))) if isinstance(info, dict) else ""
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


def open_devices(host: Host, processes: Mapping[int, str]) -> dict[str, list[str]]:
    """Device file through which functions are used -> who has it open."""
    found: dict[str, list[str]] = {}
    for pid, name in processes.items():
        for target in sorted(set(_open_files(host, pid))):
            if target.startswith(DEVICE_FOLDERS):
                path = target[: -len(DELETED)] if target.endswith(DELETED) else target
                found.setdefault(path, []).append(f"process {pid} ({name}), which has {path} open")
    return found

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which network interfaces the host itself needs: they are never handed to a pod."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import sys
from collections.abc import Iterator
from typing import Union

from . import pci

IpAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
# Of kubeadm, k3s, RKE2 and MicroK8s.
KUBECONFIGS = (
    "/etc/kubernetes/kubelet.conf",
    "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
    "/var/lib/rancher/rke2/agent/kubelet.kubeconfig",
    "/var/snap/microk8s/current/credentials/kubelet.config",
)

_SERVER = re.compile(r"""["']?https?://(\[[0-9a-fA-F:.]+\]|[^/:"'\[\]]+)""")
ROUTE_LINES = 200_000  # routing tables are untrusted in length; the default route comes first in both files


def interfaces(root: str) -> dict[str, str]:
    """Interface name -> what it is needed for: a default route, the API server, or a bond or bridge above it.

    A default route on a bridge, bond or VLAN counts for every interface below it. Sources: /proc/net/route
    (main table; of a multipath route the kernel shows the first hop), /proc/net/ipv6_route, and the `lower_*`
    and `master` links of /sys/class/net (Linux net/core/dev.c).
    """
    needed: dict[str, str] = {}
    net = f"{root}/sys/class/net"
    for name in pci.list_dir(net):
        master = pci.link_name(f"{net}/{name}/master")
        if master:
            needed[name] = f"it is a port of {master}"
    for address in api_servers(root):
        holder = _route(root, address)
        for name in _with_lower(net, holder) if holder else ():
            needed[name] = f"the host's route to the API server {address} goes over {holder}"
    for family, holders in (("IPv4", _default_v4(root)), ("IPv6", _default_v6(root))):
        for holder in holders:
            for name in _with_lower(net, holder):
                needed[name] = f"the host's {family} default route goes over {holder}"
    return needed


def api_servers(root: str) -> set[IpAddress]:
    """The API server's addresses, from the server line of the kubelet's kubeconfig; of that file nothing else is kept.

    A name is looked up in /etc/hosts alone: the DNS may be slow or away, and then the default route leads there.
    """
    found: set[IpAddress] = set()
    for path in KUBECONFIGS:
        for line in _lines(root + path):
            if len(line) == 2 and line[0] == "server:":
                found.update(_addresses(root, line[1]))
    return found


def _addresses(root: str, url: str) -> list[IpAddress]:
    match = _SERVER.match(url)
    host = match[1].strip("[]") if match else ""
    texts = [host, *(line[0] for line in _lines(f"{root}/etc/hosts") if host.lower() in map(str.lower, line[1:]))]
    found = []
    for text in texts:
        with contextlib.suppress(ValueError):
            found.append(ipaddress.ip_address(text))
    return found


def _route(root: str, address: IpAddress) -> str:
    """The interface of the longest matching route of the main table, the default routes left out; "" without one."""
    best, over = 0, ""
    for prefix, name in _routes_v4(root) if address.version == 4 else _routes_v6(root):
        if prefix.prefixlen > best and address in prefix:
            best, over = prefix.prefixlen, name
    return over


def _routes_v4(root: str) -> Iterator[tuple[ipaddress.IPv4Network, str]]:
    for fields in _lines(f"{root}/proc/net/route"):
        with contextlib.suppress(ValueError, IndexError, OverflowError):
            # Each number is printed as this machine holds the four bytes.
            numbers = (int(fields[n], 16).to_bytes(4, sys.byteorder) for n in (1, 7))
            target, mask = (ipaddress.IPv4Address(number) for number in numbers)
            yield ipaddress.IPv4Network(f"{target}/{mask}"), fields[0]


def _routes_v6(root: str) -> Iterator[tuple[ipaddress.IPv6Network, str]]:
    for fields in _lines(f"{root}/proc/net/ipv6_route"):
        with contextlib.suppress(ValueError, IndexError):
            yield ipaddress.IPv6Network((bytes.fromhex(fields[0]), int(fields[1], 16))), fields[9]


def _with_lower(net: str, name: str) -> set[str]:
    """The interface and all that it stands on; a loop of links ends by the set."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        waiting.extend(e[6:] for e in pci.list_dir(f"{net}/{current}") if e.startswith("lower_"))
    return seen


def _default_v4(root: str) -> set[str]:
    # Iface Destination Gateway Flags RefCnt Use Metric Mask ...
    return {f[0] for f in _lines(f"{root}/proc/net/route") if len(f) > 7 and f[1] == f[7] == "00000000"}


def _default_v6(root: str) -> set[str]:
    # destination prefix-length source prefix-length next-hop metric refcnt use flags interface
    return {f[9] for f in _lines(f"{root}/proc/net/ipv6_route") if len(f) > 9 and f[0] == "0" * 32 and f[1] == "00"}


def _lines(path: str) -> list[list[str]]:
    """The fields of each line; empty where the file is missing (no IPv6, say) or not for us."""
    found: list[list[str]] = []
    with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as stream:
        for line in stream:
            found.append(line[:512].split())
            if len(found) >= ROUTE_LINES:
                break
    return found

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which network interfaces the host itself needs: they are never handed to a pod."""

from __future__ import annotations

import os

from . import pci

ROUTE_LINES = 200_000  # routing tables are untrusted in length; the default route comes first in both files


def interfaces(root: str) -> dict[str, str]:
    """Interface name -> what it is needed for: a default route, or a bond or bridge above it.

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
    for family, holders in (("IPv4", _default_v4(root)), ("IPv6", _default_v6(root))):
        for holder in holders:
            for name in _with_lower(net, holder):
                needed[name] = f"the host's {family} default route goes over {holder}"
    return needed


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
    """The fields of each line; empty where the file is missing (no IPv6, say)."""
    found: list[list[str]] = []
    if not os.path.exists(path):
        return found
    with open(path, encoding="ascii", errors="replace") as stream:
        for line in stream:
            found.append(line[:512].split())
            if len(found) >= ROUTE_LINES:
                break
    return found

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's unicast routes: of all routing tables, with each hop of a multipath route, by rtnetlink(7).

Any process may ask for them. Where netlink can't be used, or the host is a folder of a test, /proc/net/route and
/proc/net/ipv6_route tell the main table and first hops.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import socket
import struct
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Union

IpAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
IpNetwork = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
MOST = 200_000  # routes of one family that are looked at; a table is untrusted in length
TIMEOUT = 2.0  # seconds for each message of the kernel
MAIN = 254

# Linux include/uapi/linux/netlink.h and rtnetlink.h.
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTA_DST, RTA_OIF, RTA_MULTIPATH, RTA_TABLE = 1, 4, 9, 15
RTN_UNICAST = 1
RTM_F_CLONED = 0x200
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ROUTE = struct.Struct("=BBBBBBBBI")  # rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_NEXT_HOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, hops, interface index

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """Where a route leads and over which interfaces."""

    target: IpNetwork
    interfaces: tuple[str, ...]
    table: int = MAIN

    @property
    def is_default(self) -> bool:
        """True for a route to everywhere."""
        return self.target.prefixlen == 0


def read(root: str, addresses: Collection[IpAddress] = ()) -> list[Route]:
    """The default routes of both families, and the routes to these addresses; others may be very many."""

    def asked_for(route: Route) -> bool:
        return route.is_default or any(address in route.target for address in addresses)

    if not root:
        try:
            families = (socket.AF_INET, socket.AF_INET6)
            return [route for family in families for route in _dump(family) if asked_for(route)]
        except OSError as error:
            log.debug("no routes by netlink (%s); reading /proc/net instead", error)
    return [route for route in (*_proc_v4(root), *_proc_v6(root)) if asked_for(route)]


def _dump(family: int) -> Iterator[Route]:
    """One family's routes, asked of the kernel. Raises OSError."""
    looked_at = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(TIMEOUT)
        request = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        head = _HEADER.pack(_HEADER.size + len(request), RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
        kernel.sendto(head + request, (0, 0))
        while looked_at < MOST:
            data, sender = kernel.recvfrom(1 << 18)
            for kind, content in _messages(data) if sender[0] == 0 else ():
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", content)[0] if len(content) >= 4 else 0
                    raise OSError(code, os.strerror(code))
                looked_at += 1
                route = parse(content) if kind == RTM_NEWROUTE else None
                if route is not None:
                    yield route


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _flags, _sequence, _port = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, data[at + _HEADER.size : at + length]
        at += _aligned(length)


def parse(content: bytes) -> Route | None:
    """A route from the body of its message; None for what is no unicast route over an interface."""
    if len(content) < _ROUTE.size:
        return None
    family, length, _source, _tos, table, _protocol, _scope, kind, flags = _ROUTE.unpack_from(content)
    if kind != RTN_UNICAST or flags & RTM_F_CLONED or family not in (socket.AF_INET, socket.AF_INET6):
        return None
    size = 4 if family == socket.AF_INET else 16
    target, indexes = b"", []
    for attribute, value in _attributes(content[_ROUTE.size :]):
        if attribute == RTA_DST:
            target = value
        elif attribute == RTA_TABLE and len(value) == 4:
            table = struct.unpack("=I", value)[0]
        elif attribute == RTA_OIF and len(value) == 4:
            indexes.append(struct.unpack("=i", value)[0])
        elif attribute == RTA_MULTIPATH:
            indexes.extend(_hops(value))
    names = tuple(dict.fromkeys(name for index in indexes if (name := _name(index))))
    if not names or length > 8 * size or len(target) not in (0, size):
        return None
    return Route(ipaddress.ip_network((target or bytes(size), length), strict=False), names, table)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind & 0x3FFF, data[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)


def _hops(data: bytes) -> Iterator[int]:
    at = 0
    while at + _NEXT_HOP.size <= len(data):
        length, _flags, _number, index = _NEXT_HOP.unpack_from(data, at)
        if length < _NEXT_HOP.size:
            return
        yield index
        at += _aligned(length)


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _name(index: int) -> str:
    """The interface's name; "" for one that is gone or that nobody can have."""
    with contextlib.suppress(OSError, OverflowError):
        return socket.if_indextoname(index)
    return ""


def _proc_v4(root: str) -> Iterator[Route]:
    for fields in lines(f"{root}/proc/net/route"):
        with contextlib.suppress(ValueError, IndexError, OverflowError):
            # Each number is printed as this machine holds the four bytes.
            numbers = (int(fields[n], 16).to_bytes(4, sys.byteorder) for n in (1, 7))
            target, mask = (ipaddress.IPv4Address(number) for number in numbers)
            yield Route(ipaddress.IPv4Network(f"{target}/{mask}"), (fields[0],))


def _proc_v6(root: str) -> Iterator[Route]:
    for fields in lines(f"{root}/proc/net/ipv6_route"):
        with contextlib.suppress(ValueError, IndexError):
            target = ipaddress.IPv6Network((bytes.fromhex(fields[0]), int(fields[1], 16)))
            yield Route(target, (fields[9],))


def lines(path: str) -> list[list[str]]:
    """The fields of each line; empty where the file is missing (no IPv6, say) or not for us."""
    found: list[list[str]] = []
    with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as stream:
        for line in stream:
            found.append(line[:512].split())
            if len(found) >= MOST:
                break
    return found

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's addresses and routes: of all routing tables, with each hop of a multipath route, by rtnetlink(7).

Any process may ask for them, in one dump for all interfaces. Where netlink can't be used, or the host is a folder of a
test, /proc/net/route, ipv6_route and if_inet6 tell the main table, first hops, and the addresses of IPv6; those of IPv4
by the routes to their nets.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from shared.host_uses import ADVERTISED, DEFAULT, default_route, is_own_address, is_own_route

MOST = 200_000  # addresses, or routes of one family, that are looked at; a table is untrusted in length
MOST_KEPT = 1000  # of one interface: a router's table has many over one
TIMEOUT = 2.0  # seconds for each message of the kernel

# Linux include/uapi/linux/netlink.h, rtnetlink.h and if_addr.h.
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWADDR, RTM_GETADDR, RTM_NEWROUTE, RTM_GETROUTE = 20, 22, 24, 26
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTM_NEWNEXTHOP, RTM_GETNEXTHOP = 104, 106
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_MULTIPATH, RTA_VIA, RTA_NH_ID = 1, 4, 5, 9, 18, 30
NHA_ID, NHA_GROUP, NHA_OIF = 1, 2, 5  # include/uapi/linux/nexthop.h
RTM_F_CLONED = 0x200
RTF_REJECT, RTF_ADDRCONF, RTF_ANYCAST, RTF_LOCAL = 0x200, 0x40000, 0x40000000, 0x80000000
HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_NEXT_HOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, hops, interface index
_NEXTHOP_OBJECT = struct.Struct("=BBBBI")  # nhmsg: family, scope, protocol, reserved, flags
_GROUP_ENTRY = struct.Struct("=IBBH")  # nexthop_grp: id, weight, reserved
_PROC_SCOPES = {"10": "host", "20": "link"}  # Linux include/net/ipv6.h, IPV6_ADDR_LOOPBACK and IPV6_ADDR_LINKLOCAL

log = logging.getLogger(__name__)

Named = dict[str, list[str]]  # interface -> texts


def read(root: str) -> tuple[Named, Named]:
    """Interface -> its addresses, and -> the destinations of its routes; those that it has of itself are left out."""
    if not root:
        try:
            names = dict(socket.if_nameindex())
            addresses = map(parse_address, _dump(RTM_GETADDR, RTM_NEWADDR, _ADDRESS.pack(0, 0, 0, 0, 0)))
            families = (_ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0) for family in (socket.AF_INET, socket.AF_INET6))
            hops = _hops()
            routes = (parse_route(r, hops) for body in families for r in _dump(RTM_GETROUTE, RTM_NEWROUTE, body))
            return _named(addresses, names), _named(routes, names)
        except OSError as error:
            log.debug("no addresses and routes by netlink (%s); reading /proc/net instead", error)
    return _collect(_proc_addresses(root)), _collect((*_proc_v4(root), *_proc_v6(root)))


def _named(found: Iterable[tuple[str, list[int]] | None], names: dict[int, str]) -> Named:
    return _collect((names[i], text) for text, indexes in filter(None, found) for i in indexes if i in names)


def _collect(pairs: Iterable[tuple[str, str]]) -> Named:
    found: dict[str, dict[str, None]] = {}
    for name, text in pairs:
        known = found.setdefault(name, {})
        if text.startswith(DEFAULT) or len(known) < MOST_KEPT:
            known[text] = None
    return {name: list(known) for name, known in found.items()}


def _dump(request: int, answer: int, body: bytes) -> Iterator[bytes]:
    """The bodies of all messages of one kind, asked of the kernel. Raises OSError."""
    looked_at = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(TIMEOUT)
        head = HEADER.pack(HEADER.size + len(body), request, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
        kernel.sendto(head + body, (0, 0))
        while looked_at < MOST:
            data, sender = kernel.recvfrom(1 << 18)
            for (_length, kind, *_rest), content in split(data, HEADER) if sender[0] == 0 else ():
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", content)[0] if len(content) >= 4 else 0
                    raise OSError(code, os.strerror(code))
                looked_at += 1
                if kind == answer:
                    yield content


def split(data: bytes, head: struct.Struct) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Messages, attributes or next hops one by one: the fields of the head, of which the first is the whole length, and
    what follows it. Ends at one that can't be.
    """
    at = 0
    while at + head.size <= len(data):
        fields = head.unpack_from(data, at)
        if fields[0] < head.size:
            return
        yield fields, data[at + head.size : at + fields[0]]
        at += (fields[0] + 3) & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    return ((fields[1] & 0x3FFF, value) for fields, value in split(data, _ATTRIBUTE))


def parse_address(content: bytes) -> tuple[str, list[int]] | None:
    """ADDRESS/LENGTH and the interface's index, from the body of its message; None for one that is no use. An address
    that can't be read is "?".
    """
    if len(content) < _ADDRESS.size:
        return None
    family, length, _flags, scope, index = _ADDRESS.unpack_from(content)
    found = dict(_attributes(content[_ADDRESS.size :]))
    return None if is_own_address(scope) else (
        _text(family, found.get(IFA_LOCAL) or found.get(IFA_ADDRESS, b""), length), [index])  # fmt: skip


def _hops() -> Mapping[int, Sequence[int]]:
    """Id of a nexthop object -> the indexes of its interfaces, of a group all; before Linux 5.3 there are none. Raises
    OSError.
    """
    try:
        found = dict(map(parse_nexthop, _dump(RTM_GETNEXTHOP, RTM_NEWNEXTHOP, _NEXTHOP_OBJECT.pack(0, 0, 0, 0, 0))))
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        return {}
    single = {ident: indexes for ident, (indexes, _members) in found.items()}
    return {
        ident: [*indexes, *(index for member in members for index in single.get(member, ()))]
        for ident, (indexes, members) in found.items()
    }


def parse_nexthop(content: bytes) -> tuple[int, tuple[list[int], list[int]]]:
    """The id of a nexthop object, the index of its interface, and the ids of a group's members; 0 for what is none."""
    found = dict(_attributes(content[_NEXTHOP_OBJECT.size :]))
    ident, index = (int.from_bytes(found.get(key, b"")[:4], sys.byteorder) for key in (NHA_ID, NHA_OIF))
    group = found.get(NHA_GROUP, b"")
    whole = group[: len(group) // _GROUP_ENTRY.size * _GROUP_ENTRY.size]
    return ident, ([index] if index else [], [entry[0] for entry in _GROUP_ENTRY.iter_unpack(whole)])


def parse_route(content: bytes, hops: Mapping[int, Sequence[int]] | None = None) -> tuple[str, list[int]] | None:
    """The destination and the indexes of the interfaces, from the body of its message; None for a route that is no use,
    or over no interface. hops: those of nexthop objects, which may be all that a route tells.
    """
    if len(content) < _ROUTE.size:
        return None
    family, length, _source, _tos, _table, protocol, _scope, kind, flags = _ROUTE.unpack_from(content)
    found = dict(_attributes(content[_ROUTE.size :]))
    indexes = [fields[3] for fields, _rest in split(found.get(RTA_MULTIPATH, b""), _NEXT_HOP)]
    if len(found.get(RTA_OIF, b"")) == 4:
        indexes += struct.unpack("=i", found[RTA_OIF])
    ident = found.get(RTA_NH_ID, b"")
    indexes += (hops or {}).get(int.from_bytes(ident, sys.byteorder), ()) if len(ident) == 4 else ()
    text = _text(family, found.get(RTA_DST, b""), length) if length else default_route(protocol)
    gateway = RTA_GATEWAY in found or RTA_VIA in found or bool(ident)
    if not indexes or flags & RTM_F_CLONED or is_own_route(text, kind, protocol, gateway):
        return None
    return text, list(dict.fromkeys(indexes))


def _text(family: int, packed: bytes, length: int) -> str:
    try:
        return f"{socket.inet_ntop(family, packed)}/{length}"
    except (OSError, ValueError):
        return "?"


def _proc_addresses(root: str) -> Iterator[tuple[str, str]]:
    for fields in lines(f"{root}/proc/net/if_inet6"):
        with contextlib.suppress(ValueError, IndexError):
            text = _text(socket.AF_INET6, bytes.fromhex(fields[0]), int(fields[2], 16))
            if not is_own_address(_PROC_SCOPES.get(fields[3])):
                yield fields[5], text


def _proc_v4(root: str) -> Iterator[tuple[str, str]]:
    for fields in lines(f"{root}/proc/net/route"):
        with contextlib.suppress(ValueError, IndexError, OverflowError):
            # Each number is printed as this machine holds the four bytes.
            target, gateway, mask = (int(fields[n], 16).to_bytes(4, sys.byteorder) for n in (1, 2, 7))
            length = bin(int.from_bytes(mask, "big")).count("1")
            text = _text(socket.AF_INET, target, length) if length else DEFAULT
            if not is_own_route(text, None, None, any(gateway)):
                yield fields[0], text


def _proc_v6(root: str) -> Iterator[tuple[str, str]]:
    for fields in lines(f"{root}/proc/net/ipv6_route"):
        with contextlib.suppress(ValueError, IndexError):
            length, gateway = int(fields[1], 16), any(bytes.fromhex(fields[4]))
            advertised = int(fields[8], 16) & RTF_ADDRCONF
            default = default_route(ADVERTISED[0] if advertised else None)
            text = _text(socket.AF_INET6, bytes.fromhex(fields[0]), length) if length else default
            no_use = int(fields[8], 16) & (RTF_REJECT | RTF_ANYCAST | RTF_LOCAL)
            if not no_use and not is_own_route(text, None, None, gateway):
                yield fields[9], text


def lines(path: str) -> list[list[str]]:
    """The fields of each line; empty where the file is missing (no IPv6, say) or not for us."""
    found: list[list[str]] = []
    with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as stream:
        for line in stream:
            found.append(line[:512].split())
            if len(found) >= MOST:
                break
    return found

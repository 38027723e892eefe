# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rtnetlink messages that this plugin needs: links, VFs of a PF, alternative names, addresses, routes.

Numbers and layouts: linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h,
linux/neighbour.h. Requests are (type, flags, payload)
for netlink.Socket; parse_* takes the payload of an answer.
"""

from __future__ import annotations

from _socket import inet_ntop
from struct import Struct, unpack

from .addresses import mac_bytes, mac_text
from .socket import NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, Message, attribute, attributes, nested, number, text

RTM_GETLINK, RTM_SETLINK = 18, 19
RTM_NEWADDR, RTM_GETADDR, RTM_NEWROUTE, RTM_GETROUTE = 20, 22, 24, 26
RTM_NEWNEIGH, RTM_NEWLINKPROP, RTM_DELLINKPROP = 28, 108, 109

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_VFINFO_LIST = 1, 3, 4, 5, 10, 22
IFLA_LINKINFO, IFLA_INFO_KIND = 18, 1
IFLA_NET_NS_FD, IFLA_EXT_MASK, IFLA_LINK_NETNSID, IFLA_PROP_LIST, IFLA_ALT_IFNAME = 28, 29, 37, 52, 53
IFLA_PARENT_DEV_NAME = 56
EXT_VF, EXT_SKIP_STATS = 1, 8
IFF_UP, IFF_RUNNING, IFF_PROMISC, IFF_ALLMULTI = 0x1, 0x40, 0x100, 0x200
# DEBUG, NOTRAILERS, NOARP, MULTICAST, PORTSEL, AUTOMEDIA, DYNAMIC: the others that can be set (dev_change_flags).
IFF_OTHERS = 0x4 | 0x20 | 0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000
ARPHRD_ETHER = 1

IFLA_VF_INFO = 1
_VF_INDEXED = (1, 2, 4, 5, 6, 9)  # MAC, VLAN, spoofchk, link state, rate and trust begin with the VF's index

IFADDR_SCOPE = 3  # the byte of an address' payload that holds its scope
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
IFA_F_NODAD, IFA_F_OPTIMISTIC, IFA_F_DADFAILED, IFA_F_TENTATIVE = 0x02, 0x04, 0x08, 0x40
_NDA_DST, _NTF_USE = 1, 0x01
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_METRICS, RTA_TABLE = 1, 4, 5, 6, 8, 15
RTA_MULTIPATH = 9
RTAX_MTU, RTAX_ADVMSS = 2, 8
RT_TABLE_MAIN, RTPROT_BOOT, RTN_UNICAST = 254, 3, 1
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK = 0, 253

_IFINFO = Struct("=BxHiII")
_IFADDR = Struct("=BBBBI")
_NDMSG = Struct("=BxxxiHBB")
_RTMSG = Struct("=BBBBBBBBI")
_RTNEXTHOP = Struct("=HBBi")


class Interface:
    """A network interface, as the kernel describes it."""

    def __init__(self, payload: bytes) -> None:
        _family, self.kind, self.index, self.flags, _change = _IFINFO.unpack_from(payload)
        found = dict(attributes(payload[_IFINFO.size :]))
        self.attributes = found
        self.name = _string(found.get(IFLA_IFNAME, b""))
        self.mac = mac_text(found.get(IFLA_ADDRESS, b""))
        self.mtu = _number(found.get(IFLA_MTU, b""))
        # Index of the bridge or bond that this is a port of.
        self.master = _number(found.get(IFLA_MASTER, b""))
        # Index of the interface that a VLAN or macvlan is on, or of a veth's peer; not of one in another namespace.
        self.lower = 0 if IFLA_LINK_NETNSID in found else _number(found.get(IFLA_LINK, b""))
        names = attributes(found.get(IFLA_PROP_LIST, b""))
        self.altnames = [_string(data) for kind, data in names if kind == IFLA_ALT_IFNAME]
        kinds = attributes(found.get(IFLA_LINKINFO, b""))
        # "vlan", "bridge", ...; "" for an interface that hardware makes.
        self.info_kind = next((_string(data) for kind, data in kinds if kind == IFLA_INFO_KIND), "")
        self.parent = _string(found.get(IFLA_PARENT_DEV_NAME, b""))  # the PCI address, from Linux 5.14 on
        self.vfs = parse_vfs(found.get(IFLA_VFINFO_LIST, b""))  # attributes of each VF, by its index


def _string(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "replace")


def words(data: bytes) -> tuple[int, ...]:
    """The numbers of 32 bits in it; what is left behind the last one does not count."""
    return unpack(f"={len(data) // 4}I", data[: len(data) & ~3])


def _number(data: bytes) -> int:
    return (words(data) or (0,))[0]


def parse_vfs(data: bytes) -> dict[int, list[tuple[int, bytes]]]:
    """VF index -> its attributes, from the IFLA_VFINFO_LIST of a PF; the index is read, not counted."""
    found: dict[int, list[tuple[int, bytes]]] = {}
    for kind, info in attributes(data):
        entries = list(attributes(info)) if kind == IFLA_VF_INFO else []
        index = [words(value)[0] for field, value in entries if field in _VF_INDEXED and len(value) >= 8]
        if index:
            found[index[0]] = entries
    return found


def get_link(index: int = 0, name: str = "", mask: int = 0) -> Message:
    """Ask for one link by index or by name (an alternative name counts), or, in a dump, for all; mask: EXT_VF,
    EXT_SKIP_STATS.
    """
    payload = _IFINFO.pack(0, 0, index, 0, 0)
    if name:
        payload += text(IFLA_IFNAME, name)
    if mask:
        payload += number(IFLA_EXT_MASK, mask)
    return RTM_GETLINK, 0, payload


def set_link(
    index: int,
    *,
    name: str = "",
    mac: str = "",
    mtu: int = 0,
    netns_fd: int = -1,
    flags: int = 0,
    change: int = 0,
    more: bytes = b"",
) -> Message:
    """Change a link; `change` masks the `flags` to set, `more` are attributes. The kernel moves, then sets MAC, MTU,
    name and flags.
    """
    payload = _IFINFO.pack(0, 0, index, flags, change)
    if netns_fd >= 0:
        payload += number(IFLA_NET_NS_FD, netns_fd)
    if mac:
        payload += attribute(IFLA_ADDRESS, mac_bytes(mac))
    if mtu:
        payload += number(IFLA_MTU, mtu)
    if name:
        payload += text(IFLA_IFNAME, name)
    return RTM_SETLINK, 0, payload + more


def set_vf(index: int, changes: list[bytes]) -> Message:
    """Change one VF's settings on the PF with this interface index; the kernel stops at the first that
    fails.
    """
    info = nested(IFLA_VF_INFO, *changes)
    return RTM_SETLINK, 0, _IFINFO.pack(0, 0, index, 0, 0) + nested(IFLA_VFINFO_LIST, info)


def set_altnames(index: int, names: list[str], *, add: bool) -> Message:
    """Add or remove alternative names (from Linux 5.5 on)."""
    entries = [text(IFLA_ALT_IFNAME, name) for name in names]
    payload = _IFINFO.pack(0, 0, index, 0, 0) + nested(IFLA_PROP_LIST, *entries)
    if add:
        return RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, payload
    return RTM_DELLINKPROP, 0, payload


def new_address(index: int, family: int, address: bytes, prefix: int, flags: int = 0) -> Message:
    """Give a link an address; IPv4 ones are sent as local and peer alike."""
    payload = _IFADDR.pack(family, prefix, flags, 0, index)
    if len(address) == 4:
        payload += attribute(IFA_LOCAL, address)
    return RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, payload + attribute(IFA_ADDRESS, address)


def get_addresses(index: int = 0) -> Message:
    """Ask for all addresses, or those of one link; a kernel before 4.20 sends all."""
    return RTM_GETADDR, 0, _IFADDR.pack(0, 0, 0, 0, index)


def parse_address(payload: bytes) -> tuple[int, str, int]:
    """Interface index, `ADDRESS/LENGTH` and flags of one address."""
    family, prefix, flags, _scope, index = _IFADDR.unpack_from(payload)
    found = dict(attributes(payload[_IFADDR.size :]))
    if IFA_FLAGS in found:
        flags = _number(found[IFA_FLAGS])
    raw = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS) or b""
    return index, f"{inet_ntop(family, raw)}/{prefix}" if raw else "", flags


class Route:
    """A route to set or as found. `dst` and `gateway` are bytes, `dst` empty for a default route."""

    def __init__(self, family: int, dst: bytes, prefix: int, gateway: bytes = b"") -> None:
        self.family = family
        self.dst = dst if prefix else b""
        self.prefix = prefix
        self.gateway = gateway
        self.oif = 0
        self.hops: list[int] = []  # interfaces of a multipath route
        self.kind, self.protocol = RTN_UNICAST, RTPROT_BOOT
        self.table = RT_TABLE_MAIN
        self.scope = -1  # -1: universe with a gateway, link without
        self.priority = self.mtu = self.advmss = 0


def new_route(route: Route) -> Message:
    """Add a route; a second one to the same destination is appended (ECMP for IPv6)."""
    scope = route.scope
    if scope < 0:
        scope = RT_SCOPE_UNIVERSE if route.gateway or len(route.dst) == 16 else RT_SCOPE_LINK
    table = route.table if route.table < 256 else 0
    payload = _RTMSG.pack(route.family, route.prefix, 0, 0, table, RTPROT_BOOT, scope, RTN_UNICAST, 0)
    payload += number(RTA_TABLE, route.table)
    if route.dst:
        payload += attribute(RTA_DST, route.dst)
    if route.gateway:
        payload += attribute(RTA_GATEWAY, route.gateway)
    payload += number(RTA_OIF, route.oif)
    if route.priority:
        payload += number(RTA_PRIORITY, route.priority)
    metrics = [number(k, v) for k, v in ((RTAX_MTU, route.mtu), (RTAX_ADVMSS, route.advmss)) if v]
    if metrics:
        payload += nested(RTA_METRICS, *metrics)
    return RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, payload


def use_neighbour(index: int, family: int, address: bytes) -> Message:
    """Have the kernel look a neighbour up, now and twice more a second apart."""
    payload = _NDMSG.pack(family, index, 0, _NTF_USE, 0) + attribute(_NDA_DST, address)
    return RTM_NEWNEIGH, NLM_F_CREATE, payload


def get_routes(oif: int = 0) -> Message:
    """Ask for all routes of both families, or those through one link; a kernel before 4.20 sends all."""
    return RTM_GETROUTE, 0, _RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0) + (number(RTA_OIF, oif) if oif else b"")


def parse_route(payload: bytes) -> Route:
    """One route as found; of multipath next hops the interfaces alone."""
    family, prefix, _src, _tos, table, protocol, scope, kind, _flags = _RTMSG.unpack_from(payload)
    found = dict(attributes(payload[_RTMSG.size :]))
    route = Route(family, found.get(RTA_DST, b""), prefix, found.get(RTA_GATEWAY, b""))
    route.kind, route.protocol = kind, protocol
    hops = found.get(RTA_MULTIPATH, b"")
    while len(hops) >= _RTNEXTHOP.size:
        size, _flags, _weight, index = _RTNEXTHOP.unpack_from(hops)
        route.hops.append(index)
        hops = hops[max(size, _RTNEXTHOP.size) + 3 & ~3 :]
    route.table = _number(found[RTA_TABLE]) if RTA_TABLE in found else table
    route.scope = scope
    route.oif = _number(found[RTA_OIF]) if RTA_OIF in found else 0
    route.priority = _number(found[RTA_PRIORITY]) if RTA_PRIORITY in found else 0
    return route

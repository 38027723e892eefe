# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod with CAP_NET_ADMIN can leave on a VF's interface that the way to another namespace does not take away.

Addresses, neighbours, multicast lists, qdiscs and nftables hooks go with the move (dev_change_net_namespace). The rest
is in the kernel's one answer about the link, which ADD and DEL read anyway, and in what ethtool tells.
"""

from __future__ import annotations

from ..host import ethtool
from ..host.host import NodeHost
from ..netlink.messages import IFF_ALLMULTI, IFF_OTHERS, IFF_PROMISC, IFF_UP, Interface, set_link, words
from ..netlink.socket import Message, attribute, attributes, nested, number
from .journal import Attachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .journal import Link

FIRST_FLAGS = IFF_UP | IFF_PROMISC | IFF_ALLMULTI  # that journals of every version have
FLAGS = FIRST_FLAGS | IFF_OTHERS
# Attributes of a link that RTM_SETLINK sets (linux/if_link.h, IFLA_*), in words for messages.
ATTRIBUTES = {
    "txqlen": 13, "group": 27, "gso_max_segs": 40, "gso_max_size": 41, "gro_max_size": 58, "gso_ipv4_max_size": 63,
    "gro_ipv4_max_size": 64, "alias": 20, "broadcast": 2, "linkmode": 17, "proto_down": 39,
}  # fmt: skip
_MAY_BE_LESS = ("alias",)  # not told where it is empty
_XDP, _XDP_FD, _XDP_ATTACHED, _XDP_FLAGS = 43, 1, 2, 3
_XDP_PROGRAMS = {5: 1 << 2, 6: 1 << 1, 7: 1 << 3}  # attribute of a program's id: the flag of its mode
_AF_SPEC, _INET, _INET6, _INET_CONF, _INET6_CONF = 26, 2, 10, 1, 2
_CONF = {_INET: _INET_CONF, _INET6: _INET6_CONF}


def record(host: NodeHost, link: Interface) -> Link:
    """For the journal: texts of hexadecimal digits, and lists of numbers."""
    found: Link = {
        name: link.attributes.get(kind, b"").hex() for name, kind in ATTRIBUTES.items()
        if kind in link.attributes or name in _MAY_BE_LESS
    }  # fmt: skip
    for family, conf in _conf(link).items():
        found[f"sysctls{family}"] = conf.hex()
    for kind in ethtool.KINDS:
        numbers = ethtool.read(host.socket, link.index, kind)
        if numbers:
            found[kind] = numbers
    return found


def flags_of(attachment: Attachment) -> int:
    """Those that its journal tells of."""
    return FLAGS if attachment.link else FIRST_FLAGS


def attribute_changes(attachment: Attachment, link: Interface) -> dict[str, Message]:
    """A message for each attribute that differs."""
    changes = {}
    for name, kind in ATTRIBUTES.items():
        before = attachment.link.get(name)
        if isinstance(before, str) and before != link.attributes.get(kind, b"").hex():
            changes[name] = set_link(link.index, more=attribute(kind, bytes.fromhex(before)))
    return changes


def conf_of(attachment: Attachment, link: Interface) -> dict[str, tuple[bytes, bytes]]:
    """ipv4 and ipv6: the interface's sysctls before and now, where they differ."""
    now = _conf(link)
    before = {family: bytes.fromhex(str(attachment.link.get(f"sysctls{family}", ""))) for family in now}
    return {f"ipv{family}": (before[family], now[family]) for family in now if before[family] not in (b"", now[family])}


def _conf(link: Interface) -> dict[str, bytes]:
    found = {}
    for family, data in attributes(link.attributes.get(_AF_SPEC, b"")):
        for kind, conf in attributes(data) if family in _CONF else ():
            if kind == _CONF[family]:
                found["4" if family == _INET else "6"] = conf
    return found


def has_xdp(link: Interface) -> bool:
    """True where a program of any mode is attached."""
    state = dict(attributes(link.attributes.get(_XDP, b"")))
    return any(state.get(_XDP_ATTACHED, b"\0"))


def xdp_off(link: Interface) -> list[Message]:
    """A message for each mode that has a program."""
    state = attributes(link.attributes.get(_XDP, b""))
    modes = [_XDP_PROGRAMS[kind] for kind, value in state if kind in _XDP_PROGRAMS and any(words(value))]
    return [set_link(link.index, more=_xdp(mode)) for mode in modes or ([0] if has_xdp(link) else [])]


def _xdp(mode: int) -> bytes:
    """The attribute that takes the program of a mode away; 0: of whatever mode there is."""
    return nested(_XDP, number(_XDP_FD, 0xFFFFFFFF), number(_XDP_FLAGS, mode) if mode else b"")

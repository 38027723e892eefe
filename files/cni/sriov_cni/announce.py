# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the neighbours where an address is now: gratuitous ARP (RFC 5227, 3), unsolicited NA (RFC 4861, 7.2.6).

The kernel sends the NA itself once duplicate address detection is over (ndisc_notify, set by Pod.prepare). It announces
no IPv4 address that comes after the interface was set up, and no IPv6 address without detection: those are sent here.
Nothing leaves an interface without carrier, and a VF has none for some time: then a child of this process waits for it,
so that the pod does not.
"""

from __future__ import annotations

import os
from _socket import AF_PACKET, SOCK_CLOEXEC, SOCK_DGRAM
from _socket import socket as _Socket
from _struct import pack, unpack

from .addresses import mac_bytes, parse_cidr
from .config import DAD_OFF
from .host import Pauses
from .netlink import NetlinkError
from .netns import Inside
from .rtnl import IFF_RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Host
    from .pod import Pod
    from .result import Result
    from .rtnl import Link

_ETH_ARP, _ETH_IPV6 = 0x0806, 0x86DD
_BROADCAST, _ALL_NODES_MAC = b"\xff" * 6, bytes.fromhex("333300000001")
_ALL_NODES = bytes.fromhex("ff02" + "0" * 27 + "1")
_CARRIER_SECONDS = 3.0


def gratuitous_arp(mac: bytes, address: bytes) -> bytes:
    """An ARP request for one's own IPv4 address."""
    return pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + address + _BROADCAST + address


def unsolicited_na(mac: bytes, address: bytes) -> bytes:
    """A neighbour advertisement to all nodes of the link, with the override flag, as an IPv6 packet."""
    body = pack("!I", 0x20000000) + address + b"\x02\x01" + mac
    size = 4 + len(body)
    checked = address + _ALL_NODES + pack("!II", size, 58) + pack("!BBH", 136, 0, 0) + body
    total = sum(unpack(f"!{len(checked) // 2}H", checked))
    total = (total >> 16) + (total & 0xFFFF)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    header = pack("!IHBB", 0x60000000, size, 58, 255) + address + _ALL_NODES
    return header + pack("!BBH", 136, 0, checksum) + body


def packets(result: Result, mac: str, dad: str) -> list[tuple[int, bytes, bytes]]:
    """Protocol, destination and content of each packet that the kernel does not send."""
    found = []
    raw_mac = mac_bytes(mac)
    for ip in result.ips:
        _family, raw, _prefix = parse_cidr(ip["address"])
        if len(raw) == 4:
            found.append((_ETH_ARP, _BROADCAST, gratuitous_arp(raw_mac, raw)))
        elif dad == DAD_OFF:
            found.append((_ETH_IPV6, _ALL_NODES_MAC, unsolicited_na(raw_mac, raw)))
    return found


def announce(host: Host, pod: Pod, link: Link, result: Result, dad: str) -> None:
    """Send now if there is carrier, else have main send later. A failure is logged: the addresses work without."""
    wanted = packets(result, link.mac, dad)
    if not wanted:
        return
    with Inside(pod.netns):
        socket = _Socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)

    def send() -> None:
        for protocol, destination, content in wanted:
            try:
                socket.sendto(content, (link.name, protocol, 0, 0, destination))
            except OSError as error:
                host.log.warning(f"{link.name}: an address could not be announced: {error.strerror}")

    def send_with_carrier() -> None:
        pauses = Pauses(_CARRIER_SECONDS)
        while pauses.more():
            now = pod.link(link.name)
            if now is None or now.index != link.index:
                return  # DEL was faster
            if now.flags & IFF_RUNNING:
                return send()

    now = pod.link(link.name)
    if now is not None and now.flags & IFF_RUNNING:
        send()
    else:
        host.later = send_with_carrier


def run_later(host: Host) -> None:
    """Do what announce() left, in a child that holds none of the caller's streams."""
    if host.later is None or os.fork() != 0:
        return
    try:
        os.setsid()
        for fd in (0, 1, 2):
            os.close(fd)
        host.later()
    except (OSError, NetlinkError):
        pass  # nobody is there to hear of it
    finally:
        os._exit(0)

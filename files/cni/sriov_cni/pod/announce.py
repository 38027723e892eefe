# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unsolicited neighbour advertisements (RFC 4861, 7.2.6) for IPv6 addresses without duplicate address detection.

With detection the kernel sends them itself at its end (ndisc_notify, set by Pod.prepare), and Pod.configure has it
announce IPv4 addresses. Nothing leaves an interface without carrier, and a VF has none for some time; and to close a
packet socket takes an RCU grace period, some 10 ms. So a child of this process does it, and the pod does not wait.
"""

from __future__ import annotations

import os
from _collections_abc import Callable
from _socket import AF_PACKET, SOCK_CLOEXEC, SOCK_DGRAM
from _socket import socket as _Socket
from struct import pack, unpack

from ..host.host import NodeHost, backoff
from ..netlink.addresses import mac_bytes, parse_cidr
from ..netlink.messages import IFF_RUNNING, Interface
from ..spec.result import Result
from .interface import Pod
from .netns import Inside

_ETH_IPV6 = 0x86DD
_ALL_NODES_MAC = bytes.fromhex("333300000001")
_ALL_NODES = bytes.fromhex("ff02" + "0" * 27 + "1")
_CARRIER_SECONDS = 3.0


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


def announce(host: NodeHost, pod: Pod, link: Interface, result: Result) -> None:
    """Have main announce the IPv6 addresses once the runtime has its answer."""
    addresses = [raw for _family, raw, _prefix in [parse_cidr(ip["address"]) for ip in result.ips] if len(raw) == 16]

    def send() -> None:
        with Inside(pod.netns):
            socket = _Socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
        for raw in addresses:
            socket.sendto(unsolicited_na(mac_bytes(link.mac), raw), (link.name, _ETH_IPV6, 0, 0, _ALL_NODES_MAC))

    def send_with_carrier() -> None:
        for _round in backoff(_CARRIER_SECONDS):
            now = pod.link(link.name)
            if now is None or now.index != link.index:
                return  # DEL was faster
            if now.flags & IFF_RUNNING:
                return send()

    if addresses:
        host.later = send_with_carrier


def run_later(later: Callable[[], None]) -> None:
    """Do what announce() left, in a child that holds none of the caller's streams."""
    if os.fork() != 0:
        return
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        later()
    except OSError:
        pass  # nobody is there to hear of it
    finally:
        os._exit(0)

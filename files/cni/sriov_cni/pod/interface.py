# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod's side: the interface in its network namespace, its addresses and routes."""

from __future__ import annotations

import errno

from shared.pci import is_address

from ..host.ethtool import bus_info
from ..host.host import NodeHost, backoff, write_text
from ..netlink.addresses import parse_cidr
from ..netlink.messages import (
    IFA_F_DADFAILED,
    IFA_F_NODAD,
    IFA_F_OPTIMISTIC,
    IFA_F_TENTATIVE,
    IFF_RUNNING,
    IFF_UP,
    Interface,
    Route,
    get_addresses,
    get_link,
    get_routes,
    new_address,
    new_route,
    parse_address,
    parse_route,
    set_link,
    use_neighbour,
)
from ..netlink.socket import Message, NetlinkError, Socket
from ..spec.config import DAD_OFF, DAD_OPTIMISTIC, DAD_WAIT
from ..spec.errors import REFUSED, CniError
from ..spec.result import Result, kernel_routes
from .netns import Inside, Netns

_DAD_FLAGS = {DAD_WAIT: 0, DAD_OPTIMISTIC: IFA_F_OPTIMISTIC, DAD_OFF: IFA_F_NODAD}
_DAD_SECONDS = 5.0  # duplicate address detection takes one to two


class Pod:
    """A pod's network namespace, with a netlink socket in it."""

    def __init__(self, host: NodeHost, netns: Netns) -> None:
        self._host = host
        self.netns = netns
        with Inside(netns):
            self.socket = Socket()

    def link(self, name: str) -> Interface | None:
        """The interface of this name (or alternative name); None where there is none."""
        try:
            return Interface(self.socket.get(get_link(name=name)))
        except NetlinkError as error:
            if error.errno == errno.ENODEV:
                return None
            raise

    def find(self, address: str, names: tuple[str, ...]) -> Interface | None:
        """A VF's interface: by PCI address, which kernels before 5.14, and all for virtio, tell to ethtool alone; by
        name where none is told.
        """
        links = [Interface(payload) for payload in self.socket.dump(get_link())]
        told = [(link, link.parent) for link in links]
        if not any(parent == address for _link, parent in told):
            told = [(link, name if is_address(name) else bus_info(self.socket, link.index)) for link, name in told]
        for link, parent in told:
            if parent == address:
                return link
        for name in names:
            for link, parent in told:
                if not is_address(parent) and link.name == name:
                    return link
        return None

    def prepare(self, ifname: str) -> None:
        """Have the kernel announce addresses (gratuitous ARP, unsolicited NA) when they or the MAC change."""
        with Inside(self.netns):
            self._sysctl(f"ipv4/conf/{ifname}/arp_notify", "1")
            self._sysctl(f"ipv6/conf/{ifname}/ndisc_notify", "1")

    def _sysctl(self, name: str, value: str) -> None:
        """Best effort: a kernel without IPv6 has no such file."""
        path = f"{self._host.proc_root}/proc/sys/net/{name}"
        try:
            write_text(path, value)
        except OSError as error:
            self._host.log.debug(f"{path}: {error.strerror}")

    def up(self, link: Interface, flags: int = 0) -> None:
        """Set the interface up, with IFF_PROMISC or IFF_ALLMULTI where asked. Raises CniError (101)."""
        flags |= IFF_UP
        try:
            self.socket.change(set_link(link.index, flags=flags, change=flags))
        except NetlinkError as error:
            raise CniError(REFUSED, f"interface {link.name} of the pod cannot be set up: {error}") from None

    def configure(self, link: Interface, result: Result, dad: str) -> None:
        """Set addresses and routes in one batch, then wait until IPv6 addresses can be used, if `dad` says so. Raises
        CniError (101).
        """
        batch: list[Message] = []
        subjects: list[str] = []
        v6 = False
        for ip in result.ips:
            family, raw, prefix = parse_cidr(ip["address"])
            v6 = v6 or len(raw) == 16
            flags = _DAD_FLAGS[dad] if len(raw) == 16 else 0
            batch.append(new_address(link.index, family, raw, prefix, flags))
            subjects.append(f"address {ip['address']}")
        for route, entry in zip(kernel_routes(result), result.routes):
            route.oif = link.index
            batch.append(new_route(route))
            subjects.append(f"route to {entry['dst']} via {entry.get('gw', 'the gateway of its family')}")
        if v6:
            with Inside(self.netns):
                self._sysctl("ipv6/conf/lo/disable_ipv6", "0")
                self._sysctl(f"ipv6/conf/{link.name}/disable_ipv6", "0")
                if dad == DAD_OPTIMISTIC:  # usable at once, with detection behind it (RFC 4429)
                    self._sysctl(f"ipv6/conf/{link.name}/optimistic_dad", "1")
                    self._sysctl(f"ipv6/conf/{link.name}/use_optimistic", "1")
        try:
            self.socket.change(*batch)
        except NetlinkError as error:
            raise CniError(
                REFUSED, f"interface {link.name} of the pod: {subjects[error.index]} was refused: {error}"
            ) from None
        self._announce_v4(link, result)
        if v6 and dad == DAD_WAIT:
            self._wait_for_v6(link)

    def _announce_v4(self, link: Interface, result: Result) -> None:
        """Gratuitous ARP (RFC 5227, 3), by having the kernel look for the address as if it were a neighbour's.

        It asks three times, a second apart, so that a VF whose carrier comes late is heard, and no process has to
        wait for that. Of several addresses of one subnet the first is announced.
        """
        found = [parse_cidr(ip["address"]) for ip in result.ips]
        batch = [use_neighbour(link.index, family, raw) for family, raw, _prefix in found if len(raw) == 4]
        try:
            if batch:
                self.socket.change(*batch)
        except NetlinkError as error:  # the addresses work without
            self._host.log.warning(f"{link.name}: its addresses could not be announced: {error}")

    def _wait_for_v6(self, link: Interface) -> None:
        for _round in backoff(_DAD_SECONDS):
            flags = [flags for index, _rest, flags in self.addresses() if index == link.index]
            if any(f & IFA_F_DADFAILED for f in flags):
                raise CniError(
                    REFUSED,
                    f"interface {link.name} of the pod: another host there has one of its IPv6 addresses",
                )
            if not any(f & IFA_F_TENTATIVE for f in flags):
                return
            now = self.link(link.name)
            if now is None or not now.flags & IFF_RUNNING:
                return  # no carrier: detection starts when there is one
        self._host.log.warning(
            f"IPv6 addresses of {link.name} are still tentative after {_DAD_SECONDS:.0f} s"
        )

    def addresses(self) -> list[tuple[int, str, int]]:
        """Interface index, `ADDRESS/LENGTH` and flags of all addresses."""
        return [parse_address(payload) for payload in self.socket.dump(get_addresses())]

    def routes(self) -> list[Route]:
        """All routes."""
        return [parse_route(payload) for payload in self.socket.dump(get_routes())]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host uses a VF's interface for, read by netlink and sysfs; what a use is stands in shared.host_uses."""

from __future__ import annotations

from _socket import inet_ntop

from shared.host_uses import (
    HostNetwork,
    default_route,
    is_own_address,
    is_own_route,
    kind_name,
    master_name,
    message,
    upper_names,
)

from ..host.host import NodeHost
from ..netlink.messages import (
    IFADDR_SCOPE,
    IFF_UP,
    Interface,
    get_addresses,
    get_link,
    get_routes,
    parse_address,
    parse_route,
)
from ..spec.errors import DEVICE, CniError
from .vf import Vf


def refuse_in_use(host: NodeHost, vf: Vf, link: Interface) -> None:
    """Raises CniError for an interface that the host itself uses: it may be the node's own network. Raises
    NetlinkError where the kernel does not tell.
    """
    masters, on_it = _on(host, link)
    kinds = {upper: kind or kind_name(host.sys_root, upper) for upper, kind in on_it.items()}
    addresses = {link.name: _addresses(host, link)}
    routes = {link.name: _routes(host, link) if link.flags & IFF_UP else []}  # an interface that is down has none
    network = HostNetwork({link.name: list(on_it)}, masters, kinds, addresses, routes, vfs={link.name})
    uses = network.uses(link.name)
    if uses:
        raise CniError(
            DEVICE,
            f"{vf}: {message(link.name, uses)}; expected a VF that is free: take that away, or take the VF out of the "
            "resource pool",
        )


def _on(host: NodeHost, link: Interface) -> tuple[dict[str, str], dict[str, str]]:
    """Interface -> its master, and what stands on this one -> its kind. The dump of all links, which costs some
    milliseconds, adds tunnels, of which sysfs does not tell; none works on an interface that is down.
    """
    found = dict.fromkeys(upper_names(host.sys_root, link.name), "")
    master = master_name(host.sys_root, link.name)
    if link.master:
        above = Interface(host.socket.get(get_link(link.master)))
        master, found[above.name] = above.name, above.info_kind
    for payload in host.socket.dump(get_link()) if link.flags & IFF_UP else ():
        upper = Interface(payload)
        if upper.lower == link.index and upper.index != link.lower:  # not a veth's peer
            found[upper.name] = upper.info_kind
    return {link.name: master}, found


def _addresses(host: NodeHost, link: Interface) -> list[str]:
    dumped = host.socket.dump(get_addresses(link.index))
    found = [parse_address(payload) for payload in dumped if not is_own_address(payload[IFADDR_SCOPE])]
    return [text or "?" for index, text, _flags in found if index == link.index]


def _routes(host: NodeHost, link: Interface) -> list[str]:
    found = {}
    for route in map(parse_route, host.socket.dump(get_routes(link.index))):
        default = default_route(route.protocol)
        target = f"{inet_ntop(route.family, route.dst)}/{route.prefix}" if route.dst else default
        gateway = bool(route.gateway)
        if link.index in (route.oif, *route.hops) and not is_own_route(target, route.kind, route.protocol, gateway):
            found[target] = True
    return list(found)

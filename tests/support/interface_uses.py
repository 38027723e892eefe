# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does with an interface, a PF's or a VF's: each function does one such thing. See `in_use_table`."""

from __future__ import annotations

import os
from typing import Any, Callable

from support.fake_host import FakeHost
from support.fake_net import Net

MAC = "52:54:00:00:00:99"
ADDRESS = "192.0.2.7"
TARGET = "203.0.113.0/24"
Item = dict[str, Any]


def address(host: FakeHost, name: str) -> None:
    host.nets[name].addresses += ["fe80::7%link", ADDRESS]


def address_v6(host: FakeHost, name: str) -> None:
    host.nets[name].addresses.append("2001:db8::7")


def two_addresses(host: FakeHost, name: str) -> None:
    host.nets[name].addresses += [ADDRESS, "192.0.2.8"]


def many_addresses(host: FakeHost, name: str) -> None:
    host.nets[name].addresses += [f"198.51.100.{number}" for number in range(20)]


def default_route(host: FakeHost, name: str) -> None:
    host.default_routes.append(name)


def default_route_v6(host: FakeHost, name: str) -> None:
    host.routes.append({"dst": "default", "gateway": "fe80::1", "dev": name, "protocol": "ra"})


def static_route(host: FakeHost, name: str) -> None:
    host.routes.append({"dst": TARGET, "gateway": "192.0.2.1", "dev": name, "protocol": "static"})


def static_route_v6(host: FakeHost, name: str) -> None:
    host.routes.append({"dst": "2001:db8:9::/48", "gateway": "fe80::1", "dev": name, "protocol": "bird"})


def one_of_several_hops(host: FakeHost, name: str) -> None:
    hops = [{"gateway": "192.0.2.1", "dev": "lo", "weight": 1}, {"gateway": "192.0.2.2", "dev": name, "weight": 1}]
    host.routes.append({"dst": TARGET, "protocol": "bgp", "nexthops": hops})


def route_of_another_table(host: FakeHost, name: str) -> None:
    """Without a word of who made it: ip does not print the protocol boot."""
    host.routes.append({"dst": TARGET, "dev": name, "table": "storage", "scope": "link"})


def half_of_the_world(host: FakeHost, name: str) -> None:
    """A default route that is none by its name."""
    host.routes += [{"dst": dst, "gateway": "192.0.2.1", "dev": name} for dst in ("0.0.0.0/1", "128.0.0.0/1")]


def ssh_connection(host: FakeHost, name: str) -> None:
    """Established, as /proc tells it."""
    host.nets[name].addresses.append(ADDRESS)
    host.put("proc/812/comm", "sshd\n")
    (host.base / "proc/812/fd").mkdir()
    os.symlink("socket:[4711]", host.base / "proc/812/fd/4")
    line = "   0: 070200C0:0016 0201000A:D431 01 00000000:00000000 02:000A 00000000 0 0 4711 4 0 20 4\n"
    host.put("proc/net/tcp", "  sl  local_address rem_address   st\n" + line)


def upper(kind: str, *addresses: str, vlan: str = "") -> Callable[[FakeHost, str], None]:
    """An interface up9 of this kind on the interface; vlan: an address on a VLAN on that."""

    def make(host: FakeHost, name: str) -> None:
        host.add_net(Net("up9", MAC, kind=kind, lower=name, addresses=list(addresses)))
        if vlan:
            host.add_net(Net("up9.5", MAC, kind="vlan", lower="up9", addresses=[vlan]))

    return make


def master(kind: str, *addresses: str, vlan: str = "") -> Callable[[FakeHost, str], None]:
    """As `upper`, and the interface is a port of it."""

    def make(host: FakeHost, name: str) -> None:
        upper(kind, *addresses, vlan=vlan)(host, "")
        host.nets[name].master = "up9"

    return make


def vxlan_by_its_details(host: FakeHost, name: str) -> None:
    """ip tells the interface below a tunnel among the tunnel's own settings."""
    host.add_net(Net("up9", MAC, kind="vxlan", details={"id": 1, "link": name, "port": 4789}))


def upper_of_sysfs_alone(host: FakeHost, name: str) -> None:
    (host.base / f"sys/class/net/{name}/upper_up9").mkdir()


def default_route_over_vlan(host: FakeHost, name: str) -> None:
    upper("vlan")(host, name)
    host.default_routes.append("up9")


def told(host: FakeHost, what: str, change: Callable[[Item], Item | None]) -> None:
    """Let `ip -j ... WHAT show` print something else for each interface; None leaves it out."""
    original = host._ip_json

    def shown(words: list[str]) -> list[Item]:
        items = original(words)
        return [new for item in items if (new := change(item)) is not None] if what in words else items

    host._ip_json = shown  # type: ignore[method-assign]


def not_told_by_ip_link(host: FakeHost, name: str) -> None:
    told(host, "link", lambda item: None if item["ifname"] == name else item)


def not_told_by_ip_addr(host: FakeHost, name: str) -> None:
    told(host, "addr", lambda item: None if item["ifname"] == name else item)


def addresses_that_are_no_list(host: FakeHost, name: str) -> None:
    told(host, "addr", lambda item: {**item, "addr_info": None} if item["ifname"] == name else item)


def address_without_text(host: FakeHost, name: str) -> None:
    odd = {"family": "inet", "scope": "global", "local": 3221225991}
    told(host, "addr", lambda item: {**item, "addr_info": [odd]} if item["ifname"] == name else item)


def link_local_v6(host: FakeHost, name: str) -> None:
    host.nets[name].addresses.append("fe80::7%link")


def link_local_v4(host: FakeHost, name: str) -> None:
    host.nets[name].addresses.append("169.254.7.7%link")


def host_scope(host: FakeHost, name: str) -> None:
    host.nets[name].addresses.append("127.0.0.9%host")


def empty_entry_of_ip(host: FakeHost, name: str) -> None:
    """Some versions print one for each address that a filter leaves out."""
    told(host, "addr", lambda item: {**item, "addr_info": [{}, *item["addr_info"]]})


def kernels_own_routes(host: FakeHost, name: str) -> None:
    own = {"dev": name, "protocol": "kernel"}
    host.routes += [
        {**own, "dst": "fe80::/64", "metric": 256},
        {**own, "dst": "fe80::7", "type": "local", "table": "local"},
        {**own, "dst": "ff00::/8", "type": "multicast", "table": "local"},
        {"dev": name, "dst": "192.0.2.255", "type": "broadcast", "table": "local"},
        {"dev": name, "dst": "2001:db8::", "type": "anycast", "table": "local"},
    ]


def multicast_route(host: FakeHost, name: str) -> None:
    """As old versions of ip print it."""
    host.routes += [{"dev": name, "dst": dst, "table": "local"} for dst in ("ff00::/8", "224.0.0.0/4")]


def route_of_the_link_local_net(host: FakeHost, name: str) -> None:
    host.routes += [{"dev": name, "dst": dst, "scope": "link"} for dst in ("169.254.0.0/16", "fe80::/64")]


def everything_elsewhere(host: FakeHost, name: str) -> None:
    """The other PF is in use."""
    for use in (address, default_route, static_route, upper("vlan", "192.0.2.9")):
        use(host, "enp2s0")


def representors(host: FakeHost, name: str) -> None:
    """Of VFs, in a bridge and with an address; and a VF's own interface: none of them stands on the PF."""
    pf = next(pf for pf in host.pfs.values() if pf.name == name)
    host.add_net(Net("br0", MAC, kind="bridge", addresses=["192.0.2.9"]))
    for number, port in enumerate(("pf0vf0", "c1pf0vf1", "pf0sf88")):
        host.add_net(Net(f"rep{number}", MAC, lower=name, master="br0", addresses=["192.0.2.10"]), pf.address)
        host.put(f"sys/class/net/rep{number}/phys_port_name", f"{port}\n")
        (host.base / f"sys/class/net/{name}/upper_rep{number}").mkdir()
    host.put(f"sys/class/net/{name}/phys_port_name", "p0\n")


USES: dict[str, Callable[[FakeHost, str], None]] = {
    "vlan": upper("vlan"),
    "vlan_with_address": upper("vlan", ADDRESS),
    "vlan_on_vlan_with_address": upper("vlan", vlan=ADDRESS),
    "macvlan": upper("macvlan"),
    "macvtap": upper("macvtap"),
    "ipvlan": upper("ipvlan"),
    "macsec": upper("macsec"),
    "bridge": master("bridge"),
    "bridge_with_address": master("bridge", ADDRESS),
    "bond": master("bond"),
    "bond_with_address_on_a_vlan": master("bond", vlan=ADDRESS),
    "team": master("team"),
    "vrf": master("vrf"),
    "openvswitch": master("openvswitch"),
    **{
        use.__name__: use
        for use in (
            address, address_v6, two_addresses, many_addresses, default_route, default_route_v6, static_route,
            static_route_v6, one_of_several_hops, route_of_another_table, half_of_the_world, ssh_connection,
            vxlan_by_its_details, upper_of_sysfs_alone, default_route_over_vlan, not_told_by_ip_link,
            not_told_by_ip_addr, addresses_that_are_no_list, address_without_text, link_local_v6, link_local_v4,
            host_scope, empty_entry_of_ip, kernels_own_routes, multicast_route, route_of_the_link_local_net,
            everything_elsewhere, representors,
        )
    },
}  # fmt: skip

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does with an interface, a PF's or a VF's, by its name in `in_use_table`."""

from __future__ import annotations

from typing import Any, Callable

from support.fake_host import FakeHost
from support.fake_pci import Net

MAC = "52:54:00:00:00:99"
ADDRESS = "192.0.2.7"
TARGET = "203.0.113.0/24"
Item = dict[str, Any]
Use = Callable[[FakeHost, str], object]


def addresses(*found: str) -> Use:
    return lambda host, name: host.nets[name].addresses.extend(found)


def routes(*found: Item) -> Use:
    """Over the interface, where a route names none."""
    return lambda host, name: host.routes.extend({"dev": name, **route} for route in found)


def several_hops(first: str, second: str, **route: str) -> Use:
    """The second of them over the interface."""
    hop = {"gateway": first, "dev": "lo", "weight": 1}
    return lambda host, name: host.routes.append({**route, "nexthops": [hop, {**hop, "gateway": second, "dev": name}]})


def ssh_connection(host: FakeHost, name: str) -> None:
    """Established, as /proc tells it."""
    host.nets[name].addresses.append(ADDRESS)
    line = "   0: 070200C0:0016 0201000A:D431 01 00000000:00000000 02:000A 00000000 0 0 4711 4 0 20 4\n"
    host.fill({"proc/812/comm": "sshd\n", "proc/net/tcp": f"  sl  local_address rem_address   st\n{line}"})
    host.symlink("proc/812/fd/4", "socket:[4711]")


def upper(kind: str, *addresses: str, vlan: str = "", **route: str) -> Use:
    """An interface up9 of this kind on the interface, or with it as a port; vlan: an address on a VLAN on that."""

    def make(host: FakeHost, name: str) -> None:
        is_port = kind in ("bridge", "bond", "team", "vrf", "openvswitch")
        host.nets[name].master = "up9" if is_port else ""
        host.add_net(Net("up9", MAC, kind=kind, lower="" if is_port else name, addresses=list(addresses)))
        if vlan:
            host.add_net(Net("up9.5", MAC, kind="vlan", lower="up9", addresses=[vlan]))
        if route:
            host.routes.append({**route, "dev": "up9"})

    return make


def told(what: str, change: Callable[[Item], Item | None], everywhere: bool = False) -> Use:
    """`ip -j ... WHAT show` prints something else for the interface, or for each; None leaves it out."""

    def act(host: FakeHost, name: str) -> None:
        original = host._ip_json

        def shown(words: list[str]) -> list[Item]:
            changed = [name, *(host.nets if everywhere else ())] if what in words else []
            items = [change(item) if item.get("ifname") in changed else item for item in original(words)]
            return [item for item in items if item is not None]

        host._ip_json = shown  # type: ignore[method-assign]

    return act


def everything_elsewhere(host: FakeHost, name: str) -> None:
    """The other PF is in use."""
    for use in ("address", "default_route", "static_route"):
        USES[use](host, "enp2s0")
    upper("vlan", "192.0.2.9")(host, "enp2s0")


def representors(host: FakeHost, name: str) -> None:
    """Of VFs, in a bridge and with an address; and a VF's own interface: none of them stands on the PF."""
    pf = next(pf for pf in host.pfs.values() if pf.name == name)
    host.add_net(Net("br0", MAC, kind="bridge", addresses=["192.0.2.9"]))
    for number, port in enumerate(("pf0vf0", "c1pf0vf1", "pf0sf88")):
        host.add_net(Net(f"rep{number}", MAC, lower=name, master="br0", addresses=["192.0.2.10"]), pf.address)
        host.put(f"sys/class/net/rep{number}/phys_port_name", f"{port}\n")
        (host.base / f"sys/class/net/{name}/upper_rep{number}").mkdir()
    host.put(f"sys/class/net/{name}/phys_port_name", "p0\n")


ODD = {"family": "inet", "scope": "global", "local": 3221225991}
USES: dict[str, Use] = {
    "address": addresses("fe80::7%link", ADDRESS),
    "address_v6": addresses("2001:db8::7"),
    "two_addresses": addresses(ADDRESS, "192.0.2.8"),
    "many_addresses": addresses(*(f"198.51.100.{number}" for number in range(20))),
    "link_local_v6": addresses("fe80::7%link"),
    "link_local_v4": addresses("169.254.7.7%link"),
    "link_local_v6_beyond_fe80": addresses("fe90::7%link"),
    "link_local_v4_by_hand": addresses("169.254.7.7"),
    "address_of_site_scope": addresses("fec0::7%site"),
    "host_scope": addresses("127.0.0.9%host"),
    "default_route": routes({"dst": "default"}),
    "static_default_route_v6": routes({"dst": "default", "gateway": "fe80::1", "protocol": "static"}),
    "default_route_v6": routes({"dst": "default", "gateway": "fe80::1", "protocol": "ra"}),
    "static_route": routes({"dst": TARGET, "gateway": "192.0.2.1", "protocol": "static"}),
    "static_route_v6": routes({"dst": "2001:db8:9::/48", "gateway": "fe80::1", "protocol": "bird"}),
    "one_of_several_hops": several_hops("192.0.2.1", "192.0.2.2", dst=TARGET, protocol="bgp"),
    "one_of_several_hops_v6": several_hops("fe80::1", "fe80::2", dst="2001:db8:9::/48"),
    # Without a word of who made it: ip does not print the protocol boot.
    "route_of_another_table": routes({"dst": TARGET, "table": "storage", "scope": "link"}),
    # A default route that is none by its name.
    "half_of_the_world": routes(*({"dst": dst, "gateway": "192.0.2.1"} for dst in ("0.0.0.0/1", "128.0.0.0/1"))),
    "kernels_own_routes": routes(
        {"protocol": "kernel", "dst": "fe80::/64", "metric": 256},
        {"protocol": "kernel", "dst": "fe80::7", "type": "local", "table": "local"},
        {"protocol": "kernel", "dst": "ff00::/8", "type": "multicast", "table": "local"},
        {"dst": "192.0.2.255", "type": "broadcast", "table": "local"},
        {"dst": "2001:db8::", "type": "anycast", "table": "local"},
    ),
    # As old versions of ip print it.
    "multicast_route": routes(*({"dst": dst, "table": "local"} for dst in ("ff00::/8", "224.0.0.0/4"))),
    "route_of_the_link_local_net": routes(*({"dst": dst, "scope": "link"} for dst in ("169.254.0.0/16", "fe80::/64"))),
    "vlan": upper("vlan"),
    "vlan_with_address": upper("vlan", ADDRESS),
    "default_route_over_vlan": upper("vlan", dst="default"),
    "vlan_on_vlan_with_address": upper("vlan", vlan=ADDRESS),
    "macvlan": upper("macvlan"),
    "macvtap": upper("macvtap"),
    "ipvlan": upper("ipvlan"),
    "macsec": upper("macsec"),
    "bridge": upper("bridge"),
    "bridge_with_address": upper("bridge", ADDRESS),
    "bond": upper("bond"),
    "bond_with_address_on_a_vlan": upper("bond", vlan=ADDRESS),
    "team": upper("team"),
    "vrf": upper("vrf"),
    "openvswitch": upper("openvswitch"),
    # ip tells the interface below a tunnel among the tunnel's own settings.
    "vxlan_by_its_details": lambda host, name: host.add_net(
        Net("up9", MAC, kind="vxlan", details={"id": 1, "link": name, "port": 4789})
    ),
    "upper_of_sysfs_alone": lambda host, name: (host.base / f"sys/class/net/{name}/upper_up9").mkdir(),
    "not_told_by_ip_link": told("link", lambda item: None),
    "not_told_by_ip_addr": told("addr", lambda item: None),
    "addresses_that_are_no_list": told("addr", lambda item: {**item, "addr_info": None}),
    "address_without_text": told("addr", lambda item: {**item, "addr_info": [ODD]}),
    # Some versions print one for each address that a filter leaves out.
    "empty_entry_of_ip": told("addr", lambda item: {**item, "addr_info": [{}, *item["addr_info"]]}, everywhere=True),
    **{use.__name__: use for use in (ssh_connection, everything_elsewhere, representors)},
}  # fmt: skip

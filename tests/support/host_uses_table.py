# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected: a situation of a VF's interface, and what the three programs make of it.

The node library takes a VF that is in use away by a drain alone, the device plugin does not offer it, and the CNI
plugin refuses to give it to a pod; each says the same words. "" is a VF that is free for all three.
Sources: the design's rule "PFs and VFs have one list of reasons (addresses, routes, VLAN, macvlan, bridge, bond,
another namespace, ...), unknown counts as in use", and what each row says.
"""

from __future__ import annotations

from dataclasses import dataclass

VF = "enp1s0v0"  # a veth in the tests that ask a real kernel; `wire` is its other end, and up


@dataclass(frozen=True)
class Situation:
    """One row."""

    use: str  # the function of support.interface_uses that brings it about for the node library; "" for none
    words: str  # what each program says; "" where the VF is free
    source: str
    ip: tuple[str, ...] = ()  # the same for a real kernel: words for ip(8), for the device plugin and the CNI plugin
    upper: str = ""  # the same in sysfs: the kind of the interface up9 that stands on the VF's
    is_port: bool = False  # up9 is the master of the VF's interface

    @property
    def told(self) -> str:
        """The words of the two programs that know an upper's kind by sysfs."""
        return self.words if self.upper in DEVTYPES else self.words.replace(f"the {self.upper} ", "the interface ")


# The kinds that the kernel writes into an interface's uevent as DEVTYPE: struct device_type of Linux
# net/bridge/br_device.c, net/8021q/vlan_dev.c, drivers/net/bonding/bond_main.c and drivers/net/vxlan/vxlan_core.c.
# A macvlan has none (seen: 6.18).
DEVTYPES = ("bridge", "vlan", "bond", "vxlan")

UP = f"link set {VF} up"
ADDRESSES = "ip-address(8): an address of scope global is one that somebody gave"
LINK_LOCAL = "RFC 4291, 2.5.6, and Linux net/ipv6/addrconf.c: the scope of fe80::/10 is link"
ROUTES = "ip-route(8): a route that neither the kernel made for an address (protocol kernel) nor is of its own types"
ADVERTISED = "RFC 4861, 6.3.4: any router of the link may advertise itself; nobody chose that the host goes this way"
PORTS = "Linux net/core/dev.c, netdev_master_upper_dev_link; ip-link(8), master"
UPPERS = "Linux Documentation/ABI/testing/sysfs-class-net (upper_*), ip-link(8), link"

SITUATIONS: dict[str, Situation] = {
    "nothing": Situation("", "", "an interface as its driver makes it"),
    # What an interface has of itself.
    "link_local_v6": Situation("link_local_v6", "", LINK_LOCAL, (f"addr add fe80::7/64 dev {VF}",)),
    "link_local_v6_beyond_fe80": Situation(
        "link_local_v6_beyond_fe80", "", LINK_LOCAL, (f"addr add fe90::7/64 dev {VF}",)),
    "kernels_own_routes": Situation("kernels_own_routes", "", "ip-route(8), protocol kernel", (UP,)),
    "link_local_v4": Situation(
        "link_local_v4", "", "RFC 3927; such as NetworkManager's ipv4.link-local gives, with scope link",
        (f"addr add 169.254.7.7/16 scope link dev {VF}",)),
    "host_scope": Situation("host_scope", "", "ip-address(8), scope host: for this host alone",
                            (f"addr add 127.0.0.9/24 scope host dev {VF}",)),
    "multicast_route": Situation("multicast_route", "", "RFC 1112, RFC 4291: no host is reached by it",
                                 (UP, f"route add 224.0.0.0/4 dev {VF}")),
    "route_of_the_link_local_net": Situation("route_of_the_link_local_net", "", "RFC 3927",
                                             (UP, f"route add 169.254.0.0/16 dev {VF} scope link")),
    "everything_elsewhere": Situation("everything_elsewhere", "", "another interface is in use", (
        UP, "addr add 192.0.2.7/24 dev wire", "route add default dev wire", "route add 203.0.113.0/24 dev wire",
        "link add link wire name up9 type macvlan")),
    # Addresses. Those of the first two rows stand on an interface that is down.
    "address": Situation("address", "the address 192.0.2.7/24", ADDRESSES, (f"addr add 192.0.2.7/24 dev {VF}",)),
    "two_addresses": Situation("two_addresses", "the addresses 192.0.2.7/24, 192.0.2.8/24", ADDRESSES, (
        f"addr add 192.0.2.7/24 dev {VF}", f"addr add 192.0.2.8/24 dev {VF}")),
    "many_addresses": Situation(
        "many_addresses", "the addresses 198.51.100.0/24, 198.51.100.1/24, 198.51.100.2/24 and 17 more", ADDRESSES,
        tuple(f"addr add 198.51.100.{number}/24 dev {VF}" for number in range(20))),
    "address_v6": Situation("address_v6", "the address 2001:db8::7/64", ADDRESSES,
                            (f"addr add 2001:db8::7/64 dev {VF}",)),
    "address_for_a_time": Situation(
        "address_v6", "the address 2001:db8::7/64", "RFC 4862: router advertisements, as DHCP, give a lifetime",
        (UP, f"addr add 2001:db8::7/64 dev {VF} valid_lft 600 preferred_lft 300")),
    "address_of_site_scope": Situation("address_of_site_scope", "the address fec0::7/64",
                                       "RFC 4291, 2.5.7: no address that the kernel makes",
                                       (f"addr add fec0::7/64 dev {VF}",)),
    "link_local_v4_by_hand": Situation(
        "link_local_v4_by_hand", "the address 169.254.7.7/24", "ip-address(8): without a word the scope is global",
        (f"addr add 169.254.7.7/24 dev {VF}",)),
    # Routes.
    "default_route": Situation("default_route", "the default route", ROUTES, (UP, f"route add default dev {VF}")),
    "default_route_v6": Situation("static_default_route_v6", "the default route", ROUTES,
                                  (UP, f"-6 route add default via fe80::1 dev {VF} proto static")),
    "advertised_default_route": Situation("default_route_v6", "", ADVERTISED,
                                          (UP, f"-6 route add default via fe80::1 dev {VF} proto ra")),
    "static_route": Situation("static_route", "the route to 203.0.113.0/24", ROUTES,
                              (UP, f"route add 203.0.113.0/24 dev {VF} proto static")),
    "static_route_v6": Situation("static_route_v6", "the route to 2001:db8:9::/48", ROUTES,
                                 (UP, f"-6 route add 2001:db8:9::/48 via fe80::1 dev {VF} proto bird")),
    "one_of_several_hops": Situation("one_of_several_hops", "the route to 203.0.113.0/24", ROUTES, (
        UP, f"route add 203.0.113.0/24 nexthop dev wire nexthop dev {VF}")),
    "one_of_several_hops_v6": Situation("one_of_several_hops_v6", "the route to 2001:db8:9::/48", ROUTES, (
        UP, f"-6 route add 2001:db8:9::/48 nexthop via fe80::1 dev wire nexthop via fe80::2 dev {VF}")),
    "route_of_another_table": Situation("route_of_another_table", "the route to 203.0.113.0/24", ROUTES,
                                        (UP, f"route add 203.0.113.0/24 dev {VF} table 1234")),
    "half_of_the_world": Situation("half_of_the_world", "the routes to 0.0.0.0/1, 128.0.0.0/1", ROUTES,
                                   (UP, f"route add 0.0.0.0/1 dev {VF}", f"route add 128.0.0.0/1 dev {VF}")),
    # Ports.
    **{kind: Situation(kind, f"a port of the {kind} up9", PORTS, upper=kind, is_port=True)
       for kind in ("bridge", "bond", "team", "vrf", "openvswitch")},
    # What stands on it; the interface is down in all of these.
    **{kind: Situation(kind, f"the {kind} up9 on it", UPPERS, upper=kind)
       for kind in ("vlan", "macvlan", "macvtap", "ipvlan", "macsec")},
    "vxlan": Situation("vxlan_by_its_details", "the vxlan up9 on it", UPPERS, upper="vxlan"),
}  # fmt: skip

# Situations that are none of an interface in this namespace -> what the node library, the device plugin and the CNI
# plugin say; "" where the VF is free, and given, for that program.
OTHERS: dict[str, tuple[str, str, str]] = {
    # Sources: ip-netns(8); the device plugin has given it to the pod that has it there, and must go on to list it
    # (Kubernetes documentation, device plugins: a device that vanishes from the list fails its pod's next admission).
    "other_namespace": ("another network namespace", "", "has no network interface on the host"),
    # Source: Linux Documentation/driver-api/vfio.rst, a function that user space has makes no interface.
    "vfio": ("", "", ""),
    # Sources: the design's rule that unknown counts as in use; the device plugin reads /proc where netlink refuses.
    "unreadable": ("`ip addr show` does not tell the addresses", "the route to 192.0.2.0/24", "not permitted"),
}

# /proc instead of netlink, for one interface -> the device plugin's words. IPv4 addresses are known by the routes to
# their nets there. Sources: Linux net/ipv4/fib_trie.c, fib_route_seq_show (interface, target, gateway, flags, mask);
# net/ipv6/route.c, rt6_info_route (target, its length, ..., gateway, ..., flags, interface), with RTF_REJECT 0x200,
# RTF_ANYCAST 0x40000000 and RTF_LOCAL 0x80000000 of include/uapi/linux/ipv6_route.h; net/ipv6/addrconf.c, if6_seq_show
# (address, index, length, scope, flags, interface), with the scopes 0x10, host, and 0x20, link, of include/net/ipv6.h.
ZERO, V6 = "0" * 32, "20010db8" + "0" * 23 + "7"
PROC: dict[str, tuple[str, str, str]] = {
    "route-of-an-address": ("net/route", f"{VF}\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
                            "the route to 192.0.2.0/24"),
    "default-v4": ("net/route", f"{VF}\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "the default route"),
    "link-local-net-v4": ("net/route", f"{VF}\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n", ""),
    "default-v6": ("net/ipv6_route", f"{ZERO} 00 {ZERO} 00 {'fe80' + '0' * 27 + '1'} 00000400 1 0 00000003     {VF}\n",
                   "the default route"),
    "static-v6": ("net/ipv6_route", f"{'20010db8' + '0' * 24} 40 {ZERO} 00 {ZERO} 00000400 1 0 00000001     {VF}\n",
                  "the route to 2001:db8::/64"),
    "link-local-net-v6": ("net/ipv6_route", f"fe80{'0' * 28} 40 {ZERO} 00 {ZERO} 00000100 1 0 00000001     {VF}\n", ""),
    "multicast-v6": ("net/ipv6_route", f"ff00{'0' * 28} 08 {ZERO} 00 {ZERO} 00000100 1 0 00000001     {VF}\n", ""),
    "local-v6": ("net/ipv6_route", f"{V6} 80 {ZERO} 00 {ZERO} 00000000 1 0 80200001     {VF}\n", ""),
    "rejecting-v6": ("net/ipv6_route", f"{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 1 0 00200200     {VF}\n", ""),
    "address-v6": ("net/if_inet6", f"{V6} 05 40 00 80 {VF:>8}\n", "the address 2001:db8::7/64"),
    "link-local-v6": ("net/if_inet6", f"fe80{'0' * 27}7 05 40 20 80 {VF:>8}\n", ""),
    "host-v6": ("net/if_inet6", f"{'0' * 31}1 05 80 10 80 {VF:>8}\n", ""),
    "junk-v6": ("net/if_inet6", f"junk 05 40 00 80 {VF}\n", ""),
}  # fmt: skip

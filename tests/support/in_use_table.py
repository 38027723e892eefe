# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected values: what makes a PF or a VF one that the host uses, in the words of a refusal.

Source: the design's rule "PFs and VFs have one list of reasons (addresses, routes, VLAN, macvlan, bridge, bond, another
namespace, pods, VMs, open VFIO groups, the Ansible connection), unknown counts as in use". Which interfaces stand on
another: Linux Documentation/ABI/testing/sysfs-class-net (upper_*), rtnetlink(7) IFLA_LINK and IFLA_MASTER, ip-link(8).
Which routes and addresses an interface has of itself: ip-route(8) (protocol kernel, types local, broadcast, multicast),
RFC 4291 and RFC 3927 (link-local).

{i} is the interface: a PF's or a VF's.
"""

from __future__ import annotations

# Of these what is no use of a VF: what a router advertises there (RFC 4861, 6.3.4), nobody chose.
PF_ALONE = ("default_route_v6",)
# A function of the test, and the words.
USES: list[tuple[str, str]] = [
    ("address", "the address 192.0.2.7/24"),
    ("address_v6", "the address 2001:db8::7/64"),
    ("two_addresses", "the addresses 192.0.2.7/24, 192.0.2.8/24"),
    ("many_addresses", "the addresses 198.51.100.0/24, 198.51.100.1/24, 198.51.100.2/24 and 17 more"),
    ("default_route", "the default route"),
    ("default_route_v6", "the default route"),
    ("static_default_route_v6", "the default route"),
    ("static_route", "the route to 203.0.113.0/24"),
    ("static_route_v6", "the route to 2001:db8:9::/48"),
    ("one_of_several_hops", "the route to 203.0.113.0/24"),
    ("route_of_another_table", "the route to 203.0.113.0/24"),
    ("half_of_the_world", "the routes to 0.0.0.0/1, 128.0.0.0/1"),
    ("ssh_connection", "an SSH connection to 192.0.2.7"),
    ("vlan", "the vlan up9 on it"),
    ("vlan_with_address", "the vlan up9 on it with the address 192.0.2.7/24"),
    ("vlan_on_vlan_with_address", "the vlan up9 on it with the address 192.0.2.7/24 (up9.5)"),
    ("macvlan", "the macvlan up9 on it"),
    ("macvtap", "the macvtap up9 on it"),
    ("ipvlan", "the ipvlan up9 on it"),
    ("macsec", "the macsec up9 on it"),
    ("vxlan_by_its_details", "the vxlan up9 on it"),
    ("bridge", "a port of the bridge up9"),
    ("bridge_with_address", "a port of the bridge up9 with the address 192.0.2.7/24"),
    ("bond", "a port of the bond up9"),
    ("bond_with_address_on_a_vlan", "a port of the bond up9 with the address 192.0.2.7/24 (up9.5)"),
    ("team", "a port of the team up9"),
    ("vrf", "a port of the vrf up9"),
    ("openvswitch", "a port of the openvswitch up9"),
    ("upper_of_sysfs_alone", "the interface up9 on it"),
    ("default_route_over_vlan", "the default route through up9"),
    ("not_told_by_ip_link", "`ip link show` does not tell of {i}"),
    ("not_told_by_ip_addr", "`ip addr show` does not tell the addresses of {i}"),
    ("addresses_that_are_no_list", "`ip addr show` does not tell the addresses of {i}"),
    ("address_without_text", "`ip addr show` does not tell the addresses of {i}"),
]

# What every interface has, or what is no interface on it: neither a PF nor a VF is in use for it.
NO_USES = [
    "link_local_v6", "link_local_v4", "host_scope", "empty_entry_of_ip", "kernels_own_routes", "multicast_route",
    "route_of_the_link_local_net", "everything_elsewhere", "representors",
]  # fmt: skip

# Who holds a PF itself, as a VF may be held. 0000:01:00.0 is the PF.
PF_HOLDERS: list[tuple[str, str]] = [
    ("process_with_vfio_group", "process 99 (qemu-kvm), which has /dev/vfio/77 open"),
    ("process_with_vfio_device", "process 99 (qemu-kvm), which has /dev/vfio/devices/vfio3 open"),
    ("process_with_uio", "process 99 (qemu-kvm), which has /dev/uio4 open"),
    ("process_with_verbs", "process 99 (qemu-kvm), which has /dev/infiniband/uverbs0 open"),
    ("pod", "pod default/whole"),
    ("second_port", "the address 192.0.2.7/24 (enp1s0d1)"),
]

# A network PF with a driver and no interface here: what it carries is not known.
UNKNOWN_PFS: list[tuple[str, str, str]] = [
    ("away", "its network interface is in another network namespace", "ip netns"),
    ("away_but_for_representors", "its network interface is in another network namespace", "ip netns"),
    ("no_interface_at_all", "its driver igb shows no network interface", "dmesg"),
]

# PFs without an interface that miss nothing: drivers that make none (Linux drivers/vfio/pci, drivers/uio,
# drivers/pci/pci-stub.c, drivers/pci/pci-pf-stub.c, drivers/xen/xen-pciback, and of Thunder
# drivers/net/ethernet/cavium/thunder/nic_main.c),
# an InfiniBand port whose interface ib_ipoib would make (PCI class 0207), and functions that are no NIC.
NOT_AWAY = [
    "vfio-pci", "mlx5_vfio_pci", "uio_pci_generic", "igb_uio", "pci-stub", "pci-pf-stub", "pciback", "nicpf",
    "infiniband", "nvme", "accelerator",
]  # fmt: skip

# What a run does to a PF: refused (always), word (refused without allow_in_use), free.
ACTS: list[tuple[str, str]] = [
    ("first_vfs", "word"),
    ("new_mtu", "word"),
    ("another_count", "refused"),
    ("switchdev", "refused"),
    ("first_vfs_in_switchdev", "refused"),
    ("driver_of_vfs", "free"),
    ("settings_of_vfs", "free"),
    ("view_first_vfs", "word"),
    ("view_another_count", "refused"),
    ("view_no_vfs", "word"),
    ("teardown", "free"),
    ("teardown_to_another_count", "refused"),
    ("teardown_of_switchdev", "refused"),
]

# A PF that came into use after its VFs were made, and lost them since (a reboot with addresses from the initial RAM
# disk, a NIC that was reset) -> whether the boot service makes them again. What the host's network does with it was
# there when the last run found all in order; an interface that is not here may be in a pod.
# Sources: Linux Documentation/admin-guide/nfs/nfsroot.rst, ip= (addresses before any service);
# Documentation/ABI/testing/sysfs-bus-pci, sriov_numvfs (0 after each reset of the function's driver).
BOOT_MAKES_VFS = {
    "address": True,
    "vlan": True,
    "bond": True,
    "default_route": True,
    "other_namespace": False,
}

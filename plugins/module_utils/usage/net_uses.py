# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's own network does with an interface, in words: one list of reasons for PFs and VFs. Writes nothing.

What can't be told counts as in use, so it is among the reasons, or (of a PF without an interface here) a reason of its
own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..host import ip_link
from ..host.host import Host
from ..host.ip_link import Link
from ..model.frozen import dataclass
from ..model.state import AWAY, NO_INTERFACE, NodeState, Pf, makes_no_interface
from ..shared import pci, pci_classes
from . import processes

NO_USE = ("link", "host")  # scopes of addresses that an interface has of itself
UPPER = "upper_"  # Linux Documentation/ABI/testing/sysfs-class-net: the links to what stands on an interface
RENAME_PAUSES = (0.2, 0.2, 0.0)  # seconds after a look that udev came between
OWN_ROUTES = ("local", "broadcast", "multicast", "anycast")  # types that the kernel makes for addresses (ip-route(8))
MOST = 3  # of addresses or routes that a message names


@dataclass(frozen=True)
class Network:
    """The host's interfaces and what is made of them. default_routes: interfaces; routes: interface -> destinations;
    sessions: interface -> local address of an SSH connection; addresses: interface -> its addresses in use, None where
    they can't be read.
    """

    host: Host
    links: Mapping[str, Link]
    default_routes: Collection[str]
    routes: Mapping[str, Sequence[str]]
    sessions: Mapping[str, str]
    addresses: Mapping[str, Sequence[str] | None]

    def uses(self, name: str, beside: Collection[str] = ()) -> tuple[str, ...]:
        """Why the host needs an interface; empty where it does not. beside: interfaces of the same device, which are
        none on it.
        """
        found = []
        for device in self._with_uppers(name, beside):
            where = "" if device == name else f" through {device}"
            if device in self.default_routes:
                found.append(f"the default route{where}")
            if device in self.sessions:
                found.append(f"an SSH connection to {self.sessions[device]}{where}")
        found += [self._upper_words(name, upper) for upper in self._uppers(name, beside)]
        if name not in self.links:
            found.append(f"something unknown, since `ip link show` does not tell of {name}")
        own = self.addresses.get(name)
        if own is None:
            found.append(f"something unknown, since `ip addr show` does not tell the addresses of {name}")
        elif own:
            found.append(_several("the address", own))
        if self.routes.get(name):
            found.append(_several("the route to", self.routes[name], "the routes to"))
        return tuple(found)

    def _upper_words(self, name: str, upper: str) -> str:
        kind = (self.links[upper].kind if upper in self.links else "") or "interface"
        is_port = name in self.links and self.links[name].master == upper
        above = []
        for device in self._with_uppers(upper):
            own = self.addresses.get(device) or ()
            above += [address if device == upper else f"{address} ({device})" for address in own]
        words = f"a port of the {kind} {upper}" if is_port else f"the {kind} {upper} on it"
        return f"{words} with {_several('the address', above)}" if above else words

    def _uppers(self, name: str, beside: Collection[str] = ()) -> list[str]:
        """What stands directly on an interface, from the links' own words and from sysfs."""
        master = self.links[name].master if name in self.links else None
        found = [master] if master else []
        found += [link.name for link in self.links.values() if link.lower == name]
        entries = self.host.list_dir(f"/sys/class/net/{name}")
        found += [entry[len(UPPER):] for entry in entries if entry.startswith(UPPER)]
        return [upper for upper in dict.fromkeys(found) if upper != name and upper not in beside]

    def _with_uppers(self, name: str, beside: Collection[str] = ()) -> list[str]:
        """An interface and all that stand on it: its bridge or bond, VLANs, and theirs."""
        found = [name]
        for device in found:
            found += [upper for upper in self._uppers(device, beside) if upper not in found]
        return found


@dataclass(frozen=True)
class Interfaces:
    """Interfaces by PCI address. ports: a PF's own; beside: those of its representors and VFs; vfs: a VF's own."""

    ports: Mapping[str, Sequence[str]]
    beside: Mapping[str, Collection[str]]
    vfs: Mapping[str, str]

    @property
    def names(self) -> set[str]:
        """All whose uses are looked for."""
        return {name for names in self.ports.values() for name in names} | set(self.vfs.values())


def read(host: Host, state: NodeState, running: Mapping[int, str], ssh_connection: str) -> tuple[Network, Interfaces]:
    """The host's network, and the interfaces of its PFs and VFs as they are called now. Raises HostError.

    udev may rename an interface between two looks: then all is looked at again.
    """
    for pause in RENAME_PAUSES:
        found = _interfaces(host, state)
        links = ip_link.read_links(host)
        shown = ip_link.ip_json(host, "addr", "show")
        addresses = _addresses(shown)
        if found.names <= links.keys() & addresses.keys():
            break
        host.sleep(pause)
    default_routes, routes = _routes(host)
    sessions = processes.ssh_devices(host, running, shown, ssh_connection)
    return Network(host, links, default_routes, routes, sessions, addresses), found


def pf_uses(network: Network, interfaces: Interfaces, pf: Pf) -> tuple[str, ...]:
    """What the host does with a PF's interfaces; a second port of the same function is named."""
    found = []
    for number, name in enumerate(interfaces.ports[pf.address]):
        where = f" ({name})" if number else ""
        found += [f"{use}{where}" for use in network.uses(name, interfaces.beside[pf.address])]
    return tuple(found)


def unknown_of(host: Host, pf: Pf, interfaces: Interfaces) -> str | None:
    """AWAY or NO_INTERFACE where a PF should have an interface here and has none; else None.

    An interface in another network namespace leaves the folder `net` of its function here, and empty: the entries
    carry the namespace, the folder does not (Linux drivers/base/core.c, get_device_parent and class_dir_child_ns_type).
    """
    if interfaces.ports[pf.address] or not pf.is_nic or pf.driver is None or makes_no_interface(pf.driver):
        return None
    base = f"{pci.DEVICES}/{pf.address}"
    folders = [base, *(f"{base}/{entry}" for entry in host.list_dir(base) if entry.startswith("virtio"))]
    if any(host.exists(f"{folder}/net") for folder in folders):
        return AWAY
    # ib_ipoib makes the interfaces of InfiniBand, and may not be loaded.
    return None if pci_classes.is_infiniband(pf.class_id) else NO_INTERFACE


def _interfaces(host: Host, state: NodeState) -> Interfaces:
    ports, beside, vfs = {}, {}, {}
    for pf in state.pfs:
        names = pci.net_names(host.root, pf.address)
        uplink = pci.uplink_name(host.root, pf.address)
        own = [name for name in names if not _is_representor(host, name)]
        ports[pf.address] = sorted(own, key=lambda name: (name != uplink, name))
        for vf in pf.vfs:
            if vf_names := pci.net_names(host.root, vf.address):
                vfs[vf.address] = vf_names[0]
        beside[pf.address] = {*names, *(vfs[vf.address] for vf in pf.vfs if vf.address in vfs)}
    return Interfaces(ports, beside, vfs)


def _is_representor(host: Host, name: str) -> bool:
    """By its phys_port_name: pfN, pfNvfM or pfNsfM, perhaps after the controller's cN (Linux
    Documentation/networking/devlink/devlink-port.rst); a port of the NIC is pN, or has none.
    """
    port = pci.read_text(host.path(f"/sys/class/net/{name}/phys_port_name")) or ""
    return port.startswith("pf") or (port.startswith("c") and "pf" in port)


def _addresses(shown: Iterable[Mapping[str, Any]]) -> dict[str, list[str] | None]:
    """Interface -> the addresses that somebody gave it; None where what `ip` prints can't be read."""
    found: dict[str, list[str] | None] = {}
    for item in shown:
        name, infos = item.get("ifname"), item.get("addr_info")
        if isinstance(name, str):
            found[name] = _own_addresses(infos) if isinstance(infos, list) else None
    return found


def _own_addresses(infos: Sequence[Any]) -> list[str] | None:
    found = []
    for info in infos:
        if info == {} or (isinstance(info, dict) and info.get("scope") in NO_USE):
            continue
        if not isinstance(info, dict) or not isinstance(info.get("local"), str):
            return None
        length = info.get("prefixlen")
        found.append(info["local"] + (f"/{length}" if isinstance(length, int) else ""))
    return found


def _routes(host: Host) -> tuple[set[str], dict[str, list[str]]]:
    """Interfaces with a default route, and the other destinations of each, in any table, multipath included."""
    default: set[str] = set()
    others: dict[str, list[str]] = {}
    for family in ("-4", "-6"):
        for route in ip_link.ip_json(host, family, "route", "show", "table", "all"):
            target = route.get("dst")
            if not isinstance(target, str) or (target != "default" and _is_the_interfaces_own(route, target)):
                continue
            for device in _devices(route):
                if target == "default":
                    default.add(device)
                elif target not in others.setdefault(device, []):
                    others[device].append(target)
    return default, others


def _devices(route: Mapping[str, Any]) -> set[str]:
    hops = route.get("nexthops")
    found = (hop.get("dev") for hop in [route, *(hops if isinstance(hops, list) else [])] if isinstance(hop, dict))
    return {device for device in found if isinstance(device, str)}


def _is_the_interfaces_own(route: Mapping[str, Any], target: str) -> bool:
    """Routes that come with an address or with the link: the address tells of them, or nobody asked for them."""
    if route.get("type") in OWN_ROUTES or route.get("protocol") == "kernel":
        return True
    try:
        network = ipaddress.ip_network(target, strict=False)
    except ValueError:
        return False
    return network.is_multicast or (network.is_link_local and not route.get("gateway") and not route.get("via"))


def _several(one: str, items: Sequence[str], many: str = "") -> str:
    """"the address A", or "the addresses A, B, C and 4 more"."""
    if len(items) == 1:
        return f"{one} {items[0]}"
    more = f" and {len(items) - MOST} more" if len(items) > MOST else ""
    return f"{many or one + 'es'} {', '.join(items[:MOST])}{more}"

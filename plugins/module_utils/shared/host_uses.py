# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes an interface one that the host uses, and the words for it: addresses, routes, and interfaces on it.

One answer for the node library, the device plugin and the CNI plugin. Each reads the host in its own way and brings
plain values; scopes, types and protocols may be the names that ip(8) prints or the numbers of rtnetlink(7).
"""

from __future__ import annotations

from .pci import link_name, list_dir, read_text

OWN_SCOPES = ("link", "host", 253, 254)  # of addresses that an interface has of itself (RFC 3927, RFC 4291)
# Types of routes that the kernel makes for addresses (ip-route(8)): local, broadcast, anycast, multicast.
OWN_TYPES = ("local", "broadcast", "anycast", "multicast", 2, 3, 4, 5)
KERNEL = ("kernel", 2)  # the protocol of routes that come with an address or with the link
DEFAULT = "default"  # the destination of a default route
ADVERTISED = ("ra", 9)  # the protocol of routes that a router advertisement brought
ADVERTISED_DEFAULT = "default by a router advertisement"  # the destination of such a default route
UPPER = "upper_"  # Linux Documentation/ABI/testing/sysfs-class-net: the links to what stands on an interface
MOST = 3  # of addresses or routes that a message names


class HostNetwork:
    """What a program read of the host's interfaces, all by their names."""

    def __init__(
        self, uppers: dict[str, list[str]], masters: dict[str, str], kinds: dict[str, str],
        addresses: dict[str, list[str]], routes: dict[str, list[str]], sessions: dict[str, str] | None = None,
        unknown: dict[str, list[str]] | None = None, vfs: set[str] | None = None,
    ) -> None:  # fmt: skip
        self.uppers = uppers  # what stands directly on an interface: VLANs, macvlans, its bridge or bond
        self.masters = masters  # the bridge, bond, ... that an interface is a port of
        self.kinds = kinds  # "vlan", "bridge", ...
        self.addresses = addresses  # ADDRESS/LENGTH of those that are not its own
        self.routes = routes  # destinations of the routes over it that are not its own
        self.sessions = sessions or {}  # the local address of an SSH connection over it
        self.unknown = unknown or {}  # what can't be told of it, in words
        self.vfs = vfs or set()  # interfaces of VFs: the host does not depend on what a router advertises there

    def uses(self, name: str, beside: set[str] | None = None) -> tuple[str, ...]:
        """Why the host needs an interface; empty where it does not. beside: interfaces of the same device, which are
        none on it.
        """
        found = []
        for device in self._with_uppers(name, beside or set()):
            where = "" if device == name else f" through {device}"
            routes = self.routes.get(device, ())
            if DEFAULT in routes or (ADVERTISED_DEFAULT in routes and not (device == name and name in self.vfs)):
                found.append(f"the default route{where}")
            if device in self.sessions:
                found.append(f"an SSH connection to {self.sessions[device]}{where}")
        found += [self._upper_message(name, upper) for upper in self._uppers(name, beside or set())]
        found += [f"something unknown, since {text}" for text in self.unknown.get(name, ())]
        if self.addresses.get(name):
            found.append(_several("the address", self.addresses[name]))
        others = [target for target in self.routes.get(name, ()) if target not in (DEFAULT, ADVERTISED_DEFAULT)]
        if others:
            found.append(_several("the route to", others, "the routes to"))
        return tuple(found)

    def _upper_message(self, name: str, upper: str) -> str:
        kind = self.kinds.get(upper) or "interface"
        above = []
        for device in self._with_uppers(upper, set()):
            own = self.addresses.get(device, ())
            above += [address if device == upper else f"{address} ({device})" for address in own]
        words = f"a port of the {kind} {upper}" if self.masters.get(name) == upper else f"the {kind} {upper} on it"
        return f"{words} with {_several('the address', above)}" if above else words

    def _uppers(self, name: str, beside: set[str]) -> list[str]:
        return [upper for upper in dict.fromkeys(self.uppers.get(name, ())) if upper != name and upper not in beside]

    def _with_uppers(self, name: str, beside: set[str]) -> list[str]:
        """An interface and all that stand on it: its bridge or bond, VLANs, and theirs."""
        found = [name]
        for device in found:
            found += [upper for upper in self._uppers(device, beside) if upper not in found]
        return found


def message(name: str, uses: tuple[str, ...]) -> str:
    """One sentence of all uses."""
    return f"the host uses its interface {name} ({', '.join(uses)})"


def default_route(protocol: object) -> str:
    """The destination of a default route, by the protocol that brought it."""
    return ADVERTISED_DEFAULT if protocol in ADVERTISED else DEFAULT


def is_own_address(scope: object) -> bool:
    """True for an address that is no use: link-local, or for this host alone."""
    return scope in OWN_SCOPES


def is_own_route(target: str, kind: object, protocol: object, gateway: bool) -> bool:
    """True for a route that is no use: it comes with an address, which tells of it, or with the link. target: DEFAULT,
    an address, or ADDRESS/LENGTH. gateway: whether another host is the next hop.
    """
    is_default = target in (DEFAULT, ADVERTISED_DEFAULT)
    if is_default or kind in OWN_TYPES or protocol in KERNEL:
        return not is_default
    address, _slash, length = target.partition("/")
    bits = int(length) if length.isdecimal() else 128
    first, _colon, rest = address.lower().partition(":")
    if rest:
        is_multicast = len(first) == 4 and first[:2] == "ff" and bits >= 8  # ff00::/8
        is_link_local = len(first) == 4 and first[:2] == "fe" and first[2] in "89ab" and bits >= 10  # fe80::/10
    else:
        octet = first.partition(".")[0]
        is_multicast = octet.isdecimal() and 224 <= int(octet) < 240 and bits >= 4  # 224.0.0.0/4
        is_link_local = first.startswith("169.254.") and bits >= 16
    return is_multicast or (is_link_local and not gateway)


def upper_names(root: str, name: str) -> list[str]:
    """What stands directly on an interface, by sysfs below `root`; its master is among them."""
    return [entry[len(UPPER) :] for entry in list_dir(f"{root}/sys/class/net/{name}") if entry.startswith(UPPER)]


def master_name(root: str, name: str) -> str:
    """The bridge, bond, ... that an interface is a port of, by sysfs; "" for none."""
    return link_name(f"{root}/sys/class/net/{name}/master") or ""


def kind_name(root: str, name: str) -> str:
    """ "vlan", "bridge", ... by sysfs; "" for a kind that the kernel does not tell there."""
    lines = (read_text(f"{root}/sys/class/net/{name}/uevent") or "").splitlines()
    return next((line[8:] for line in lines if line.startswith("DEVTYPE=")), "")


def _several(one: str, items: list[str], many: str = "") -> str:
    """"the address A", or "the addresses A, B, C and 4 more"."""
    if len(items) == 1:
        return f"{one} {items[0]}"
    more = f" and {len(items) - MOST} more" if len(items) > MOST else ""
    return f"{many or one + 'es'} {', '.join(items[:MOST])}{more}"

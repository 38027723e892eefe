# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own network as `ip` tells it, and the interfaces of PFs and VFs. Writes nothing.

What a use is, and its words, is in `shared.host_uses`. What can't be told counts as in use, so it is among the reasons,
or (of a PF without an interface here) a reason of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..host import ip_link
from ..host.host import Host
from ..host.ip_link import Link
from ..model.frozen import dataclass
from ..model.state import NOT_NEEDED, NodeState, Pf
from ..shared import host_uses, pci
from ..shared.host_uses import HostNetwork
from . import processes

RENAME_PAUSES = (0.2, 0.2, 0.0)  # seconds after a look that udev came between


@dataclass(frozen=True)
class Interfaces:
    """Interfaces by PCI address. ports: a PF's own; beside: those of its representors and VFs; vfs: a VF's own."""

    ports: Mapping[str, Sequence[str]]
    beside: Mapping[str, set[str]]
    vfs: Mapping[str, str]

    @property
    def names(self) -> set[str]:
        """All whose uses are looked for."""
        return {name for names in self.ports.values() for name in names} | set(self.vfs.values())


def read(
    host: Host, state: NodeState, running: Mapping[int, str], ssh_connection: str
) -> tuple[HostNetwork, Interfaces]:
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
    network = HostNetwork(
        uppers=_uppers(host, links, found.names),
        masters={name: link.master for name, link in links.items() if link.master},
        kinds={name: link.kind for name, link in links.items()},
        addresses={name: own for name, own in addresses.items() if own is not None},
        routes=_routes(host),
        sessions=processes.ssh_devices(host, running, shown, ssh_connection),
        vfs=set(found.vfs.values()),
    )
    for name in found.names:
        network.unknown[name] = [f"`ip link show` does not tell of {name}"] if name not in links else []
        if addresses.get(name) is None:
            network.unknown[name].append(f"`ip addr show` does not tell the addresses of {name}")
    return network, found


def pf_uses(network: HostNetwork, interfaces: Interfaces, pf: Pf) -> tuple[str, ...]:
    """What the host does with a PF's interfaces; a second port of the same function is named."""
    found = []
    for number, name in enumerate(interfaces.ports[pf.address]):
        where = f" ({name})" if number else ""
        found += [f"{use}{where}" for use in network.uses(name, interfaces.beside[pf.address])]
    return tuple(found)


def unknown_of(pf: Pf, interfaces: Interfaces) -> str | None:
    """AWAY or NO_INTERFACE where a PF should have an interface here and has none; else None."""
    return None if interfaces.ports[pf.address] or pf.missing == NOT_NEEDED else pf.missing


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
    named = ((item.get("ifname"), item.get("addr_info")) for item in shown)
    return {
        name: _own_addresses(infos) if isinstance(infos, list) else None
        for name, infos in named
        if isinstance(name, str)
    }


def _own_addresses(infos: Sequence[Any]) -> list[str] | None:
    found = []
    for info in infos:
        if info == {} or (isinstance(info, dict) and host_uses.is_own_address(info.get("scope"))):
            continue
        if not isinstance(info, dict) or not isinstance(info.get("local"), str):
            return None
        length = info.get("prefixlen")
        found.append(info["local"] + (f"/{length}" if isinstance(length, int) else ""))
    return found


def _uppers(host: Host, links: Mapping[str, Link], names: Iterable[str]) -> dict[str, list[str]]:
    """What stands on these interfaces, and on that in turn, from the links' own words and from sysfs."""
    found: dict[str, list[str]] = {}
    waiting = list(names)
    for name in waiting:
        if name not in found:
            master = links[name].master if name in links else None
            found[name] = [master] if master else []
            found[name] += [link.name for link in links.values() if link.lower == name]
            found[name] += host_uses.upper_names(host.root, name)
            waiting += found[name]
    return found


def _routes(host: Host) -> dict[str, list[str]]:
    """Interface -> the destinations of its routes, in any table, multipath included; its own are left out."""
    found: dict[str, list[str]] = {}
    for family in ("-4", "-6"):
        for route in ip_link.ip_json(host, family, "route", "show", "table", "all"):
            target = route.get("dst")
            gateway = bool(route.get("gateway") or route.get("via"))
            if not isinstance(target, str) or host_uses.is_own_route(
                target, route.get("type"), route.get("protocol"), gateway
            ):
                continue
            target = host_uses.default_route(route.get("protocol")) if target == host_uses.DEFAULT else target
            for device in _devices(route):
                if target not in found.setdefault(device, []):
                    found[device].append(target)
    return found


def _devices(route: Mapping[str, Any]) -> set[str]:
    hops = route.get("nexthops")
    found = (hop.get("dev") for hop in [route, *(hops if isinstance(hops, list) else [])] if isinstance(hop, dict))
    return {device for device in found if isinstance(device, str)}

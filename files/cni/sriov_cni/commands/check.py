# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CHECK: is everything as ADD left it (CNI specification 1.1.0, section 2)."""

from __future__ import annotations

from ..host.host import NodeHost
from ..netlink.addresses import parse_cidr
from ..netlink.messages import IFF_ALLMULTI, IFF_PROMISC, IFF_UP, Interface
from ..pod.interface import Pod
from ..spec.errors import CONFIG, DIFFERS, CniError
from ..spec.result import Result, kernel_routes
from ..vf.config import Config, parse
from ..vf.go_plugin_state import address_of
from ..vf.journal import Store
from ..vf.settings import SETTINGS
from ..vf.vf import find, port_of
from . import Request, pod_netns


def check(host: NodeHost, request: Request) -> None:
    """Compare what is there with what ADD left. Raises CniError (102) that lists every difference."""
    config = parse(request.conf, request.args)
    previous = request.previous()
    if not previous.interfaces:
        raise CniError(CONFIG, "prevResult: CHECK needs the result of ADD with its interface, found none")
    store = Store(host)
    owner = request.container, request.ifname
    attachment = store.of_owner(*owner)
    journal = attachment.address if attachment is not None else address_of(host, store, *owner)
    if not journal:
        raise CniError(
            DIFFERS, f"container {request.container} has no VF as {request.ifname}: no journal of its ADD"
        )
    vf = find(host, config.device)
    problems = []
    if journal != vf.address:
        problems.append(f"deviceID: expected {vf.address}, the journal has {journal}")
    # Where nothing is asked of the PF, ADD goes without it: so does CHECK.
    if vf.pf and config.asked:
        state = port_of(host, vf.address, vf.pf).read(vf.index, config.asked)
        for name in config.asked:
            if name == "mac" and _has_another_mac(request, config, previous):
                continue
            found = SETTINGS[name].differences(config.target, state)
            problems += [f"VF {vf.index} of PF {vf.pf}: {text}" for text in found]
    if vf.kernel:
        problems += _differences(Pod(host, pod_netns(request)), request, config, previous)
    if problems:
        raise CniError(DIFFERS, "not as ADD left it: " + "; ".join(problems))
    ipam = request.ipam(host)
    if ipam is not None:
        ipam.call("CHECK")


def _differences(pod: Pod, request: Request, config: Config, previous: Result) -> list[str]:
    """The pod's interface, addresses and routes against the result of ADD."""
    link = pod.link(request.ifname)
    if link is None:
        return [f"interface {request.ifname} is not in {request.netns}"]
    problems = []
    ours = [i for i, entry in enumerate(previous.interfaces) if entry.get("name") == request.ifname]
    for index in ours:
        mac = previous.interfaces[index].get("mac")
        if mac and str(mac).lower() != link.mac:
            problems.append(f"{request.ifname}: expected MAC {mac}, found {link.mac}")
    if not ours:
        problems.append(f"prevResult has no interface {request.ifname}")
    # A plugin behind ours may have changed it, and says so in the result (specification, section 2, CHECK).
    told = [previous.interfaces[index].get("mtu") for index in ours]
    mtu = next((number for number in told if isinstance(number, int) and number > 0), config.mtu)
    if config.mtu and link.mtu != mtu:
        problems.append(f"{request.ifname}: expected MTU {mtu}, found {link.mtu}")
    for flag, name in ((IFF_PROMISC, "promisc"), (IFF_ALLMULTI, "allmulticast")):
        if config.flags & flag and not link.flags & flag:
            problems.append(f"{request.ifname}: expected {name} on, found it off")
    if not link.flags & IFF_UP:
        problems.append(f"{request.ifname}: expected it up, found it down")
    present = {parse_cidr(text) for index, text, _rest in pod.addresses() if index == link.index and text}
    for ip in previous.ips:
        if ip.get("interface", 0) in ours and parse_cidr(ip["address"]) not in present:
            problems.append(f"{request.ifname}: address {ip['address']} is missing")
    return problems + _missing_routes(pod, link, previous, alone=len(ours) == len(previous.interfaces))


def _has_another_mac(request: Request, config: Config, previous: Result) -> bool:
    """Whether a plugin behind ours gave the interface a MAC of its own, which the PF's driver may tell, or not."""
    macs = [entry.get("mac") for entry in previous.interfaces if entry.get("name") == request.ifname]
    return any(mac and str(mac).lower() != config.mac for mac in macs)


def _missing_routes(pod: Pod, link: Interface, previous: Result, alone: bool) -> list[str]:
    """Routes of the result that the kernel does not have. A result does not say which interface a route belongs to: in
    a chain with others it may be any, and then only the destination counts.
    """
    found = [r for r in pod.routes() if r.oif == link.index or not alone]
    full = {(r.family, r.dst, r.prefix, r.gateway) for r in found}
    destinations = {key[:3] for key in full}
    problems = []
    for route, entry in zip(kernel_routes(previous), previous.routes):
        key = (route.family, route.dst, route.prefix, route.gateway)
        if key not in full if alone else key[:3] not in destinations:
            problems.append(f"{link.name}: the route to {entry['dst']} is missing")
    return problems

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which network interfaces the host itself needs: they are never handed to a pod."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterable, Iterator

from shared import pci

from . import routes
from .routes import IpAddress, Route

# Of kubeadm, k3s, RKE2 and MicroK8s.
KUBECONFIGS = (
    "/etc/kubernetes/kubelet.conf",
    "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
    "/var/lib/rancher/rke2/agent/kubelet.kubeconfig",
    "/var/snap/microk8s/current/credentials/kubelet.config",
)

_SERVER = re.compile(r"""["']?https?://(\[[0-9a-fA-F:.]+\]|[^/:"'\[\]]+)""")


def interfaces(root: str) -> dict[str, str]:
    """Interface name -> what it is needed for: a default route, the API server, or an interface that stands on it.

    A default route, of any routing table, on a bridge, bond or VLAN counts for every interface below it. What stands
    on an interface (VLAN, macvlan, bond, ...) is seen by the `upper_*` and `master` links of /sys/class/net, and what
    it stands on by `lower_*` (Linux net/core/dev.c); the kernel takes a link away when its end moves into a pod.
    """
    needed: dict[str, str] = {}
    net = f"{root}/sys/class/net"
    for name in pci.list_dir(net):
        uppers = [entry[6:] for entry in pci.list_dir(f"{net}/{name}") if entry.startswith("upper_")]
        if uppers:
            needed[name] = f"{uppers[0]} stands on it"
        master = pci.link_name(f"{net}/{name}/master")
        if master:
            needed[name] = f"it is a port of {master}"
    servers = api_servers(root)
    found = routes.read(root, servers)
    for address in servers:
        for holder in _routes_to(found, address):
            for name in _with_lower(net, holder):
                needed[name] = f"the host's route to the API server {address} goes over {holder}"
    for route in found:
        for holder in route.interfaces if route.is_default else ():
            for name in _with_lower(net, holder):
                needed[name] = f"the host's IPv{route.target.version} default route goes over {holder}"
    return needed


def api_servers(root: str) -> set[IpAddress]:
    """The API server's addresses, from the server line of the kubelet's kubeconfig; of that file nothing else is kept.

    A name is looked up in /etc/hosts alone: the DNS may be slow or away, and then the default route leads there.
    """
    found: set[IpAddress] = set()
    for path in KUBECONFIGS:
        for line in routes.lines(root + path):
            if len(line) == 2 and line[0] == "server:":
                found.update(_addresses(root, line[1]))
    return found


def _addresses(root: str, url: str) -> list[IpAddress]:
    match = _SERVER.match(url)
    host = match[1].strip("[]") if match else ""
    texts = [host, *(line[0] for line in routes.lines(f"{root}/etc/hosts") if host.lower() in map(str.lower, line[1:]))]
    found = []
    for text in texts:
        with contextlib.suppress(ValueError):
            found.append(ipaddress.ip_address(text))
    return found


def _routes_to(found: Iterable[Route], address: IpAddress) -> Iterator[str]:
    """The interfaces of each table's longest matching routes, the default routes left out."""
    best: dict[int, int] = {}  # table -> prefix length
    over: dict[int, list[str]] = {}
    for route in found:
        length, known = route.target.prefixlen, best.get(route.table, 1)
        if length >= known and address in route.target:
            if length > known:
                over.pop(route.table, None)
            best[route.table] = length
            over.setdefault(route.table, []).extend(route.interfaces)
    for names in over.values():
        yield from names


def _with_lower(net: str, name: str) -> set[str]:
    """The interface and all that it stands on; a loop of links ends by the set."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        waiting.extend(e[6:] for e in pci.list_dir(f"{net}/{current}") if e.startswith("lower_"))
    return seen

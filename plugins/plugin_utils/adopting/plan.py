# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What taking a node over, or giving it back, would do, and what is in its way. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .origins import DAEMON_SET, DEPLOYMENT, UNIT, Origin

_MOST = 5  # devices that a line names


@dataclass(frozen=True)
class Node:
    """One host. look: what sriov_handover tells; resources: what the policies offer, with how many; managed: the VFs
    that policies are about; owner: the DaemonSet of a pod; plugin, cni: whether these parts are to be ours.
    """

    host: str
    look: Mapping[str, Any]
    resources: Mapping[str, int]
    managed: Sequence[str]
    wanted: Sequence[Origin]
    owner: Callable[[str], str]
    plugin: bool = True
    cni: bool = True

    @property
    def others(self) -> list[Mapping[str, Any]]:
        """Who serves a resource and is not ours."""
        return [server for server in self.look["servers"] if not server["ours"]]


def problems(node: Node) -> list[str]:
    """Why this node can't be taken over without harm; nothing was changed."""
    return [*_of_holders(node), *_of_owners(node)] if node.plugin else []


def _of_holders(node: Node) -> list[str]:
    found = []
    managed = set(node.managed)
    for resource, devices in sorted(node.look["held"].items()):
        mine = sorted(set(devices) & managed)
        offered = int(node.resources.get(resource, 0))
        if mine and not offered:
            told = ", ".join(f"{device} ({devices[device]})" for device in mine[:_MOST])
            found.append(
                f"pods hold VFs of the policies as {resource}: {told}; expected a policy that offers that name, found "
                f"{', '.join(sorted(node.resources)) or 'none'}. Set sriov_resource_prefix and resource_name to it, or "
                "let these pods end first."
            )
        elif mine and len(devices) > offered:
            found.append(
                f"pods hold {len(devices)} devices of {resource}; expected policies that offer as many, found "
                f"{offered}. Let the policies have all VFs that are offered now."
            )
    return found


def _of_owners(node: Node) -> list[str]:
    named = {str(one) for one in node.wanted}
    found = []
    for server in node.others:
        who = f"{UNIT}/{server['unit']}" if server["unit"] else node.owner(server["pod"]) if server["pod"] else ""
        offers = f"{server['words']} offers {server['resource']}"
        if not who:
            found.append(
                f"{offers}; expected a unit, or a pod of a DaemonSet in the cluster of sriov_kubeconfig, found none. "
                "End it by hand, then run this again."
            )
        elif who not in named:
            found.append(
                f"{offers}; expected {who} in sriov_adopt_from, found {', '.join(sorted(named)) or 'nothing there'}. "
                "Name it there if it is to leave this node."
            )
    return list(dict.fromkeys(found))


def lines(node: Node, back: bool) -> list[str]:
    """The order of the steps, for people."""
    steps = _back(node) if back else _over(node)
    title = "given back" if back else "taken over"
    held = sum(len(devices) for devices in node.look["held"].values())
    return [
        f"{node.host}: {title}, with {held} device{'s' if held != 1 else ''} in pods, which keep them; in this order:",
        *(f"  {number}. {text}" for number, text in enumerate(steps, 1)),
    ]


def _over(node: Node) -> list[str]:
    steps = ["VFs, drivers and files as the plan of the node says; what pods hold stays as it is"]
    steps += ["the CNI plugin takes the place of the one that is there, which is kept"] if node.cni else []
    if node.plugin:
        steps += ["the device plugin is installed, starts, and waits"]
        steps += [f"{one} gets no replicas" for one in node.wanted if one.kind == DEPLOYMENT]
        steps += [f"{one} is kept from the node by a label" for one in node.wanted if one.kind == DAEMON_SET]
        steps += [f"{one.name} is switched off" for one in node.wanted if one.kind == UNIT]
        steps += [f"the device plugin serves {', '.join(sorted(node.resources)) or 'nothing'} as soon as no other does"]
    return steps


def _back(node: Node) -> list[str]:
    steps = []
    if node.plugin:
        steps += ["the device plugin is held still, its devices as they are"]
        steps += [f"{one} comes to the node again" for one in node.wanted if one.kind == DAEMON_SET]
        steps += [f"{one.name} is switched on" for one in node.wanted if one.kind == UNIT]
        steps += ["the device plugin is ended as soon as the other one serves, and is removed"]
    if node.cni:
        steps += ["the CNI plugin that was there is in its place again; ours goes when all that it gave is back"]
    steps += ["files and settings as they were before us; VFs that were there stay"]
    steps += [f"{one} as it was, with the last node" for one in node.wanted if one.kind == DEPLOYMENT and node.plugin]
    return steps

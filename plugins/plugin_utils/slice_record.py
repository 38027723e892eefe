# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of all nodes' slices, a ConfigMap in the cluster with a key for each network that shares out addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from . import node_slices as slices
from .network_ranges import SOURCE

LEASES = "/var/lib/cni/networks"  # of host-local, unless dataDir names another


def changes(
    networks: Iterable[Mapping[str, Any]],
    data: Mapping[str, Any],
    nodes: Collection[str],
    idle: Collection[str] | None = None,
    gone: Collection[str] = (),
    present: Collection[str] | None = None,
) -> dict[str, Any]:
    """What a run about some nodes makes of the record. idle: nodes without an address in use, None where they were not
    asked yet; gone: nodes whose slices are taken back; present: the cluster's nodes, None where slices of others, and
    the keys of other networks, stay.

    Returns stuck (nodes that have to be asked for addresses in use before anything can be done), data (the record of
    then), patch (what differs, None for a key that goes), networks (names of those that are shared out) and folders (of
    the nodes, with addresses in use). Raises InvalidSpecError.
    """
    listed = list(networks)
    wanted = slices.sliced(listed)
    then: dict[str, str] = {}
    stuck: set[str] = set()
    for name, ranges in wanted.items():
        shares = slices.read(str(data.get(name, "")))
        left = set(shares.slices) - set(nodes) - set(shares.slices if present is None else present)
        for node in {*gone, *left}:
            shares.slices.pop(node, None)
        stuck.update(slices.stuck(ranges, shares, nodes) if idle is None else ())
        if not stuck:
            shared = slices.share_out(name, ranges, shares, nodes, idle or ())
            then.update({name: slices.write(shared)} if shared.slices else {})
    about = {"stuck": sorted(stuck), "networks": list(wanted), "folders": _folders(listed)}
    if stuck:
        return {**about, "data": dict(data), "patch": {}}
    kept = {name: text for name, text in data.items() if name not in wanted and present is None}
    found = {**kept, **then}
    patch: dict[str, Any] = {name: text for name, text in found.items() if data.get(name) != text}
    patch.update({name: None for name in data if name not in found})
    return {**about, "data": found, "patch": patch}


def _folders(networks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where host-local has a file for each address in use."""
    found = [values for values in networks if SOURCE in values.get("ipam", {})]
    return [f"{str(values['ipam'].get('dataDir') or LEASES).rstrip('/')}/{values['name']}" for values in found]


def ranges_of_node(
    networks: Iterable[Mapping[str, Any]], data: Mapping[str, Any], node: str
) -> dict[str, list[list[dict[str, str]]]]:
    """Network -> the node's ranges of it, as its CNI plugin reads them."""
    found = {}
    for name, ranges in slices.sliced(networks).items():
        entry = slices.read(str(data.get(name, ""))).slices.get(node)
        if entry is not None and slices.fits(ranges, entry):
            found[name] = slices.of_node(ranges, entry)
    return found


def problems(networks: Iterable[Mapping[str, Any]], data: Mapping[str, Any]) -> list[str]:
    """Sentences about what is wrong with the record."""
    return [
        problem
        for name, ranges in slices.sliced(networks).items()
        for problem in slices.problems(name, ranges, slices.read(str(data.get(name, ""))))
    ]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`ipam.ranges_from: node`: the addresses of a network shared out among nodes, to each a slice of its own.

A slice is recorded by its addresses, not by a number: it stays where it is whatever becomes of the network's ranges, as
long as it lies within them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..module_utils.model.errors import InvalidSpecError, Mistake
from .network_ranges import SOURCE, Range, number_of, ranges_of

MOST_NAMED = 5  # nodes in a sentence
Slice = tuple[int, int]  # the first and the last address


@dataclass
class Shares:
    """Who has what of one network. slices: by node, one for each range; damaged: nodes whose record cannot be read."""

    slices: dict[str, list[Slice]] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


def read(text: str) -> Shares:
    """The record of a network, as `write` made it."""
    try:
        raw = json.loads(text or "{}")
    except ValueError:
        raw = None
    if not isinstance(raw, dict):
        return Shares(damaged=["all"])
    found = Shares()
    for node, entry in raw.items():
        try:
            found.slices[node] = [_slice(one) for one in entry]
        except (TypeError, ValueError):
            found.damaged.append(node)
    return found


def write(shares: Shares) -> str:
    """The record as a text that is the same for the same slices."""
    return json.dumps({node: [told(one) for one in slices] for node, slices in sorted(shares.slices.items())})


def fits(ranges: list[Range], slices: list[Slice]) -> bool:
    """True where a node's slices lie within the network's ranges."""
    return len(slices) == len(ranges) and all(
        one.first <= first <= last <= one.last for one, (first, last) in zip(ranges, slices)
    )


def stuck(ranges: list[Range], shares: Shares, nodes: Iterable[str]) -> list[str]:
    """Nodes whose slice lies outside the network's ranges by now: it may only go once no pod has an address of it."""
    return sorted(node for node in nodes if node in shares.slices and not fits(ranges, shares.slices[node]))


def share_out(
    name: str, ranges: list[Range], shares: Shares, nodes: Iterable[str], idle: Collection[str] = ()
) -> Shares:
    """Give each of the nodes that has none a free slice; all others stay. idle: nodes without an address in use.

    Raises InvalidSpecError where the record cannot be read, a node's slice has to go and is in use, or none is left.
    """
    path = f"network {name}"
    if shares.damaged:
        raise InvalidSpecError([Mistake(path, _damaged(shares))])
    wanted = sorted(set(nodes))
    slices = dict(shares.slices)
    for node in stuck(ranges, shares, wanted):
        if node not in idle:
            raise InvalidSpecError([Mistake(path, _in_use(node, slices[node], ranges))])
        del slices[node]
    without = [node for node in wanted if node not in slices]
    for node in without:
        taken = [one for entry in slices.values() for one in entry]
        found = [_free(one, taken) for one in ranges]
        if any(one is None for one in found):
            left = [one for one in without if one not in slices]
            raise InvalidSpecError([Mistake(path, _exhausted(ranges, slices, left))])
        slices[node] = [one for one in found if one is not None]
    return Shares(slices)


def of_node(ranges: list[Range], slices: list[Slice]) -> list[list[dict[str, str]]]:
    """A node's slices as host-local has ranges."""
    return [[one.narrowed(first, last)] for one, (first, last) in zip(ranges, slices)]


def problems(name: str, ranges: list[Range], shares: Shares) -> list[str]:
    """Sentences about a record that is not right: somebody has changed it by hand, or the network's ranges."""
    found = [f"network {name}: {_damaged(shares)}"] if shares.damaged else []
    spans = sorted((slice_, node) for node, entry in shares.slices.items() for slice_ in entry)
    for (one, node), (other, its) in zip(spans, spans[1:]):
        if other[0] <= one[1]:
            found.append(
                f"network {name}: {node} has {told(one)} and {its} has {told(other)}: two pods can get one address. "
                "Take one of the two out of the record once the node has no pod of this network, and run site"
            )
    for node in stuck(ranges, shares, shares.slices):
        has = ", ".join(map(told, shares.slices[node]))
        found.append(f"network {name}: {node} has {has}, outside {_ranges(ranges)}. Run site once it has no pod of it")
    return found


def _free(one: Range, taken: Iterable[Slice]) -> Slice | None:
    """The lowest free slice of a range, None where all are taken."""
    number = 0
    busy = sorted(taken)
    at = 0
    while number < one.slices:
        first, last = one.slice(number)
        while at < len(busy) and busy[at][1] < first:
            at += 1
        if at < len(busy) and busy[at][0] <= last:
            number = max(number, (busy[at][1] - one.base) // one.size) + 1
        elif one.usable(first, last) > 0:
            return first, last
        else:
            number += 1
    return None


def _slice(text: str) -> Slice:
    """Raises ValueError."""
    begin, _dash, end = text.partition("-")
    first, last = number_of(begin), number_of(end)
    if first > last or (first < Range.V6 <= last):
        raise ValueError(f"expected FIRST-LAST, found {text}")
    return first, last


def told(one: Slice) -> str:
    """FIRST-LAST."""
    return f"{Range.address(one[0])}-{Range.address(one[1])}"


def _ranges(ranges: list[Range]) -> str:
    return ", ".join(f"{Range.address(one.first)}-{Range.address(one.last)}" for one in ranges)


def _named(nodes: list[str]) -> str:
    more = f" and {len(nodes) - MOST_NAMED} more" if len(nodes) > MOST_NAMED else ""
    return ", ".join(nodes[:MOST_NAMED]) + more


def _damaged(shares: Shares) -> str:
    return (
        f"expected the record of its slices, a list of FIRST-LAST for each node, found something else for "
        f"{_named(shares.damaged)}. Correct the ConfigMap, or delete the network's key once no pod has an address of it"
    )


def _in_use(node: str, slices: list[Slice], ranges: list[Range]) -> str:
    return (
        f"{node} has {', '.join(map(told, slices))}, which lies outside {_ranges(ranges)} by now, and pods there may "
        "have addresses of it. Delete these pods first, or let the network have its ranges of before"
    )


def _exhausted(ranges: list[Range], slices: Mapping[str, Any], left: list[str]) -> str:
    sizes = ", ".join(
        f"{_ranges([one])} holds {one.slices} slice{'s' if one.slices != 1 else ''} of {one.size} addresses"
        for one in ranges
    )
    return (
        f"{sizes}; {len(slices)} nodes have one ({_named(sorted(slices))}), and none is left for "
        f"{len(left)} ({_named(left)}). Name a larger subnet, a node_slice_size of fewer addresses, or take back "
        "the slices of nodes that are gone: by their teardown, or by sriov_prune: true"
    )


def sliced(networks: Iterable[Mapping[str, Any]]) -> dict[str, list[Range]]:
    """Name -> ranges of the networks that share out their addresses by node."""
    return {str(values["name"]): ranges_of(values["ipam"]) for values in networks if SOURCE in values.get("ipam", {})}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories of a cluster whose nodes share out a network's addresses: they come and go, and runs are about some.

A slow model judges: for each address, who has it. No two nodes have one, nobody's slice moves, and nobody is refused
while a slice is free.
"""

from __future__ import annotations

import ipaddress
import json
import random

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import node_slices
from ansible_collections.baremetal.sriov.plugins.plugin_utils.network_ranges import ranges_of


def addresses(slices: list[str]) -> set[str]:
    """Each address of a node's slices."""
    found = set()
    for text in slices:
        first, last = map(ipaddress.ip_address, text.split("-"))
        found |= {str(first + number) for number in range(int(last) - int(first) + 1)}
    return found


def play(seed: int, nodes: int, turns: int) -> None:
    """One history. Raises AssertionError, with the seed, for what must not be."""
    chance = random.Random(seed)
    names = [f"node{number}" for number in range(nodes)]
    length = chance.choice((26, 27, 28))
    subnet = f"10.0.0.0/{length - chance.choice((6, 7, 8))}"  # for 64 to 256 nodes
    ipam = {"type": "host-local", "ranges_from": "node", "subnet": subnet, "node_slice_size": f"/{length}"}
    record, members, leased = "", set[str](), set[str]()
    for _turn in range(turns):
        before: dict[str, list[str]] = json.loads(record or "{}")
        for node in chance.sample(sorted(members), min(len(members), chance.randrange(8))):
            if node not in leased:  # its teardown
                members.discard(node)
                before.pop(node, None)
        members |= set(chance.sample(names, chance.randrange(nodes // 3)))
        limit = chance.sample(sorted(members), chance.randint(0, len(members)))
        idle = [node for node in limit if node not in leased]
        ranges = ranges_of(ipam)
        shares = node_slices.read(json.dumps(before))
        try:
            shares = node_slices.share_out("blue", ranges, shares, limit, idle)
        except InvalidSpecError:
            new = [node for node in limit if node not in before]
            assert len(before) + len(new) > ranges[0].slices, (seed, "refused though there was a free slice")
            limit = limit[: len(limit) // 2]
            continue
        record = node_slices.write(shares)
        after: dict[str, list[str]] = json.loads(record)
        _judge(seed, before, after, limit)
        assert node_slices.problems("blue", ranges, shares) == []
        leased = {node for node in after if chance.random() < 0.5}
    assert record, seed


def _judge(seed: int, before: dict[str, list[str]], after: dict[str, list[str]], limit: list[str]) -> None:
    assert set(after) == set(before) | set(limit), (seed, "another node was touched")
    assert {node: after[node] for node in before} == before, (seed, "a slice moved")
    owners: dict[str, str] = {}
    for node, slices in after.items():
        for address in addresses(slices):
            assert owners.setdefault(address, node) == node, (seed, address, node, owners[address])

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes change together: all pools at once, each within its limit, control-plane nodes one at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEFAULT_POOL = "default"
ALL_AT_ONCE = "100%"  # source: SriovNetworkPoolConfig without maxUnavailable


@dataclass(frozen=True)
class NodePool:
    """Nodes that share a limit. limits: sriov_max_unavailable, a list with a value for each batch, the last for all
    others; nodes: the names of all its nodes, whether they change or not.
    """

    name: str
    limits: tuple[Any, ...]
    nodes: frozenset[str]

    def limit(self, number: int) -> int:
        """How many nodes may be unavailable in this batch, from 0 on: of a percentage the lower number, at least 1."""
        value = str(self.limits[min(number, len(self.limits) - 1)])
        share = re.fullmatch(r"(\d+)%", value)
        return max(1, len(self.nodes) * int(share[1]) // 100) if share else max(1, int(value))


@dataclass(frozen=True)
class Member:
    """A host that is to change. unavailable: it is already, so that its turn costs nothing."""

    host: str
    node: str
    pool: str
    unavailable: bool = False
    control_plane: bool = False


@dataclass(frozen=True)
class Batch:
    """Hosts that change together. limits: pool -> how many of its nodes may be unavailable meanwhile."""

    number: int
    hosts: tuple[str, ...]
    limits: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For a variable of Ansible."""
        return {"number": self.number, "hosts": list(self.hosts), "limits": dict(self.limits)}


def limits_of(value: Any) -> tuple[Any, ...]:
    """sriov_max_unavailable as a list."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def batches(members: Sequence[Member], pools: Mapping[str, NodePool], unavailable: frozenset[str]) -> list[Batch]:
    """The batches in their order.

    unavailable: the names of all nodes that are so already. Of those the ones that change go first, as they take no
    place; the others take one each. A pool without a place left gets one node: its turn comes when there is one.
    """
    changing = {member.node for member in members}
    workers = [member for member in members if not member.control_plane]
    queues = {name: sorted((m for m in workers if m.pool == name), key=lambda m: not m.unavailable) for name in pools}
    found: list[Batch] = []
    while any(queues.values()):
        limits = {name: pool.limit(len(found)) for name, pool in pools.items()}
        taken: list[str] = []
        for name, queue in queues.items():
            others = (unavailable & pools[name].nodes) - changing
            taken += _turn(queue, limits[name] - len(others))
        found.append(Batch(len(found), tuple(taken), limits))
    for member in (one for one in members if one.control_plane):
        found.append(Batch(len(found), (member.host,), {member.pool: pools[member.pool].limit(len(found))}))
    return found


def _turn(queue: list[Member], places: int) -> list[str]:
    """Take those whose turn it is in one pool."""
    free = [member for member in queue if member.unavailable]
    taken = free + [member for member in queue if not member.unavailable][: max(0, places - len(free))]
    taken = taken or queue[:1]
    queue[:] = [member for member in queue if member not in taken]
    return [member.host for member in taken]

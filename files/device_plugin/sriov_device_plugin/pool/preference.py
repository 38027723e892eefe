# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices the kubelet should prefer: together where asked, apart where asked, else in the pool's own order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Callable, TypeVar

from ..host.discovery import Device

PACKED, SPREAD = "packed", "spread"
POLICIES = (PACKED, SPREAD)
Key = TypeVar("Key", bound=Hashable)


def choose(
    policy: str, devices: Mapping[str, Device], available: Iterable[str], must: Sequence[str], size: int
) -> list[str]:
    """`size` ids: those that must be in it, then available ones; fewer where there are not as many.

    `devices` is the pool, in its own order. The answer is the same each time for the same question.
    """
    chosen = list(dict.fromkeys(must))
    wanted = set(available).difference(chosen)
    free = [device_id for device_id in devices if device_id in wanted]
    need = max(size - len(chosen), 0)
    taken = [devices[device_id] for device_id in chosen if device_id in devices]
    if policy == PACKED:
        free = _packed(devices, free, taken, need)
    elif policy == SPREAD:
        free = _spread(devices, free, taken, need)
    return [*chosen, *free][: max(size, 0)]


def _pf(device: Device) -> str:
    return device.pf_address or device.id


def _packed(devices: Mapping[str, Device], free: list[str], taken: list[Device], need: int) -> list[str]:
    """One NUMA node first, then one PF: those of `taken`, else the tightest that suffices, else the largest."""
    ordered = []
    nodes = _groups(free, lambda i: devices[i].numa_node)
    for node in _ranked(nodes, {device.numa_node for device in taken}, need):
        parents = _groups(nodes[node], lambda i: _pf(devices[i]))
        for parent in _ranked(parents, {_pf(device) for device in taken}, need):
            ordered.extend(parents[parent])
    return ordered


def _groups(ids: Iterable[str], key: Callable[[str], Key]) -> dict[Key, list[str]]:
    found: dict[Key, list[str]] = {}
    for device_id in ids:
        found.setdefault(key(device_id), []).append(device_id)
    return found


def _ranked(groups: Mapping[Key, list[str]], favoured: set[Key], need: int) -> list[Key]:
    def rank(key: Key) -> tuple[bool, bool, int]:
        count = len(groups[key])
        return key not in favoured, count < need, count if count >= need else -count

    return sorted(groups, key=rank)


def _spread(devices: Mapping[str, Device], free: list[str], taken: list[Device], need: int) -> list[str]:
    """Each from the PF that has given the fewest so far, of these the one with the most left."""
    parents = _groups(free, lambda i: _pf(devices[i]))
    given = Counter(_pf(device) for device in taken)
    ordered: list[str] = []
    while len(ordered) < need and any(parents.values()):
        parent = min((p for p in parents if parents[p]), key=lambda p: (given[p], -len(parents[p])))
        ordered.append(parents[parent].pop(0))
        given[parent] += 1
    return ordered

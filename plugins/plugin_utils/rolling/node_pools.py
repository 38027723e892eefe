# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pools that nodes change in: by sriov_node_pool, or by the operator's SriovNetworkPoolConfig."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.model.errors import InvalidSpecError, Mistake
from ...module_utils.policy.validation import show
from .batches import ALL_AT_ONCE, DEFAULT_POOL, NodePool, limits_of
from .selectors import matches

_SHARE = re.compile(r"[1-9][0-9]{0,8}|(100|[1-9][0-9]?)%")


@dataclass(frozen=True)
class PoolConfig:
    """A SriovNetworkPoolConfig. place: file, kind and name; limit: its maxUnavailable."""

    name: str
    place: str
    selector: Mapping[str, Any]
    limit: Any


@dataclass(frozen=True)
class Placed:
    """A host of the inventory. node: its name in the cluster; pool, limit: sriov_node_pool, sriov_max_unavailable;
    labels: those of the node, None where it is not in the cluster.
    """

    host: str
    node: str
    pool: str
    limit: Any
    labels: Mapping[str, str] | None = None


def pool_config(name: str, place: str, spec: Mapping[str, Any]) -> PoolConfig:
    """From the spec of a manifest. Raises InvalidSpecError."""
    limit = spec.get("maxUnavailable")
    selector = spec.get("nodeSelector")
    mistakes = []
    if limit is not None and (isinstance(limit, bool) or not _SHARE.fullmatch(str(limit))):
        expected = "expected a number of nodes from 1, or a percentage from 1% to 100%"
        mistakes.append(Mistake(f"{place}: spec.maxUnavailable", f"{expected}, found {show(limit)}"))
    if selector is not None and not isinstance(selector, Mapping):
        mistakes.append(Mistake(f"{place}: spec.nodeSelector", f"expected a label selector, found {show(selector)}"))
    if mistakes:
        raise InvalidSpecError(mistakes)
    return PoolConfig(name, place, dict(selector or {}), ALL_AT_ONCE if limit is None else limit)


def pools(placed: Sequence[Placed], configs: Sequence[PoolConfig] = ()) -> tuple[dict[str, NodePool], dict[str, str]]:
    """All pools by their names, and the pool of each host.

    A host with sriov_node_pool is in that one; else a PoolConfig whose selector fits the labels of its node counts, and
    else the default pool. Raises InvalidSpecError where two fit, or hosts of one pool have different limits.
    """
    mistakes: list[Mistake] = []
    by_config = {config.name: config for config in configs}
    of: dict[str, str] = {}
    for one in placed:
        fitting = [] if one.pool else [c.name for c in configs if one.labels and matches(c.selector, one.labels)]
        if len(fitting) > 1:
            problem = f"expected one SriovNetworkPoolConfig that fits the node, found {', '.join(fitting)}"
            mistakes.append(Mistake(f"host {one.host}", f"{problem}. Correct their nodeSelector"))
        of[one.host] = one.pool or (fitting[0] if fitting else DEFAULT_POOL)
    found = {}
    for name in sorted(set(of.values())):
        members = [one for one in placed if of[one.host] == name]
        limits = {str(limits_of(one.limit)): one for one in members}
        config = by_config.get(name) if not any(one.pool for one in members) else None
        if config is None and len(limits) > 1:
            first, second = list(limits.values())[:2]
            mistakes.append(
                Mistake(
                    "sriov_max_unavailable",
                    f"expected the same for all hosts of pool {name}, found {show(first.limit)} for {first.host} and "
                    f"{show(second.limit)} for {second.host}. Set it for the pool's group, or name another pool in "
                    "sriov_node_pool",
                )
            )
        limit = config.limit if config else members[0].limit
        found[name] = NodePool(name, limits_of(limit), frozenset(one.node for one in members))
    if mistakes:
        raise InvalidSpecError(mistakes)
    return found, of

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate before each cordon: who of a batch may start, by one verdict that all batches share."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from . import availability
from .api import Api, ApiError, items, path_of

GO, LEFT_OUT = "go", "left out"
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_MOST = 5  # nodes that a sentence names


@dataclass(frozen=True)
class Candidate:
    """A host of the batch. node: its name in the cluster, "" where there is none; pool, why: for the cordon."""

    host: str
    node: str
    pool: str
    why: str


@dataclass
class Verdicts:
    """What became of the candidates: host -> (GO or LEFT_OUT, words). cordoned: the hosts that we cordoned."""

    of: dict[str, tuple[str, str]] = field(default_factory=dict)
    cordoned: list[str] = field(default_factory=list)

    def leave_out(self, candidates: Iterable[Candidate], words: str) -> None:
        """The same words for several."""
        self.of.update({one.host: (LEFT_OUT, words) for one in candidates})


def deadline(text: str, now: datetime) -> datetime | None:
    """The window's end. text: HH:MM of the controller's clock, whose next one is meant, a date and time of ISO 8601, or
    "" for none. Raises ValueError.
    """
    clock = _CLOCK.fullmatch(text.strip())
    if not text.strip():
        return None
    if clock:
        end = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return end if end > now else end + timedelta(days=1)
    found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def closed(failed: Mapping[str, str], until: float, now: float) -> str:
    """Why no node may start any more, "" while they may. failed: host -> words; until: 0, or the window's end."""
    if failed:
        named = ", ".join(list(failed)[:_MOST]) + (f" and {len(failed) - _MOST} more" if len(failed) > _MOST else "")
        return f"not started, since {named} failed. Mend that, then run this again: it goes on from here."
    if until and now >= until:
        end = datetime.fromtimestamp(until, timezone.utc).isoformat(timespec="minutes")
        return f"not started, since the window ended at {end} (sriov_stop_after). Run this again in the next one."
    return ""


def places(nodes: Sequence[Mapping[str, Any]], pool: Iterable[str], limit: int) -> tuple[int, list[str]]:
    """How many more nodes of a pool may become unavailable, and which are, in words. pool: its nodes' names."""
    there = {availability.name_of(node): node for node in nodes}
    told = []
    for name in sorted(pool):
        why = availability.why_unavailable(there[name]) if name in there else "not in the cluster"
        told += [f"{name} ({why})"] if why else []
    return limit - len(told), told


@dataclass(frozen=True)
class Gate:
    """One batch at one cluster. pools: pool -> names of its nodes; limits: pool -> how many may be unavailable."""

    api: Api
    pools: Mapping[str, Iterable[str]]
    limits: Mapping[str, int]
    seconds: float
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    closed: Callable[[], str] = lambda: ""

    def let_in(self, candidates: Sequence[Candidate], check: bool = False) -> Verdicts:
        """Wait until all of them may start, or the time is over, then cordon those that may, one by one."""
        found = Verdicts()
        nodes = self._wait(candidates, check)
        for one in candidates:
            words = self._why_not(one, nodes)
            if words:
                found.leave_out([one], words)
                continue
            found.of[one.host] = (GO, "")
            if not check and self._cordon(one, nodes):
                found.cordoned.append(one.host)
        return found

    def _wait(self, candidates: Sequence[Candidate], check: bool) -> list[dict[str, Any]]:
        end = self.clock() + self.seconds
        while True:
            nodes = items(self.api, "/api/v1/nodes")
            if check or self.clock() >= end or self.closed() or self._all_fit(candidates, nodes):
                return nodes
            self.sleep(2)

    def _all_fit(self, candidates: Sequence[Candidate], nodes: Sequence[Mapping[str, Any]]) -> bool:
        available = {availability.name_of(node) for node in nodes if not availability.why_unavailable(node)}
        for pool, names in self.pools.items():
            wanted = sum(one.pool == pool and one.node in available for one in candidates)
            if wanted > places(nodes, names, self.limits[pool])[0] and wanted:
                return False
        return not self._control_plane_problem(candidates, nodes)

    def _why_not(self, one: Candidate, nodes: list[dict[str, Any]]) -> str:
        """Why a host may not start; "" where it may."""
        there = next((node for node in nodes if availability.name_of(node) == one.node), None)
        if self.closed():
            return self.closed()
        if there is None:
            return f"expected the node {one.node} in the cluster, found none. Correct sriov_node_name."
        if problem := self._control_plane_problem([one], nodes):
            return problem
        if availability.why_unavailable(there):
            return ""
        left, told = places(nodes, self.pools[one.pool], self.limits[one.pool])
        if left > 0:
            return ""
        return (
            f"not started: of pool {one.pool} at most {self.limits[one.pool]} may be unavailable "
            f"(sriov_max_unavailable), and {', '.join(told[:_MOST])} {'is' if len(told) == 1 else 'are'} so already, "
            f"after {self.seconds:.0f} s of waiting. Run this again when that is over."
        )

    def _control_plane_problem(self, candidates: Sequence[Candidate], nodes: Sequence[Mapping[str, Any]]) -> str:
        """What keeps a node of the control plane from going; "" for others, and where all of it is well."""
        plane = {availability.name_of(node): node for node in nodes if availability.is_control_plane(node)}
        going = {one.node for one in candidates} & plane.keys()
        if not going:
            return ""
        for name, node in plane.items():
            why = availability.why_unavailable(node)
            if why and name not in going:
                return (
                    f"not started: nodes of the control plane go one at a time, and {name} is not available ({why}). "
                    "Bring it back, then run this again."
                )
        return etcd_problem(self.api)

    def _cordon(self, one: Candidate, nodes: list[dict[str, Any]]) -> bool:
        """Cordon a node that nobody has cordoned, here and in the list that the next one is judged by."""
        for number, node in enumerate(nodes):
            if availability.name_of(node) == one.node and not availability.is_cordoned(node):
                nodes[number] = self.api.call("PATCH", path_of(one.node), availability.cordon_patch(one.why))
                return True
        return False


def etcd_problem(api: Api) -> str:
    """What the API server says of its etcd, "" where that is well.

    source: Kubernetes, "Kubernetes API health endpoints"; every user may read /readyz.
    """
    try:
        api.call("GET", "/readyz")
    except ApiError as error:
        if not error.status:
            raise
        return (
            f"not started: the API server is not ready, which tells of etcd's health ({error}). Bring it back, then "
            "run this again."
        )
    return ""

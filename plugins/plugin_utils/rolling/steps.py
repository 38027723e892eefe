# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks do for a change of many nodes, step by step; the action plugin sriov_roll calls these."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..nodes import LABELS_ANNOTATION
from . import availability, drain, gate, history, lease, report, rights, victims
from .api import ApiError, items
from .fleet import Access, Fleet, Turn

_MOST = 5  # hosts that a line names
_MOST_BATCHES = 20  # that are shown
_SLACK = 600  # seconds that a Lease lasts beyond what a turn may take
_TURN = ("sriov_reboot_timeout", "sriov_ready_timeout", "sriov_drain_timeout")


class StepError(Exception):
    """A step that ends the run, or the turn of a host, in words."""


@dataclass(frozen=True)
class Steps:
    """A fleet, and this run's own name for the Lease. check: nothing is changed."""

    fleet: Fleet
    me: lease.Runner
    check: bool = False
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()

    def plan(self, foretell: bool = False) -> dict[str, Any]:
        """The batches, and lines for people. foretell: also what drains would take, which asks for all pods."""
        fleet = self.fleet
        found = fleet.batches
        pools, of = fleet.pools
        until = self._until()
        return {
            "batches": [batch.as_dict() for batch in found],
            "order": [host for batch in found for host in batch.hosts],
            "sizes": [len(batch.hosts) for batch in found] or [1],
            "pools": {name: sorted(pool.nodes) for name, pool in pools.items()},
            "pool_of": {host: of[host] for host in fleet.turns},
            "turns": {
                host: {"drains": one.drains, "reboots": one.reboots, "why": one.why}
                for host, one in fleet.turns.items()
            },
            "until": until,
            "lines": self._lines(until) + (self._foretold() if foretell else []) + self._left_behind(),
        }

    def _until(self) -> float:
        ends = []
        for text in {str(self.fleet.value(host, "sriov_stop_after") or "") for host in self.fleet.hosts}:
            end = gate.deadline(text, self.now())
            ends += [end.timestamp()] if end else []
        return min(ends, default=0.0)

    def _lines(self, until: float) -> list[str]:
        fleet, found = self.fleet, self.fleet.batches
        if not found:
            return []
        count = len(fleet.turns)
        lines = [f"rolling change: {_nodes(count)} in {len(found)} batch{'es' if len(found) != 1 else ''}"]
        for batch in found[:_MOST_BATCHES]:
            told = ", ".join(f"{host} ({_what(fleet.turns[host])})" for host in batch.hosts[:_MOST])
            more = f" and {len(batch.hosts) - _MOST} more" if len(batch.hosts) > _MOST else ""
            lines.append(f"  batch {batch.number + 1}: {told}{more}")
        lines += [f"  and {len(found) - _MOST_BATCHES} more batches"] if len(found) > _MOST_BATCHES else []
        paths = {str(fleet.value(host, "sriov_history") or "") for host in fleet.hosts}
        known = history.read(_user_path(min(paths))) if paths else {}
        pause = max(int(fleet.value(host, "sriov_batch_pause")) for host in fleet.hosts) * (len(found) - 1)
        guess = history.estimate(known, (fleet.kinds(batch) for batch in found))
        if guess:
            lines.append(f"  {history.told(guess + pause)}, as the last turns took")
        if until:
            end = datetime.fromtimestamp(until, timezone.utc).isoformat(timespec="minutes")
            lines.append(f"  no node starts after {end} (sriov_stop_after)")
        return lines

    def _left_behind(self) -> list[str]:
        """Nodes with labels of ours that are no host's of the inventory: nobody takes back what they have."""
        ours = {
            name
            for nodes in self.fleet.nodes.values()
            for name, node in nodes.items()
            if LABELS_ANNOTATION in availability.annotations_of(node)
        }
        left = ours - {self.fleet.node(host) for host in self.fleet.all_hosts}
        if left and set(self.fleet.all_hosts) != set(self.fleet.inventory):
            left -= {self.fleet.node(host) for host in self.fleet.inventory}
        return [
            f"node {name} was set up by this collection, and no host of the inventory stands for it: run teardown for "
            "it, or put it back"
            for name in sorted(left)
        ]

    def _foretold(self) -> list[str]:
        """What the drains take, and what is in their way."""
        lines = []
        budgets = {
            access: items(api, f"/apis/{victims.policy_group(api)}/poddisruptionbudgets")
            for access, api in self.fleet.apis.items()
            if any(turn.access == access and self._drains(turn) for turn in self.fleet.turns.values())
        }
        for host, turn in self.fleet.turns.items():
            if not self._drains(turn):
                continue
            found = self._drainer(host, turn.access).plan(turn.node, turn.only)
            lines += [f"  {host}: pod {victims.name_of(pod)} is evicted" for pod in found.evict]
            lines += [f"  {host}: VM {name} migrates" for name in found.migrate]
            lines += [f"  {host}: VM {name} stops (sriov_stop_vms)" for name in found.delete]
            lines += [f"  {host}: blocked: {words}" for words in found.blocked]
            closed = victims.closed_budgets(budgets[turn.access], found.evict)
            lines += [f"  {host}: would wait: {words}" for words in closed]
        return lines

    def _drains(self, turn: Turn) -> bool:
        """Whether pods are evicted in this turn."""
        return bool(turn.access) and (turn.drains or (turn.reboots and self.fleet.flag(turn.host, "sriov_drain_ok")))

    def _drainer(self, host: str, access: Access) -> drain.Drainer:
        fleet = self.fleet
        return drain.Drainer(
            fleet.apis[access],
            float(fleet.value(host, "sriov_drain_timeout")),
            tuple(fleet.value(host, "sriov_stop_vms") or ()),
            fleet.flag(host, "sriov_drain_force"),
            renew=lambda: self.hold(access),
        )

    def begin(self, networks: bool = True) -> list[str]:
        """Look whether this user may do all that the run needs, then keep other runs out; lines for people.

        Raises StepError before anything is changed.
        """
        lines = []
        for access, api in self.fleet.apis.items():
            hosts = [host for host in self.fleet.hosts if self.fleet.access(host) == access]
            found = rights.missing(api, self._parts(access, hosts, networks), self._namespace(access))
            if found:
                raise StepError(rights.sentence(found, _name(access)))
            before = "" if self.check else self.hold(access)
            lines += [f"taken over from a run of {before}, which has ended"] if before else []
        return lines

    def _parts(self, access: Access, hosts: Sequence[str], networks: bool) -> list[str]:
        parts = [rights.ALWAYS, rights.ROLL]
        parts += [rights.NETWORKS] if networks else []
        if any(turn.access == access and self._drains(turn) for turn in self.fleet.turns.values()):
            parts.append(rights.DRAIN)
            parts += [rights.VMS] if any(self.fleet.value(host, "sriov_stop_vms") for host in hosts) else []
        return parts

    def _namespace(self, access: Access) -> str:
        found = {
            str(self.fleet.value(host, "sriov_lease_namespace"))
            for host in self.fleet.hosts
            if self.fleet.access(host) == access
        }
        return min(found, default="default")

    def hold(self, access: Access) -> str:
        """Take or renew the Lease of one cluster; who had it before. Raises StepError."""
        over = any(self.fleet.flag(host, "sriov_lease_take_over") for host in self.fleet.hosts)
        api, seconds = self.fleet.apis[access], self.fleet.seconds(*_TURN) + _SLACK
        now = datetime.now(timezone.utc)
        try:
            return lease.hold(api, self._namespace(access), self.me, seconds, now, over)
        except lease.LeaseHeldError as error:
            raise StepError(f"{_name(access)}: {error}") from error

    def release(self) -> list[str]:
        """Give the Leases back; a line for each that could not be."""
        lines = []
        for access, api in self.fleet.apis.items():
            try:
                lease.release(api, self._namespace(access), self.me, datetime.now(timezone.utc))
            except ApiError as error:
                lines.append(f"the Lease is not given back, and runs out by itself: {error}")
        return lines

    def let_in(
        self, planned: Mapping[str, Any], batch: Sequence[str], away: Mapping[str, str], failed: Mapping[str, str]
    ) -> dict[str, Any]:
        """Who of a batch may start.

        planned: what `plan` gave; away: host -> why it did not answer; failed: host -> why, of the whole run.
        """
        found = gate.Verdicts({host: (gate.LEFT_OUT, words) for host, words in away.items()})
        number = next((one["number"] for one in planned["batches"] if set(batch) & set(one["hosts"])), 0)
        limits: Mapping[str, int] = next(
            (one["limits"] for one in planned["batches"] if one["number"] == number), {}
        )
        pause = max((int(self.fleet.value(host, "sriov_batch_pause")) for host in batch), default=0)

        def closed() -> str:
            return gate.closed(failed, float(planned["until"]), time.time())

        if number and pause and not self.check and not closed():
            time.sleep(pause)
        here = [host for host in batch if host not in away]
        for access in dict.fromkeys(self.fleet.access(host) for host in here):
            candidates = [self._candidate(planned, host) for host in here if self.fleet.access(host) == access]
            if not access or closed():
                words = closed()
                found.of.update({one.host: (gate.LEFT_OUT if words else gate.GO, words) for one in candidates})
                continue
            self._at_cluster(found, access, candidates, planned["pools"], limits, closed)
        return {
            "go": [host for host, verdict in found.of.items() if verdict[0] == gate.GO],
            "left_out": {host: words for host, (word, words) in found.of.items() if word == gate.LEFT_OUT},
            "cordoned": found.cordoned,
        }

    def _at_cluster(
        self, found: gate.Verdicts, access: Access, candidates: Sequence[gate.Candidate],
        pools: Mapping[str, Sequence[str]], limits: Mapping[str, int], closed: Callable[[], str],
    ) -> None:  # fmt: skip
        seconds = max(float(self.fleet.value(one.host, "sriov_gate_timeout")) for one in candidates)
        mine = {one.pool for one in candidates}
        try:
            if not self.check:
                self.hold(access)
            one_gate = gate.Gate(
                self.fleet.apis[access], {name: pools[name] for name in mine}, limits, seconds, closed=closed
            )
            verdicts = one_gate.let_in(candidates, self.check)
        except (ApiError, StepError) as error:
            found.leave_out(candidates, f"not started: {error}")
            return
        found.of.update(verdicts.of)
        found.cordoned += verdicts.cordoned

    def _candidate(self, planned: Mapping[str, Any], host: str) -> gate.Candidate:
        why = f"{planned['turns'][host]['why']}, since {self.now().isoformat(timespec='seconds')}, by {self.me.who}"
        return gate.Candidate(host, self.fleet.node(host), planned["pool_of"][host], why)

    def drain(self, host: str) -> list[str]:
        """Let the pods of a node go as its turn asks for it; their names.

        Raises StepError where they can't, with our cordon taken back.
        """
        turn = self.fleet.turn(host)
        if turn is None or not self._drains(turn) or self.check:
            return []
        api = self.fleet.apis[turn.access]
        try:
            return self._drainer(host, turn.access).drain(turn.node, turn.only)
        except drain.BlockedError as error:
            back = "\nIts cordon is taken back." if drain.give_back(api, turn.node) else ""
            raise StepError(f"{error}{back}") from error

    def give_back(self, host: str) -> bool:
        """Uncordon a node that we cordoned; whether we had."""
        access = self.fleet.access(host)
        return bool(access) and not self.check and drain.give_back(self.fleet.apis[access], self.fleet.node(host))

    def fail(self, host: str, words: str) -> bool:
        """Let a node that stays cordoned say why; whether it does."""
        access = self.fleet.access(host)
        if not access or self.check:
            return False
        return drain.keep_cordoned(self.fleet.apis[access], self.fleet.node(host), words[:1000])

    def end(self, alive: Sequence[str]) -> dict[str, Any]:
        """What came of the run, in all forms. alive: the hosts that are in the play still."""
        records = [report.record(host, self.fleet.hostvars[host], host in alive) for host in self.fleet.hosts]
        return {
            "lines": report.summary(records),
            "document": report.document(records),
            "junit": report.junit(records),
            "problems": [] if self.check else self._remember(records),
        }

    def _remember(self, records: Sequence[report.NodeRecord]) -> list[str]:
        path = _user_path(min(str(self.fleet.value(host, "sriov_history") or "") for host in self.fleet.hosts))
        if not path or not any(one.seconds for one in records):
            return []
        try:
            history.write(path, history.add(history.read(path), records))
        except OSError as error:
            return [f"sriov_history ({path}): expected a file that can be written, found {error.strerror}"]
        return []


def _user_path(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path)) if path else ""


def _nodes(count: int) -> str:
    return f"{count} node{'s' if count != 1 else ''}"


def _what(turn: Turn) -> str:
    if not (turn.drains or turn.reboots):
        return "uncordon"
    return history.kind(turn.drains, turn.reboots)


def _name(access: Access) -> str:
    used = dict(access)
    if used.get("kubeconfig"):
        return f"sriov_kubeconfig ({used['kubeconfig']})"
    return f"sriov_kube_host ({used.get('host', '')})"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a run as their variables and their clusters describe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .. import cluster
from ..scalars import as_boolean
from ..variable_specs import options
from . import availability, history, report, victims
from .api import Api, items
from .batches import Batch, Member, NodePool, batches
from .node_pools import Placed, PoolConfig, pools

Access = tuple[tuple[str, str], ...]  # what leads to a cluster, () for none
_ACCESS = ("sriov_kubeconfig", "sriov_kube_context", "sriov_kube_host", "sriov_kube_token")


@dataclass(frozen=True)
class Turn:
    """What a host needs a turn for. refused: the node's own sentences about VFs that are held."""

    host: str
    node: str
    access: Access
    drains: bool
    reboots: bool
    refused: tuple[str, ...] = ()
    marked: bool = False  # cordoned by a run before this one

    @property
    def why(self) -> str:
        """For the cordon."""
        words = [word for word, yes in (("a drain", self.drains), ("a reboot", self.reboots)) if yes]
        return f"for {' and '.join(words) or 'a look at it'}"

    @property
    def only(self) -> set[str] | None:
        """NAMESPACE/NAME of the pods that go; None for all: a node that reboots has none left."""
        return None if self.reboots else victims.holders(self.refused)


@dataclass(frozen=True)
class Fleet:
    """hostvars: the variables of each host; hosts: those of the run; all_hosts: those of the inventory that count for
    the pools, with or without --limit; connect: the way to a cluster; inventory: all hosts that there are.
    """

    hostvars: Mapping[str, Mapping[str, Any]]
    hosts: Sequence[str]
    all_hosts: Sequence[str]
    connect: Callable[[Mapping[str, str]], Api]
    configs: Sequence[PoolConfig] = field(default_factory=list)
    inventory: Sequence[str] = field(default_factory=list)

    def value(self, host: str, name: str) -> Any:
        """A variable of a host, or its default."""
        return self.hostvars[host].get(name, options()[name].default)

    def flag(self, host: str, name: str) -> bool:
        """One that is true or false."""
        return bool(as_boolean(self.value(host, name)))

    def seconds(self, *names: str) -> int:
        """The longest of each of these times, over all hosts, added up."""
        return sum(max((int(self.value(host, name)) for host in self.hosts), default=0) for name in names)

    def node(self, host: str) -> str:
        """The name of its node."""
        return str(self.hostvars[host].get("sriov_node_name") or host)

    def access(self, host: str) -> Access:
        """The way to its cluster, () for a host that is in none."""
        if not self.flag(host, "sriov_cluster_member"):
            return ()
        return tuple(sorted(cluster.access(*(str(self.value(host, name) or "") for name in _ACCESS)).items()))

    @cached_property
    def accesses(self) -> list[Access]:
        """Of the run's hosts, each once."""
        return list(dict.fromkeys(found for host in self.hosts if (found := self.access(host))))

    @cached_property
    def apis(self) -> dict[Access, Api]:
        """One for each cluster."""
        return {access: self.connect(dict(access)) for access in self.accesses}

    @cached_property
    def nodes(self) -> dict[Access, dict[str, availability.Node]]:
        """The nodes of each cluster by their names, as they are when they are first asked for."""
        return {
            access: {availability.name_of(node): node for node in items(api, "/api/v1/nodes")}
            for access, api in self.apis.items()
        }

    def turn(self, host: str) -> Turn | None:
        """What it needs a turn for; None where its change costs nothing."""
        plan = report.plan_of(self.hostvars[host])
        access = self.access(host)
        drains = bool(plan.get("drain_required")) and bool(access) and self.flag(host, "sriov_drain_ok")
        wanting = (plan, self.hostvars[host].get("bios_applied") or {})  # by the plans of the node and of its BIOS
        reboots = any(one.get("reboot_required") for one in wanting) and self.flag(host, "sriov_reboot_ok")
        node = self.nodes.get(access, {}).get(self.node(host))
        marked = node is not None and availability.is_ours(node)
        if not (drains or reboots or marked):
            return None
        refused = tuple(map(str, plan.get("refused") or ())) if drains else ()
        return Turn(host, self.node(host), access, drains, reboots, refused, marked)

    @cached_property
    def turns(self) -> dict[str, Turn]:
        """By host, in the order of the inventory."""
        return {host: turn for host in self.hosts if (turn := self.turn(host))}

    @cached_property
    def pools(self) -> tuple[dict[str, NodePool], dict[str, str]]:
        """All pools by their names, and the pool of each host of the run. Nodes of two clusters share no pool."""
        found: dict[str, NodePool] = {}
        of: dict[str, str] = {}
        several = len(self.accesses) > 1
        theirs: dict[Access, list[str]] = {}
        for host in dict.fromkeys([*self.all_hosts, *self.hosts]):
            theirs.setdefault(self.access(host), []).append(host)
        for number, (access, hosts) in enumerate(theirs.items(), 1):
            placed = [self._placed(host, access) for host in hosts]
            one, of_one = pools(placed, self.configs)
            end = f" of cluster {number}" if several and access else ""
            found.update({name + end: pool for name, pool in one.items()})
            of.update({host: name + end for host, name in of_one.items()})
        return found, of

    def _placed(self, host: str, access: Access) -> Placed:
        node = self.nodes.get(access, {}).get(self.node(host))
        labels = availability.labels_of(node) if node is not None else None
        given = self.hostvars[host].get("sriov_max_unavailable")
        # The name until 0.1.1, of a value that extra variables gave.
        limit = given if given is not None else self.hostvars[host].get("sriov_serial", 1)
        return Placed(host, self.node(host), str(self.value(host, "sriov_node_pool") or ""), limit, labels)

    @cached_property
    def batches(self) -> list[Batch]:
        """Who goes together, and when."""
        found, of = self.pools
        members, unavailable = [], set()
        for nodes in self.nodes.values():
            unavailable |= {name for name, node in nodes.items() if availability.why_unavailable(node)}
        for host, turn in self.turns.items():
            node = self.nodes.get(turn.access, {}).get(turn.node)
            members.append(
                Member(
                    host,
                    turn.node,
                    of[host],
                    node is not None and bool(availability.why_unavailable(node)),
                    node is not None and availability.is_control_plane(node),
                )
            )
        return batches(members, found, frozenset(unavailable))

    def kinds(self, batch: Batch) -> list[str]:
        """What sorts of turns a batch has."""
        turns = (self.turns[host] for host in batch.hosts)
        return [history.kind(turn.drains, turn.reboots) for turn in turns if turn.drains or turn.reboots]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain of one node, by the Eviction API: budgets are obeyed, and what blocks is named."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import availability, victims
from .api import Api, ApiError, items, path_of

_GONE, _ANOTHER, _REFUSED = 404, 409, 429
_PAUSE = 2.0  # seconds


class BlockedError(Exception):
    """A drain that can't end; the node is as it was before it began, but for pods that have gone."""


@dataclass(frozen=True)
class Drainer:
    """How nodes of one cluster are drained. seconds: until a drain has to have ended; stop_vms, force: see victims."""

    api: Api
    seconds: float
    stop_vms: tuple[str, ...] = ()
    force: bool = False
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    renew: Callable[[], Any] = field(default=lambda: None)  # the Lease, now and then

    def plan(self, node: str, only: set[str] | None = None) -> victims.Drain:
        """What a drain of a node would do. only: NAMESPACE/NAME of the pods that go, None for all."""
        pods = self._pods(node)
        chosen = [pod for pod in pods if only is None or victims.name_of(pod) in only]
        return victims.plan(pods, victims.machines_on(self.api, chosen), only, self.stop_vms, self.force)

    def drain(self, node: str, only: set[str] | None = None) -> list[str]:
        """Let the pods go, and wait until they have; their names. Raises BlockedError, ApiError."""
        found = self.plan(node, only)
        if found.blocked:
            raise BlockedError(_sentence(node, "pods that may go", found.blocked))
        for machine in found.delete:
            space, name = machine.split("/")
            path = f"/apis/kubevirt.io/v1/namespaces/{space}/virtualmachineinstances/{name}"
            self.api.call("DELETE", path)
        going = {pod["metadata"]["uid"]: pod for pod in found.evict}
        waiting = {**going, **self._of_machines(node, found.delete)}
        names = sorted(map(victims.name_of, waiting.values()))
        self._until_gone(node, going, set(waiting))
        return names

    def _of_machines(self, node: str, machines: Iterable[str]) -> dict[str, victims.Pod]:
        wanted = set(machines)
        return {
            pod["metadata"]["uid"]: pod
            for pod in (self._pods(node) if wanted else [])
            for owner in pod["metadata"].get("ownerReferences") or []
            if owner.get("kind") == victims.VMI and f"{pod['metadata']['namespace']}/{owner.get('name')}" in wanted
        }

    def _until_gone(self, node: str, going: Mapping[str, victims.Pod], waiting: set[str]) -> None:
        if not waiting:
            return
        group, end = victims.policy_group(self.api), self.clock() + self.seconds
        open_ones, refused = dict(going), dict[str, str]()
        renewed = self.clock()
        while True:
            for uid, pod in list(open_ones.items()):
                answer = self._evict(pod, group)
                if answer:
                    refused[uid] = answer
                else:
                    refused.pop(uid, None)
                    del open_ones[uid]
            there = {pod["metadata"]["uid"]: pod for pod in self._pods(node)}
            left = [there[uid] for uid in waiting if uid in there]
            if not left:
                return
            open_ones = {uid: pod for uid, pod in open_ones.items() if uid in there}
            if self.clock() >= end:
                raise BlockedError(self._blocked(node, left, refused))
            if self.clock() - renewed > 30:
                self.renew()
                renewed = self.clock()
            self.sleep(_PAUSE)

    def _evict(self, pod: victims.Pod, group: str) -> str:
        """Ask for an eviction; "" where the pod goes, or has gone, and otherwise why not yet."""
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/eviction"
        body = {
            "apiVersion": group,
            "kind": "Eviction",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
            "deleteOptions": {"preconditions": {"uid": meta["uid"]}},  # not another pod of this name
        }
        try:
            self.api.call("POST", path, body)
        except ApiError as error:
            if error.status == _ANOTHER:
                return ""
            if error.status == _REFUSED or error.may_pass:
                return _told(error)
            raise
        return ""

    def _blocked(self, node: str, left: Sequence[victims.Pod], refused: Mapping[str, str]) -> str:
        told = [
            f"pod {victims.name_of(pod)}: "
            + (refused.get(pod["metadata"]["uid"]) or "it was asked to end, and has not ended")
            for pod in sorted(left, key=victims.name_of)
        ]
        return _sentence(node, f"that these pods go within {self.seconds:.0f} s (sriov_drain_timeout)", told)

    def _pods(self, node: str) -> list[dict[str, Any]]:
        return items(self.api, "/api/v1/pods", {"fieldSelector": f"spec.nodeName={node}"})


def _told(error: ApiError) -> str:
    """What the API server says of a refusal, with the budget's name."""
    causes = (error.body.get("details") or {}).get("causes") or []
    words = [str(one.get("message")) for one in causes if one.get("message")]
    return " ".join([str(error.body.get("message") or error), *words])


def _sentence(node: str, expected: str, problems: Iterable[str]) -> str:
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return f"{node} is not drained: expected {expected}, found:{lines}"


def give_back(api: Api, node: str) -> bool:
    """Take our cordon back; whether there was one of ours."""
    found = api.call("GET", path_of(node))
    if found is None or not availability.is_ours(found):
        return False
    api.call("PATCH", path_of(node), availability.uncordon_patch())
    return True


def keep_cordoned(api: Api, node: str, why: str) -> bool:
    """Let a node that failed say why, where it is cordoned still; whether it is."""
    found = api.call("GET", path_of(node))
    if found is None or not availability.is_cordoned(found):
        return False
    api.call("PATCH", path_of(node), availability.failure_patch(why))
    return True

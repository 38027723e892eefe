# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated kubelets, hundreds in one thread: they register nodes, renew leases, run pods and obey commands."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import aiohttp

from sriovlab.progress import LabError

from . import simulated_node
from .node_calls import NodeCalls
from .server import ApiServer
from .simulated_node import Node
from .waiting import patience

NODES, LEASES, PODS = "/api/v1/nodes", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", "/api/v1/pods"
STATUS_SECONDS = 300.0  # a kubelet tells a status that does not change so often
COMMAND_SECONDS = 60.0
GONE = (404, 409)  # of a pod that was deleted meanwhile, or has another one's name


class Kubelets:
    """All simulated nodes of one cluster, until `close`; or as a context. Their methods return when it is told.

    A pod on a node runs and is Ready at once; deleted, it ends after `stop_seconds`, or is killed after its grace.
    No container ends by itself, and none has probes. problems: what went wrong beside the commands.
    """

    def __init__(self, server: ApiServer, lease_seconds: float = 0.0) -> None:
        """lease_seconds: between renewals; a quarter of the cluster's grace otherwise, as kubelets have it."""
        self.stop_seconds = 0.0
        self.problems: list[str] = []
        self._lease_seconds = lease_seconds or server.settings.node_grace_seconds / 4
        self._calls = NodeCalls(server)
        self._nodes: dict[str, Node] = {}
        self._pods: dict[str, dict[str, dict[str, Any]]] = {}  # node, which may be still to come -> UID -> pod
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kubelets", daemon=True)
        self._thread.start()
        self._version = str(self._do(self._open()))

    def __enter__(self) -> Kubelets:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """All of them fall silent; their nodes stay in the API."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cpu_seconds(self) -> float:
        """What the simulation has used until now."""
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident or 0))

    def add(
        self,
        names: int | Sequence[str],
        labels: Mapping[str, str] | None = None,
        resources: Mapping[str, int] | None = None,
    ) -> list[str]:
        """Register nodes, by their names or so many more, which offer these resources; their names.

        The labels are an administrator's: a kubelet may not set all of them.
        """
        first = len(self._nodes) + 1
        named = [f"node{number}" for number in range(first, first + names)] if isinstance(names, int) else list(names)
        nodes = [Node(name, self._version) for name in named]
        for node in nodes:
            node.offer(resources or {})
        self._do(self._register_all(nodes, dict(labels or {})), 1 + len(nodes) / 100)
        return named

    def silence(self, name: str) -> None:
        """A node is cut off: nothing more is heard of it, and it does nothing that it is told."""
        self._node(name).silent = True

    def resume(self, name: str) -> None:
        """It is there again, as it was."""
        self._do(self._speak(self._node(name)))

    def shut_down(self, name: str) -> None:
        """A node says that it is NotReady, and no more."""
        self._do(self._shut_down(self._node(name)))

    def boot(self, name: str) -> None:
        """It is there under a new boot ID, and starts its pods anew."""
        self._do(self._boot(self._node(name)))

    def reboot(self, name: str, seconds: float = 0.0) -> None:
        """Both; it is away for some time, which this does not wait for."""
        node = self._node(name)
        self._do(self._shut_down(node))
        self._loop.call_soon_threadsafe(self._spawn, self._boot(node, seconds))

    def set_resources(self, name: str, amounts: Mapping[str, int | None]) -> None:
        """A node offers more or less of extended resources; None: it no longer knows that one."""
        node = self._node(name)
        node.offer(amounts)
        if not node.silent:
            self._do(self._post(node))

    def _node(self, name: str) -> Node:
        if name not in self._nodes:
            raise LabError(f"node {name}: expected one of this simulation's {len(self._nodes)}, found none")
        return self._nodes[name]

    def _do(self, work: Coroutine[Any, Any, Any], scale: float = 1.0) -> Any:
        done, limit = asyncio.run_coroutine_threadsafe(work, self._loop), COMMAND_SECONDS * scale * patience()
        try:
            return done.result(limit)
        except TimeoutError as exc:
            done.cancel()
            raise LabError(f"simulated kubelets: expected a command to end within {limit:.0f} s: {work}") from exc

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(self._noted(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _noted(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as exc:  # nobody awaits it: the test is told by `problems`
            self.problems.append(f"{exc!r}")

    async def _open(self) -> str:
        await self._calls.open()
        self._spawn(self._follow_pods())
        return str((await self._calls.call("GET", "/version"))["gitVersion"])

    async def _close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._calls.close()

    async def _register_all(self, nodes: list[Node], labels: dict[str, str]) -> None:
        found = await asyncio.gather(*(self._register(node, labels) for node in nodes), return_exceptions=True)
        for problem in found:
            if isinstance(problem, BaseException):
                raise problem

    async def _register(self, node: Node, labels: dict[str, str]) -> None:
        await self._calls.call("POST", NODES, node.body(), node.user)
        if labels:
            await self._calls.call("PATCH", f"{NODES}/{node.name}", {"metadata": {"labels": labels}})
        node.pods = self._pods.setdefault(node.name, node.pods)
        self._nodes[node.name] = node
        self._spawn(self._live(node))
        await self._renew(node)
        self._tend_all(node)

    async def _live(self, node: Node) -> None:
        """Renew the lease for ever, and now and then tell a status that is the same; a failure is noted and no end."""
        told = time.monotonic()
        while True:
            await asyncio.sleep(self._lease_seconds * random.uniform(0.9, 1.1))
            if not node.silent:
                await self._noted(self._renew(node))
            if not node.silent and time.monotonic() - told > STATUS_SECONDS:
                told = time.monotonic()
                await self._noted(self._post(node))

    async def _renew(self, node: Node) -> None:
        path, body = f"{LEASES}/{node.name}", node.lease_body()
        if node.lease:
            node.lease = await self._calls.call("PUT", path, body, node.user, allowed=GONE) or {}
        if not node.lease:
            found = await self._calls.call("GET", path, user=node.user, allowed=GONE)
            node.lease = found or await self._calls.call("POST", LEASES, body, node.user)

    async def _post(self, node: Node, shutdown: bool = False) -> None:
        status = {"status": node.status(shutdown)}
        await self._calls.call("PATCH", f"{NODES}/{node.name}/status", status, node.user)

    async def _speak(self, node: Node) -> None:
        node.silent = False
        await self._renew(node)
        await self._post(node)
        self._tend_all(node)

    async def _shut_down(self, node: Node) -> None:
        await self._post(node, shutdown=True)
        node.silent = True

    async def _boot(self, node: Node, seconds: float = 0.0) -> None:
        await asyncio.sleep(seconds)
        node.boot_id = Node(node.name, "").boot_id
        node.restarted |= node.pods.keys()
        await self._speak(node)

    async def _follow_pods(self) -> None:
        while True:
            listed = await self._calls.call("GET", PODS)
            for pod in listed["items"]:
                self._see(pod)
            start = listed["metadata"]["resourceVersion"]
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async for event in self._calls.watch(f"{PODS}?watch=1&resourceVersion={start}"):
                    if event["type"] == "ERROR":
                        break
                    self._see(event["object"], event["type"] == "DELETED")

    def _see(self, pod: dict[str, Any], deleted: bool = False) -> None:
        """Take over what the API server says of a pod."""
        name, uid = pod["spec"].get("nodeName"), pod["metadata"]["uid"]
        if not name:
            return
        pods = self._pods.setdefault(name, {})
        known = pods.get(uid)
        if deleted:
            pods.pop(uid, None)
        elif known is None or int(known["metadata"]["resourceVersion"]) < int(pod["metadata"]["resourceVersion"]):
            pods[uid] = pod
            if name in self._nodes:
                self._tend(self._nodes[name], uid)

    def _tend_all(self, node: Node) -> None:
        for uid in list(node.pods):
            self._tend(node, uid)

    def _tend(self, node: Node, uid: str) -> None:
        """Bring a pod to where it is to be, unless somebody is at it."""
        if uid not in self._busy and not node.silent:
            self._busy.add(uid)
            self._spawn(self._tended(node, uid))

    async def _tended(self, node: Node, uid: str) -> None:
        try:
            while not node.silent and (pod := node.pods.get(uid)):
                if pod["metadata"].get("deletionTimestamp"):
                    if await self._ended(node, pod):
                        return
                elif simulated_node.is_up(pod) and uid not in node.restarted:
                    return
                else:
                    await self._run(node, pod)
        finally:
            self._busy.discard(uid)

    async def _run(self, node: Node, pod: dict[str, Any]) -> None:
        restart = pod["metadata"]["uid"] in node.restarted
        node.restarted.discard(pod["metadata"]["uid"])
        await self._tell(node, pod, simulated_node.running(pod, node, restart))

    async def _tell(self, node: Node, pod: dict[str, Any], status: dict[str, Any]) -> None:
        """Post a pod's status, of this very pod: the API server refuses that of an earlier one with the name."""
        meta = pod["metadata"]
        body = {"metadata": {"uid": meta["uid"]}, "status": status}
        found = await self._calls.call("PATCH", _path(meta) + "/status", body, node.user, allowed=GONE)
        if found is None:
            node.pods.pop(meta["uid"], None)
        elif meta["uid"] in node.pods:
            node.pods[meta["uid"]] = found

    async def _ended(self, node: Node, pod: dict[str, Any]) -> bool:
        """One step towards a pod's end; whether it is reached."""
        meta = pod["metadata"]
        grace = float(meta.get("deletionGracePeriodSeconds") or 0)
        since = node.ending.setdefault(meta["uid"], time.monotonic())  # the API server's time is in whole seconds
        left = since + min(self.stop_seconds, grace) - time.monotonic()
        if left > 0:
            await asyncio.sleep(min(left, 0.2))  # the grace can be shortened meanwhile
            return False
        if pod["status"].get("phase") not in ("Failed", "Succeeded"):
            code = simulated_node.KILLED if self.stop_seconds > grace else simulated_node.ENDED
            await self._tell(node, pod, simulated_node.stopped(pod, code))
            return False
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        await self._calls.call("DELETE", _path(meta), body, node.user, allowed=GONE)
        node.ending.pop(meta["uid"], None)
        return True


def _path(meta: Mapping[str, Any]) -> str:
    return f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of many simulated nodes: all become Ready, run a DaemonSet, fall silent, come back and reboot.

It needs no emulated node. The last line says what it cost.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer, Settings
from support.cluster.waiting import until

NODES, DAEMONSETS = "/api/v1/nodes", "/apis/apps/v1/namespaces/default/daemonsets"
IDLE_SECONDS, LIMIT = 30.0, 300.0
OFFERED = {"baremetal.sriov/kernel": 8, "baremetal.sriov/dpdk": 8}


def states(server: ApiServer) -> Counter[str]:
    """Status of the condition Ready -> nodes that have it; with a word where a taint is left."""
    found: Counter[str] = Counter()
    for node in server.api.request("GET", NODES)["items"]:
        ready = next(item["status"] for item in node["status"]["conditions"] if item["type"] == "Ready")
        found[ready + (" tainted" if node["spec"].get("taints") else "")] += 1
    return found


def measured(what: str, server: ApiServer, kubelets: Kubelets, work: Callable[[], Any]) -> None:
    """Do something, and say how long it took and what it cost."""
    start, ours, theirs = time.monotonic(), kubelets.cpu_seconds(), server.cpu_seconds()
    work()
    print(f"{what}: {time.monotonic() - start:.1f} s; CPU: kubelets {kubelets.cpu_seconds() - ours:.1f} s, "
          f"control plane {server.cpu_seconds() - theirs:.1f} s", flush=True)  # fmt: skip


def everywhere(server: ApiServer, count: int) -> None:
    """A DaemonSet on all nodes."""
    labels = {"app": "everywhere"}
    limits = {"limits": dict.fromkeys(OFFERED, "1")}
    spec = {"containers": [{"name": "main", "image": "example.org/pause:1", "resources": limits}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    body = {"metadata": {"name": "everywhere"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
    server.api.request("POST", DAEMONSETS, body)

    def status() -> Any:
        return server.api.request("GET", f"{DAEMONSETS}/everywhere")["status"]

    until("the DaemonSet", lambda: status().get("numberReady") == count, LIMIT, status)


def lost(server: ApiServer, kubelets: Kubelets, names: list[str], count: int) -> None:
    """Some nodes fall silent, and are there again."""
    for name in names:
        kubelets.silence(name)
    until("silent nodes", lambda: states(server)["Unknown tainted"] == len(names), LIMIT, lambda: states(server))
    for name in names:
        kubelets.resume(name)
    until("nodes that are back", lambda: states(server)["True"] == count, LIMIT, lambda: states(server))


def rebooted(server: ApiServer, kubelets: Kubelets, names: list[str], count: int) -> None:
    """Some nodes reboot."""
    for name in names:
        kubelets.reboot(name, 5.0)
    until("nodes that reboot", lambda: states(server)["True"] < count, LIMIT, lambda: states(server))
    until("nodes that have rebooted", lambda: states(server)["True"] == count, LIMIT, lambda: states(server))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="nodes (500)")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    count, rng = options.count, random.Random(options.seed)
    with ApiServer(Settings(node_grace_seconds=20)) as server, Kubelets(server, lease_seconds=5) as kubelets:
        print(f"control plane: up in {server.start_seconds:.1f} s", flush=True)

        def join() -> None:
            kubelets.add(count, resources=OFFERED)
            until("all nodes", lambda: states(server)["True"] == count, LIMIT, lambda: states(server))

        measured(f"{count} nodes Ready", server, kubelets, join)
        measured(f"{count} nodes doing nothing", server, kubelets, lambda: time.sleep(IDLE_SECONDS))
        measured(f"a DaemonSet of {count} pods", server, kubelets, lambda: everywhere(server, count))
        chosen = rng.sample([f"node{number}" for number in range(1, count + 1)], max(1, count // 10))
        measured(f"{len(chosen)} silent nodes", server, kubelets, lambda: lost(server, kubelets, chosen, count))
        measured(f"{len(chosen)} reboots", server, kubelets, lambda: rebooted(server, kubelets, chosen, count))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{count} nodes, {len(server.audit())} calls: CPU: kubelets {kubelets.cpu_seconds():.1f} s, "
              f"control plane {server.cpu_seconds():.1f} s; memory of the simulation {memory} MB; "
              f"problems: {len(kubelets.problems)}", flush=True)  # fmt: skip
        print(*kubelets.problems[:5], sep="\n", file=sys.stderr)
        return bool(kubelets.problems)


if __name__ == "__main__":
    sys.exit(main())

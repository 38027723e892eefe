# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling changes over simulated nodes, by chance: pools, limits, and runs that are killed and begun again.

Each node needs one reboot. The audit log tells that no pool ever had more nodes cordoned than its limit, and the nodes
that each rebooted once. It needs no emulated node.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import roll_scenarios

from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import availability
from support.cluster.calls import GROUP, USER, give_rights
from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer
from support.cluster.waiting import until
from support.rolling_runs import RollingRuns, most_at_once

NODES = 8
SCENARIOS = (
    roll_scenarios.a_failure_ends_the_roll_in_words_and_a_rerun_goes_on,
    roll_scenarios.both_pools_keep_their_limits,
    roll_scenarios.a_node_is_lost_before_its_cordon_and_one_after,
    roll_scenarios.only_the_pod_that_holds_a_vf_is_evicted,
)


def children() -> list[int]:
    """The runs of ansible-playbook that this process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"ansible-playbook" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def killed_later(seconds: float) -> threading.Thread:
    """Kill the run after a time, as a controller that loses its power."""

    def kill() -> None:
        time.sleep(seconds)
        for pid in children():
            os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def roll(server: ApiServer, runs: RollingRuns, names: list[str], rng: random.Random) -> str:
    """One change of all nodes, with at most three kills; what it was."""
    pools = {name: rng.choice(["a", "b"]) for name in names}
    limits = {pool: rng.choice([1, 2, "50%", [1, 2]]) for pool in ("a", "b")}
    for name in names:
        runs.own[name] = {"sriov_node_pool": pools[name], "sriov_max_unavailable": limits[pools[name]]}
        runs.reboots_once(name)
    mark, kills, reboots = server.mark(), rng.randint(0, 3), list[str]()
    for attempt in range(kills + 1):
        last = attempt == kills
        thread = None if last else killed_later(rng.uniform(5, 40))
        run = runs.site(names, sriov_reboot_ok=True)
        reboots += runs.get("reboots").split()
        if thread:
            thread.join()
        elif run.status:
            raise SystemExit(f"the last run failed:\n{run.output}")
    if sorted(reboots) != sorted(names):
        raise SystemExit(f"expected each node to reboot once, found {reboots}")
    patches = [one.name for one in server.audit(mark, user=USER, verb="patch", resource="nodes", writes=True)]
    for pool in ("a", "b"):
        members = [name for name in names if pools[name] == pool]
        share = max(1, len(members) // 2) if limits[pool] == "50%" else limits[pool]
        most = max(share) if isinstance(share, list) else int(share)
        if kills == 0 and most_at_once(patches, members) > most:
            raise SystemExit(f"pool {pool}: expected at most {most} of {members} cordoned, found more: {patches}")
    return f"limits {limits}, {kills} kills"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="repetitions (10)")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with ApiServer() as server, Kubelets(server) as kubelets:
        give_rights(server)
        names = kubelets.add(NODES)

        def ready() -> bool:
            nodes = server.api.request("GET", "/api/v1/nodes")["items"]
            return not any(availability.why_unavailable(node) or node["spec"].get("taints") for node in nodes)

        until("Ready nodes", ready)
        for scenario in SCENARIOS:
            with tempfile.TemporaryDirectory() as folder:
                scenario(RollingRuns(Path(folder), kubelets, server.user(USER, [GROUP])), server, names[:4])
                print(scenario.__name__.replace("_", " "), flush=True)
        for number in range(options.count):
            with tempfile.TemporaryDirectory() as folder:
                runs = RollingRuns(Path(folder), kubelets, server.user(USER, [GROUP]))
                print(f"{number + 1}: {roll(server, runs, names, rng)}", flush=True)
    print(f"{options.count} rolling changes of {NODES} nodes each, seed {options.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

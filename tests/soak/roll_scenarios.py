# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook site does in rolling changes that a unit test would be too long for; soak_rolls runs each once."""

from __future__ import annotations

import json

from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import availability
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.api import path_of
from support.cluster.server import ApiServer
from support.rolling_runs import DONE, RollingRuns, cordons, marks, most_at_once, planned

PODS = "/api/v1/namespaces/default/pods"


def both_pools_keep_their_limits(
    runs: RollingRuns, api_server: ApiServer, nodes: list[str]
) -> None:
    """The audit log tells: two of the one pool go with one of the other, and the last when that is back."""
    pools = {"fast": nodes[:2], "slow": nodes[2:]}
    for pool, names in pools.items():
        for name in names:
            runs.own[name] = {"sriov_node_pool": pool, "sriov_max_unavailable": 2 if pool == "fast" else 1}
            runs.reboots_once(name)
    mark = api_server.mark()
    run = runs.site(nodes, sriov_reboot_ok=True)
    assert run.status == 0, run.output
    assert "rolling change: 4 nodes in 2 batches" in run.output
    assert sorted(runs.get("reboots").split()) == sorted(nodes)
    assert {name: most_at_once(cordons(api_server, mark), names) for name, names in pools.items()} == {
        "fast": 2, "slow": 1
    }  # fmt: skip


def a_node_is_lost_before_its_cordon_and_one_after(
    runs: RollingRuns, api_server: ApiServer, nodes: list[str]
) -> None:
    """The first answers three calls: its plan, its files, its change. The second is lost after its reboot."""
    for name in nodes[:2]:
        runs.reboots_once(name)
    runs.put(f"leaves/{nodes[0]}", "3")
    runs.put(f"leaves/{nodes[1]}", "7")
    run = runs.site(nodes[:2], sriov_reboot_ok=True)
    assert run.status in (2, 4) and runs.get("reboots").split() == [nodes[1]], run.output
    assert f"left out: {nodes[0]}: " in run.output and f"{nodes[0]} is away" in run.output
    assert marks(api_server, nodes[0]) == set()
    why = availability.annotations_of(api_server.api.request("GET", path_of(nodes[1])))[availability.FAILURE]
    assert f"{nodes[1]}: expected an answer in the middle of its change, found none" in why
    assert f"failed: {nodes[1]}: " in run.output
    for name in nodes[:2]:
        runs.node(name, DONE)
        runs.real(f"leaves/{name}").unlink()
    assert runs.site(nodes[:2]).status == 0 and marks(api_server, nodes[1]) == set()


def only_the_pod_that_holds_a_vf_is_evicted(runs: RollingRuns, api_server: ApiServer, nodes: list[str]) -> None:
    """Without sriov_drain_ok the plan is refused; a pod that nobody makes again blocks, and no cordon is left."""
    for name in ("holder", "other"):
        spec = {"containers": [{"name": "main", "image": "example.org/pause:1"}], "nodeName": nodes[0]}
        api_server.api.request("POST", PODS, {"metadata": {"name": name}, "spec": spec})
    held = planned(drain="default/holder")
    runs.node(nodes[0], held)
    run = runs.site(nodes[:1])
    assert run.status == 2 and "Drain the node first; nothing was changed" in run.output
    run = runs.site(nodes[:1], book="plan", sriov_drain_ok=True)
    assert run.status == 0 and "changes: 1 node: 1 changes" in run.output, run.output
    assert f"{nodes[0]}: blocked: pod default/holder: expected a controller" in " ".join(run.output.split())
    run = runs.site(nodes[:1], sriov_drain_ok=True)
    assert run.status == 2, run.output
    assert "pod default/holder: expected a controller that makes it again" in " ".join(run.output.split())
    assert marks(api_server, nodes[0]) == set()
    runs.node(nodes[0], held, planned(), planned(), DONE)
    run = runs.site(nodes[:1], sriov_drain_ok=True, sriov_drain_force=True)
    assert run.status == 0, run.output
    assert [pod["metadata"]["name"] for pod in api_server.api.request("GET", PODS)["items"]] == ["other"]
    assert marks(api_server, nodes[0]) == set() and runs.get("reboots") == ""
    assert f"drained: {nodes[0]}" in run.output
    api_server.api.request("DELETE", f"{PODS}/other")


def a_failure_ends_the_roll_in_words_and_a_rerun_goes_on(
    runs: RollingRuns, api_server: ApiServer, nodes: list[str]
) -> None:
    """The second one's VFs are not there after its boot: it stays cordoned, says why, and no other node starts."""
    first, second, third = nodes[:3]
    for name in nodes[:3]:
        runs.reboots_once(name)
    runs.after_boot(second, planned())
    mark = api_server.mark()
    extra = {"sriov_reboot_ok": True, "sriov_summary_output": "sum.json", "sriov_summary_junit": "sum.xml"}
    run = runs.site(nodes[:3], **extra)
    assert run.status == 2, run.output
    assert runs.get("reboots").split() == [first, second], run.output
    assert "rolling change: 3 nodes in 3 batches" in run.output
    assert cordons(api_server, mark)[:4] == [first, first, second, second]
    assert not availability.is_cordoned(api_server.api.request("GET", path_of(first)))
    annotations = availability.annotations_of(api_server.api.request("GET", path_of(second)))
    assert annotations[availability.MARK].startswith("for a reboot, since")
    assert f"{second} is not as the inventory says" in annotations[availability.FAILURE]
    assert f"{third}: not started, since {second} failed." in " ".join(run.output.split())
    told = json.loads(runs.get("sum.json"))
    assert {host: one["outcome"] for host, one in told["nodes"].items()} == {
        first: "rebooted", second: "failed", third: "left out",
    }  # fmt: skip
    assert 'failures="1" skipped="1"' in runs.get("sum.xml")
    # The rerun goes on from there, with the one that failed.
    runs.after_boot(second, DONE)
    run = runs.site(nodes[:3], **extra)
    assert run.status == 0, run.output
    assert runs.get("reboots").split() == [third]
    assert f"batch 1: {second} (uncordon)" in run.output
    assert not any(marks(api_server, name) for name in nodes[:3])
    assert "as the last turns took" in run.output, "an estimate from the first run"

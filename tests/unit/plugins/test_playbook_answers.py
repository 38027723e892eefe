# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads of nodes that can't be reached or asked, of refusals, and of an inventory without nodes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from support.playbook_runs import Controller, Run

NOWHERE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
HERE = {"ansible_python_interpreter": sys.executable}
PLAN = {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}
WRONG = {"sriov_reboot_ok": "x"}


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def words(run: Run) -> str:
    return " ".join(run.output.split())


@pytest.mark.parametrize("playbook", [pytest.param("plan", id="finding-people-02-no-hosts")])
def test_an_inventory_without_nodes_is_said(controller: Controller, playbook: str) -> None:
    run = controller.run(f"baremetal.sriov.{playbook}", extra={"sriov_hosts": "nodes_of_nowhere"})
    assert run.status == 0
    assert "WARNING: no host is meant, and nothing is done: no host of the inventory fits nodes_of_n" in words(run)


@pytest.mark.parametrize("how", [pytest.param("plan", id="finding-people-06-once-and-10-in-all-forms")])
def test_plan_names_unreachable_and_refused_nodes_in_all_forms(controller: Controller, how: str) -> None:
    hosts: dict[str, dict[str, Any]] = {"away": NOWHERE, "wrong": WRONG, "mute": {}}
    extra = {"sriov_plan_output": "plan.json", "sriov_plan_markdown": "plan.md"}
    for name in extra.values():
        controller.real(name).unlink(missing_ok=True)
    run = controller.run(f"baremetal.sriov.{how}", hosts=hosts, extra=extra, local=HERE)
    assert run.status == 4, run.output
    told = json.loads(controller.get("plan.json"))
    assert {host: node["verdict"] for host, node in told["nodes"].items()} == {
        "away": "unreachable", "wrong": "refused", "mute": "failed"
    }  # fmt: skip
    assert told["verdict"] == "unreachable"
    summary = "unreachable: 3 nodes: 1 refused (wrong), 1 failed (mute), 1 unreachable (away)"
    assert summary in run.output and summary in controller.get("plan.md")
    heads = ("away: unreachable, could not be reached", "wrong: refused, nothing", "mute: failed, could not be asked")
    for line in heads:
        assert line in run.output and f"### {line}" in controller.get("plan.md")
    assert run.output.count("sriov_reboot_ok: expected true or false, found 'x'.") == 1, "a refusal is told once"


LEFT_OUT = "WARNING: unreachable, and left out of this run: away."


def test_site_goes_on_without_unreachable_nodes(controller: Controller) -> None:
    """Said at the start and at the end; the others are asked, and the exit status is 4."""
    controller.answer("sriov_node", changed=False, plan=PLAN, drain_required=False, refused=[], reboot_required=False)
    run = controller.run("baremetal.sriov.site", "--tags", "validate", hosts={"away": NOWHERE, "right": {}})
    assert run.status == 4, run.output
    text = words(run)
    assert text.count(LEFT_OUT) == 2
    assert "The others are configured, and the exit status will be 4." in text
    assert "Nothing was changed there; run this again when they answer." in text
    assert run.recap == {"localhost": (0, 0), "away": (0, 0), "right": (0, 0)}


@pytest.mark.parametrize("case", [pytest.param(n, id=f"finding-people-10-{n}") for n in ("fatal", "refusal")])
def test_site_stops_before_anything_where_a_node_can_not_be_configured(controller: Controller, case: str) -> None:
    """One sentence says why nothing was done, and how to go on; the node's own reasons stand once."""
    controller.answer("sriov_node", changed=False, plan=PLAN, drain_required=False, refused=[], reboot_required=False)
    hosts: dict[str, dict[str, Any]] = {"right": {}, "away": NOWHERE}
    if case == "refusal":
        hosts["wrong"] = WRONG
    extra = {"sriov_unreachable": "fatal"} if case == "fatal" else {}
    run = controller.run("baremetal.sriov.site", hosts=hosts, extra=extra)
    assert run.status in (2, 4), run.output
    assert set(run.calls) == {"sriov_node"}
    stopping = "wrong" if case == "refusal" else "away"
    assert f"Nothing was changed on any node, since {stopping} can't be configured" in words(run)
    assert f"--limit 'sriov_nodes:!{stopping}'" in words(run)


@pytest.mark.parametrize("playbook", [pytest.param("plan", id="finding-people-09-options-of-the-plugin")])
def test_options_of_the_device_plugin_are_looked_at(controller: Controller, playbook: str) -> None:
    """By its own parser, before a node is asked; the other playbooks do so with the same task."""
    given = {"sriov_device_plugin_options": ["--metrics-port=x"]}
    run = controller.run(f"baremetal.sriov.{playbook}", hosts={"node1": given})
    assert run.status == 2 and run.calls == (), run.output
    assert "sriov_device_plugin_options is ['--metrics-port=x']; the device plugin does not take it:" in words(run)


@pytest.mark.parametrize("way", [pytest.param("relative", id="finding-people-09-relative-paths")])
def test_files_are_written_where_the_user_stands(controller: Controller, way: str) -> None:
    """Not into the folder of the installed playbooks; a folder that is not there is said before a node is asked."""
    controller.answer("sriov_node", changed=False, plan=PLAN, drain_required=False, refused=[], reboot_required=False)
    controller.put("here/x", "")
    extra = {"sriov_plan_output": "here/plan.json", "sriov_plan_markdown": "./plan.md"}
    run = controller.run("baremetal.sriov.plan", extra=extra, local=HERE)
    assert run.status == 0, run.output
    assert json.loads(controller.get("here/plan.json"))["verdict"] == "unchanged", way
    told = "unchanged: 1 node: 1 unchanged\n\n### node1: unchanged, nothing to do\n"
    assert controller.get("plan.md").startswith(told)
    run = controller.run("baremetal.sriov.plan", extra={"sriov_plan_output": "nowhere/plan.json"})
    run.assert_refused("sriov_plan_output: expected the path of a file in a folder that exists on the controller")


def test_plan_tells_what_networks_do_otherwise(controller: Controller) -> None:
    """Once, for all nodes; what site foretells of reboots stands there, too."""
    controller.answer("sriov_node", changed=True, plan={**PLAN, "reboot_required": True}, drain_required=False,
                      refused=[], reboot_required=True)  # fmt: skip
    network = {"name": "blue", "resource_name": "pool", "ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}}
    run = controller.run("baremetal.sriov.plan", hosts={"a": {}, "b": {}}, local=HERE,
                         extra={"sriov_networks": [network], "sriov_reboot_ok": True})  # fmt: skip
    assert run.status == 0, run.output
    assert run.output.count("network default/blue: host-local knows of the addresses") == 1
    assert run.calls.count("sriov_node") == 2 and "TASK [Show the batches, and what they take]" in run.output


def test_plan_refuses_addresses_that_nobody_records(controller: Controller) -> None:
    """Which the node does not know; it is asked before, for all else."""
    controller.answer("sriov_node", changed=False, plan=PLAN, drain_required=False, refused=[], reboot_required=False)
    ipam = {"type": "host-local", "ranges_from": "node", "subnet": "10.9.0.0/24"}
    sliced = {"sriov_networks": [{"name": "blue", "resource_name": "pool", "ipam": ipam}]}
    run = controller.run("baremetal.sriov.plan", hosts={"a": sliced, "b": {}}, local=HERE)
    assert run.status == 2 and {host: row[1] for host, row in run.recap.items()}["b"] == 0, run.output
    assert "refused: 2 nodes: 1 unchanged, 1 refused (a)" in run.output
    assert "Network blue has ranges_from: node in its ipam." in words(run)


@pytest.mark.parametrize("fail", [pytest.param(True, id="finding-people-08-status")])
def test_a_pipeline_tells_changes_from_none(controller: Controller, fail: bool) -> None:
    step = {"target": "0000:01:00.0", "action": "create 4 VFs", "reason": "asked", "stage": "now", "needs": []}
    plan = {**PLAN, "steps": [step]}
    controller.answer("sriov_node", changed=True, plan=plan, drain_required=False, refused=[], reboot_required=False)
    run = controller.run("baremetal.sriov.plan", extra={"sriov_plan_fail_on_changes": fail})
    assert run.status == 2, run.output
    assert "changes: 1 node: 1 changes" in run.output and "create 4 VFs" in run.output


@pytest.mark.parametrize("how", [pytest.param("plan", id="finding-people-09-none-reached")])
def test_files_are_written_where_no_node_can_be_reached(controller: Controller, how: str) -> None:
    extra = {"sriov_plan_output": "plan.json", "sriov_plan_markdown": "plan.md"}
    run = controller.run(f"baremetal.sriov.{how}", hosts={"away1": NOWHERE, "away2": NOWHERE}, extra=extra)
    assert run.status == 4, run.output
    told = json.loads(controller.get("plan.json"))
    assert {name: node["verdict"] for name, node in told["nodes"].items()} == dict.fromkeys(
        ("away1", "away2"), "unreachable"
    )
    summary = "unreachable: 2 nodes: 2 unreachable (away1, away2)"
    assert summary in run.output and controller.get("plan.md").startswith(summary)


@pytest.mark.parametrize("case", [pytest.param(one, id=f"finding-people-10-teardown-{one}")
                                  for one in ("leave_out", "refusal")])  # fmt: skip
def test_teardown_goes_on_without_unreachable_nodes(controller: Controller, case: str) -> None:
    """As site does; a node that refuses ends it before anything is touched."""
    controller.answer("sriov_node", changed=False, plan=PLAN, drain_required=False, refused=[], reboot_required=False)
    hosts: dict[str, dict[str, Any]] = {"away": NOWHERE, "right": {}}
    if case == "refusal":
        hosts["wrong"] = WRONG
    run = controller.run("baremetal.sriov.teardown", "--tags", "validate", hosts=hosts, extra={"sriov_cni": False})
    text = words(run)
    if case == "leave_out":
        assert run.status == 4, run.output
        assert text.count(LEFT_OUT) == 2 and "The others are restored, and the exit status will be 4." in text
        assert run.recap["right"] == (0, 0)
        return
    assert run.status in (2, 4), run.output
    assert "Nothing was changed on any node, since wrong can't be restored" in text, run.output
    assert set(run.calls) <= {"sriov_node"}

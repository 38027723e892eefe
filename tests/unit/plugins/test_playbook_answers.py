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


@pytest.mark.parametrize("playbook", [pytest.param(name, id=f"finding-people-02-{name}") for name in ("plan", "site")])
def test_an_inventory_without_nodes_is_said(controller: Controller, playbook: str) -> None:
    run = controller.run(f"baremetal.sriov.{playbook}", extra={"sriov_hosts": "nodes_of_nowhere"})
    assert run.status == 0
    assert "WARNING: no host is meant, and nothing is done: no host of the inventory fits nodes_of_n" in words(run)


@pytest.mark.parametrize("how", [pytest.param("plan", id="finding-people-10-plan")])
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
    for line in ("away: could not be reached, nothing", "wrong: refused, nothing", "mute: could not be asked, nothing"):
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


@pytest.mark.parametrize("case", [pytest.param(n, id=f"finding-people-10-{n}") for n in ("fatal", "refusal", "drain")])
def test_site_stops_before_anything_where_a_node_can_not_be_configured(controller: Controller, case: str) -> None:
    """One sentence says why nothing was done, and how to go on; the node's own reasons stand once."""
    drain = {"drain_required": True, "refused": ["vf 0: held by pod x"]} if case == "drain" else {}
    controller.answer("sriov_node", changed=False, plan=PLAN, reboot_required=False,
                      **{"drain_required": False, "refused": [], **drain})  # fmt: skip
    hosts: dict[str, dict[str, Any]] = {"right": {}, "away": NOWHERE}
    if case == "refusal":
        hosts["wrong"] = WRONG
    extra = {"sriov_unreachable": "fatal"} if case == "fatal" else {}
    run = controller.run("baremetal.sriov.site", hosts=hosts, extra=extra)
    assert run.status in (2, 4), run.output
    assert set(run.calls) == {"sriov_node"}
    if case == "drain":
        assert "vf 0: held by pod x" in run.failures["right"]
        return
    stopping = "wrong" if case == "refusal" else "away"
    assert f"Nothing was changed on any node, since {stopping} can't be configured" in words(run)
    assert f"--limit 'sriov_nodes:!{stopping}'" in words(run)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.plugin_utils.plan_table import plan_markdown, plan_table
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, make_host, present


def told(host: FakeHost, policies: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """What the table is made of in a module's result."""
    outcome = present(host, policies, check=True, **options)
    return {"plan": outcome.plan.as_dict(), **outcome.facts()}


def test_a_real_plan_is_a_table_with_six_cells_in_each_row(tmp_path: Path) -> None:
    """Before and after stand in it; a file's text does not."""
    text = plan_markdown(told(make_host(tmp_path), [KERNEL, DPDK]), "node1")
    head, empty, title, space, *rows = text.splitlines()
    assert (title, space) == ("#### node", "")
    assert head.startswith("### node1: changes, ") and head.endswith("no reboot, no drain") and not empty
    assert {row.replace("\\|", "").count("|") for row in rows} == {7}
    assert rows[0] == "| when | object | what | before | after | why |"
    created = next(row for row in rows if "create 4 VFs" in row)
    assert "| 0 VFs | 4 VFs |" in created
    written = next(row for row in rows if "/etc/pcidp/config.json" in row)
    assert "| none |" in written and " lines |" in written


def test_nothing_to_do(tmp_path: Path) -> None:
    """One line."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    assert plan_markdown(told(host, [KERNEL]), "n") == "### n: unchanged, nothing to do\n"


def test_what_is_held_is_named(tmp_path: Path) -> None:
    """With who holds it."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    host.move_away(host.vf_address("0000:01:00.0", 1))
    text = plan_markdown(told(host, [{**KERNEL, "num_vfs": 2}]), "n")
    assert "needs a drain" in text.splitlines()[0]
    assert "- Needs a drain: 0000:01:00.0: " in text and "another network namespace" in text


def test_a_refusal_is_shown_as_it_is() -> None:
    """Its lines are kept."""
    text = plan_markdown({"failed": True, "msg": "refused:\n  - a | b"}, "a_b")
    assert text == "### a\\_b: refused, nothing was changed\n\n```text\nrefused:\n  - a | b\n```\n"


def test_words_of_others_make_no_markup() -> None:
    """A target with a pipe or markup stays one cell."""
    step = {"target": "a|b", "action": "<b>", "reason": "x\ny", "before": None, "after": 1, "stage": "now", "needs": []}
    text = plan_markdown({"plan": {"steps": [step]}}, "n")
    assert r"| now | a\|b | \<b\> | none | 1 | x y |" in text


def test_policies_that_are_not_for_a_node_say_why(tmp_path: Path) -> None:
    """Which part of the node_selector it failed at, on every node; so one that is for none at all is seen."""
    selector = {
        "groups": ["dpdk_nodes"],
        "labels": {"zone": "a", "sriov": True},
        "variables": {"rack": 7},
    }
    policies = [KERNEL, {**DPDK, "node_selector": selector}]
    found = {"groups": ["workers"], "labels": {"sriov": "false"}, "variables": {"rack": "7"}}
    result = told(make_host(tmp_path), policies, **found)
    why = (
        "node_selector.groups wants one of dpdk_nodes; the host's groups: workers; "
        "node_selector.labels wants zone: 'a'; the host has no zone; "
        "node_selector.labels wants sriov: True; the host has another value"
    )
    assert result["skipped_policies"] == {"dpdk": why}
    assert plan_table(result, "n").splitlines()[-1] == f"  not for this node: dpdk: {why}"
    assert "- Policy dpdk is not for this node: " in plan_markdown(result, "n").splitlines()[-1]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The approved plan: what differs from it is told, and keeps its node alone from being configured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.approval import MOST, differences
from ansible_collections.baremetal.sriov.plugins.plugin_utils.verdicts import document
from support.playbook_runs import Controller


def step(number: int, after: Any = 4, **more: Any) -> dict[str, Any]:
    found = {"target": f"0000:01:00.{number}", "action": "create VFs", "reason": "asked", "stage": "now", "needs": []}
    return {**found, "before": 0, "after": after, **more}


def planned(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"plan": {"steps": list(steps), "warnings": [], "reboot_required": False, "drain_required": False, **more}}


def approved(result: dict[str, Any]) -> str:
    return json.dumps(document({"n": result}, ["n"]))


ONE = planned(step(0), step(1))
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "the-same": (ONE, ONE, []),
    "nothing-to-do": (planned(), planned(), []),
    "other-reason": (ONE, planned(step(0, reason="drift"), step(1)), []),
    "unreachable-now": (ONE, {"unreachable": True, "msg": "no route"}, []),
    "less": (ONE, planned(step(0)), ["approved, and no longer planned: 0000:01:00.1: create VFs (0 -> 4), now"]),
    "more": (planned(), planned(step(0)), ["planned now, and not approved: 0000:01:00.0: create VFs (0 -> 4), now"]),
    "other-value": (planned(step(0)), planned(step(0, 7)), [
        "approved, and no longer planned: 0000:01:00.0: create VFs (0 -> 4), now",
        "planned now, and not approved: 0000:01:00.0: create VFs (0 -> 7), now"]),
    "other-order": (ONE, planned(step(1), step(0)), ["the same steps, in another order than was approved"]),
    "reboot": (ONE, planned(step(0), step(1), reboot_required=True), ["a reboot: approved no, now yes"]),
    "drain": (ONE, planned(step(0), step(1), drain_required=True), ["a drain: approved no, now yes"]),
    "refused-now": (ONE, {"failed": True, "refused": ["x"], "msg": "no PF enp1s0"}, ["refused now: no PF enp1s0"]),
    "was-refused": (planned(step(0), drain_required=True), ONE, [
        "expected a plan that can be approved, found that n was 'refused': plan it again"]),
}  # fmt: skip


@pytest.mark.parametrize(("before", "now", "told"), [pytest.param(*row, id=name) for name, row in CASES.items()])
def test_what_differs_is_told(before: dict[str, Any], now: dict[str, Any], told: list[str]) -> None:
    assert differences(now, approved(before), "n") == told


BIOS = {**step(2, "Enabled"), "target": "SriovGlobalEnable", "part": "bios", "needs": ["reboot"]}


def test_the_steps_of_the_bios_count() -> None:
    """Before anything is touched; after a drain they are staged, and the reboot may be for them alone."""
    before = planned(BIOS, step(0), reboot_required=True)
    assert differences(before, approved(before), "n") == []
    told = differences(planned(step(0)), approved(before), "n")
    assert len(told) == 2 and "SriovGlobalEnable" in told[0] and told[1] == "a reboot: approved yes, now no"
    assert len(differences(before, approved(planned(step(0))), "n")) == 2
    assert differences(planned(step(0)), approved(before), "n", drained=True) == []


def test_a_node_that_was_drained_needs_that_no_more() -> None:
    """All else is compared as before the drain."""
    before = {**planned(step(0, needs=["drain"]), drain_required=True), "drain_allowed": True}
    now = planned(step(0))
    assert len(differences(now, approved(before), "n")) == 3
    assert differences(now, approved(before), "n", drained=True) == []
    assert len(differences(planned(step(0, 7)), approved(before), "n", drained=True)) == 2


def test_texts_that_differ_only_in_their_middle_are_not_the_same() -> None:
    first, second = ("a\n" * 100 + middle + "b\n" * 100 for middle in "xy")
    found = differences(planned(step(0, second)), approved(planned(step(0, first))), "n")
    assert len(found) == 2 and found[0] != found[1]


def test_many_differences_are_counted() -> None:
    found = differences(planned(*map(step, range(MOST + 5))), approved(planned()), "n")
    assert len(found) == MOST + 1 and found[-1] == "and 5 more"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "found no JSON"),
        ("[]", "found no format 1 ([])"),
        ('{"format": 2, "nodes": {}}', "found no format 1 (2)"),
        ('{"format": 1, "nodes": []}', "found no nodes ([])"),
        ("[" * 100000, "found no JSON"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, told: str) -> None:
    (found,) = differences(ONE, text, "n")
    assert found.startswith("sriov_approved_plan: expected the JSON file that plan writes") and told in found


@pytest.mark.parametrize("entry", [{"verdict": "changes"}, {"verdict": "changes", "plan": {"steps": 1}}])
def test_a_node_without_steps_in_the_file_is_refused(entry: dict[str, Any]) -> None:
    (found,) = differences(ONE, json.dumps({"format": 1, "nodes": {"n": entry}}), "n")
    assert "found no steps of this node" in found


def test_a_node_that_was_not_planned_is_refused() -> None:
    (found,) = differences(ONE, approved(ONE), "m")
    assert found == "expected m in the approved plan, found n: plan it, and have that approved"


def test_site_leaves_out_the_node_whose_plan_has_changed(tmp_path: Path) -> None:
    """Each host answers the same; the file has another plan for one of them."""
    controller = Controller(tmp_path)
    answer: dict[str, Any] = {"changed": False, **planned(step(0)), "drain_required": False, "refused": [],
                              "reboot_required": False}  # fmt: skip
    controller.answer("sriov_node", **answer)
    told = document({"same": answer, "drifted": planned(step(0), step(1))}, ["same", "drifted"])
    controller.put("approved.json", json.dumps(told))
    hosts: dict[str, dict[str, Any]] = {"same": {}, "drifted": {}}
    run = controller.run("baremetal.sriov.site", "--tags", "validate", hosts=hosts,
                         extra={"sriov_approved_plan": "approved.json"})  # fmt: skip
    text = " ".join(run.output.split())
    assert run.status == 2, run.output
    assert run.recap == {"localhost": (0, 0), "same": (0, 0), "drifted": (0, 1)}, run.output
    assert "approved, and no longer planned: 0000:01:00.1: create VFs (0 -> 4), now" in text
    assert text.count("WARNING: not as approved, and left out of this run: drifted.") == 2
    assert "Nothing was changed on any node" not in text


def test_a_file_that_is_not_there_is_said_before_a_node_is_asked(tmp_path: Path) -> None:
    run = Controller(tmp_path).run("baremetal.sriov.site", extra={"sriov_approved_plan": "nowhere.json"})
    run.assert_refused("sriov_approved_plan: expected the path of a file that exists on the controller")

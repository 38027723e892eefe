# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as text."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.plan_table import (
    plan_markdown,
    plan_table,
    unused_policies,
)

STEP = {
    "kind": "num_vfs", "target": "0000:01:00.0", "action": "create 4 VFs",
    "reason": "policy kernel asks for 4 VFs",
    "before": 0, "after": 4, "stage": "after_reboot", "needs": [],
}  # fmt: skip


def result(*steps: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A module's result with this plan."""
    plan = {"steps": list(steps), "warnings": [], "reboot_required": False, "drain_required": False, **values}
    return {"changed": bool(steps), "plan": plan}


def test_nothing_to_do() -> None:
    assert plan_table(result(), "node1") == "node1: unchanged, nothing to do"


def test_what_it_costs_stands_first() -> None:
    first = plan_table(result(STEP, reboot_required=True), "node1").splitlines()[0]
    assert first == "node1: changes, 1 step, one reboot, no drain"
    assert plan_table(result(STEP, STEP, drain_required=True), "node1").startswith(
        "node1: refused, 2 steps, no reboot, needs a drain"
    )


def test_a_step_tells_when_what_and_why() -> None:
    line = plan_table(result(STEP), "node1").splitlines()[-1]
    assert " ".join(line.split()) == "after reboot 0000:01:00.0 create 4 VFs 0 -> 4 policy kernel asks for 4 VFs"
    assert "now, drain" in plan_table(result({**STEP, "stage": "now", "needs": ["drain"]}), "node1")


def test_long_reasons_are_wrapped_and_not_cut() -> None:
    reason = " ".join(f"word{number}" for number in range(60))
    text = plan_table(result({**STEP, "reason": reason}), "node1")
    assert max(len(line) for line in text.splitlines()) <= 142
    assert [word for word in text.split() if word.startswith("word")] == reason.split()


def test_warnings_are_shown() -> None:
    assert plan_table(result(warnings=["beware"]), "n").splitlines()[-1] == "  warning: beware"


def test_a_refused_node_has_its_reasons() -> None:
    text = plan_table({"failed": True, "msg": "refused:\n  - enp1s0"}, "node1")
    assert text.splitlines() == ["node1: refused, nothing was changed", "  refused:", "    - enp1s0"]


def test_a_refusal_is_shown_without_ansibles_words_before_it() -> None:
    message = (
        "Task failed: Finalization of task args for 'x.y.sriov_node' failed: Error while resolving value "
        "for 'spec': The filter plugin 'baremetal.sriov.node_spec' failed: node1: 4 mistakes"
    )
    text = plan_table({"failed": True, "msg": message}, "node1")
    assert text.splitlines()[1:] == ["  node1: 4 mistakes"]


def skips(**policies: str) -> dict[str, Any]:
    return {**result(), "skipped_policies": policies}


def test_a_policy_that_fits_no_host_is_told_once() -> None:
    """With each reason, and some of its hosts."""
    results = {f"node{n}": skips(blue="wants zone a" if n else "wants gpus", red="no") for n in range(6)}
    results["node3"] = skips(blue="wants zone a")
    (sentence,) = unused_policies(results, list(results))
    assert sentence == (
        "policy blue fits no host of this run: wants gpus (node0); wants zone a (node1, node2, node3 and 2 more)"
    )
    many = {f"node{n}": skips(blue=f"reason {n}") for n in range(5)}
    assert unused_policies(many, list(many))[0].endswith("reason 2 (node2); and 2 more reasons")


def test_a_host_that_nothing_is_asked_of_is_said() -> None:
    """Also in its own table: a misspelt group looks the same."""
    nothing = {**result(), "skipped_policies": {}, "resources": {}}
    some = {**result(), "skipped_policies": {}, "resources": {"baremetal.sriov/a": 4}}
    words = "sriov_policies is empty, or was not found where the inventory has it"
    assert unused_policies({"a": nothing, "b": some}, ["a", "b"]) == [f"no policy is given for a: {words}"]
    assert plan_table(nothing, "a").splitlines()[1] == f"  warning: no policy is given for this host: {words}"
    assert plan_table(some, "b") == "b: unchanged, nothing to do"


def test_a_host_without_a_plan_may_be_the_one() -> None:
    """One that refused, or that nobody reached."""
    results = {"node1": skips(blue="no"), "node2": {"failed": True, "msg": "refused"}}
    assert unused_policies(results, ["node1"])
    assert not unused_policies(results, ["node1", "node2"])
    assert not unused_policies(results, ["node1", "node3"])
    assert not unused_policies({}, [])


def vf_step(index: int, action: str = "bind vfio-pci", pf: str = "0000:01:00.0", **more: Any) -> dict[str, Any]:
    found = {"target": f"{pf} vf {index}", "action": action, "reason": "policy dpdk", "stage": "now", "needs": []}
    return {**found, "before": "igbvf", "after": "vfio-pci", **more}


RANGES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "all-of-a-pf": ([vf_step(n) for n in range(7)], ["0000:01:00.0 vf 0-6"]),
    "two-pfs": ([vf_step(0), vf_step(1), vf_step(0, pf="0000:02:00.0")], ["0000:01:00.0 vf 0-1", "0000:02:00.0 vf 0"]),
    "with-a-gap": ([vf_step(n) for n in (0, 1, 3)], ["0000:01:00.0 vf 0-1,3"]),
    "other-steps-between": ([vf_step(0), vf_step(0, "set mac"), vf_step(1)], ["0000:01:00.0 vf 0"] * 2
                            + ["0000:01:00.0 vf 1"]),
    "other-before": ([vf_step(0), vf_step(1, before="none")], ["0000:01:00.0 vf 0", "0000:01:00.0 vf 1"]),
    "other-time": ([vf_step(0), vf_step(1, stage="after_reboot")], ["0000:01:00.0 vf 0", "0000:01:00.0 vf 1"]),
    "no-vf": ([{**vf_step(0), "target": "grub"}] * 2, ["grub", "grub"]),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "objects"), [pytest.param(*row, id=f"finding-people-09-ranges-{name}")
                                                for name, row in RANGES.items()])  # fmt: skip
def test_vfs_of_which_the_same_is_said_are_one_line(steps: list[dict[str, Any]], objects: list[str]) -> None:
    result = {"plan": {"steps": steps, "warnings": [], "reboot_required": False, "drain_required": False}}
    lines = plan_table(result, "n").splitlines()
    assert lines[0].startswith(f"n: changes, {len(steps)} step"), "the number of steps is that of the JSON file"
    assert [line[16:40].strip() for line in lines if line.startswith(("  now", "  after"))] == objects
    rows = plan_markdown(result, "n").splitlines()
    rows = [line.split(" | ")[1] for line in rows if line.startswith(("| now", "| after"))]
    assert rows == objects

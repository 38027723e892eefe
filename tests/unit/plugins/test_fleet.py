# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of many nodes as one text: the verdict first, equal nodes together, and the page in the docs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils import fleet
from ansible_collections.baremetal.sriov.plugins.plugin_utils.plan_rows import sections
from ansible_collections.baremetal.sriov.plugins.plugin_utils.verdicts import document
from support import made_up_fleet

STEP = {"kind": "num_vfs", "target": "0000:02:00.0", "action": "create 4 VFs", "reason": "asked", "stage": "now",
        "needs": [], "before": {"num_vfs": 0}, "after": {"num_vfs": 4, "probed": []}}  # fmt: skip
PFS = [{"address": "0000:02:00.0", "name": "enp2s0"}]
NAMES: dict[str, tuple[list[str], str]] = {
    "one": (["node1"], "node1"),
    "run": (["node1", "node2", "node3"], "node1-node3 (3 nodes)"),
    "gap": (["node1", "node2", "node4"], "node1-node2, node4 (3 nodes)"),
    "width": (["n09", "n10", "n9"], "n09-n10, n9 (3 nodes)"),
    "domain": (["a1.example.org", "a2.example.org"], "a1.example.org-a2.example.org (2 nodes)"),
    "words": (["blue", "red"], "blue, red (2 nodes)"),
    "many": ([f"x{n}" for n in range(0, 40, 2)], "x0, x2, x4, x6, x8, x10 and 14 more (20 nodes)"),
}


def plan(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"plan": {"steps": list(steps), "warnings": [], "reboot_required": False, "drain_required": False}, **more}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"finding-people-09-names-{name}") for name in NAMES])
def test_names_of_equal_nodes(name: str) -> None:
    hosts, told = NAMES[name]
    assert fleet.names(hosts) == told


@pytest.mark.parametrize("form", [pytest.param(form, id=f"finding-people-09-{form}") for form in ("text", "markdown")])
def test_equal_nodes_are_told_once_and_those_to_look_after_first(form: str) -> None:
    """A message that names its node is the same message."""
    wrong = {f"wrong{n}": {"failed": True, "msg": f"1 mistake of wrong{n}", "refused": ["x"]} for n in range(3)}
    results = {"same": plan(), **{f"node{n}": plan(STEP, pfs=PFS) for n in range(20)}, **wrong,
               "other": plan({**STEP, "after": {"num_vfs": 5}}, pfs=PFS)}  # fmt: skip
    told = document(results, list(results))
    text = fleet.markdown(told) if form == "markdown" else "\n".join(fleet.text(told))
    assert text.startswith("refused: 25 nodes: 1 unchanged, 21 changes, 3 refused (wrong0, wrong1, wrong2)")
    heads = re.findall(r"^(?:### )?(\S+(?: \(\d+ nodes\))?): (?:refused|changes|unchanged), ", text, re.M)
    assert heads == ["wrong0-wrong2 (3 nodes)", "node0-node19 (20 nodes)", "other", "same"]
    assert text.count("1 mistake of wrong0") == 1 and "wrong1," in text.splitlines()[0]
    assert text.count("enp2s0 0000:02:00.0") == 2


def test_parts_stand_in_their_order_and_steps_in_that_of_time() -> None:
    later = {**STEP, "stage": "after_reboot", "target": "0000:02:00.0 vf 1"}
    reboot = {**STEP, "kind": "reboot", "target": "kernel", "action": "reboot", "before": [], "after": ["a", "b"]}
    cni = {**STEP, "part": "cni", "kind": "code", "target": "cni", "before": {"release": "0.1.0", "content": "x"},
           "after": {"release": "0.2.0", "content": "y"}}  # fmt: skip
    found = sections(plan(cni, later, reboot, STEP, {**STEP, "part": "cluster"}, pfs=PFS))
    assert [section.title for section in found] == ["node", "CNI plugin", "cluster"]
    assert [(row.when, row.target) for row in found[0].rows] == [
        ("now", "enp2s0 0000:02:00.0"), ("reboot", "kernel"), ("after reboot", "enp2s0 0000:02:00.0 vf 1"),
    ]  # fmt: skip
    assert (found[0].rows[1].before, found[0].rows[1].after) == ("none", "a b")
    assert (found[1].rows[0].target, found[1].rows[0].before, found[1].rows[0].after) == (
        "CNI plugin", "0.1.0 (x)", "0.2.0 (y)"
    )  # fmt: skip


def test_what_a_cluster_gets_counts_for_the_verdict() -> None:
    told = document({"a": plan()}, ["a"], {"prod": plan(STEP), "lab": {"failed": True, "msg": "no", "refused": ["x"]}})
    assert (told["verdict"], told["counts"]["unchanged"]) == ("refused", 1)
    assert {name: found["verdict"] for name, found in told["clusters"].items()} == {"prod": "changes", "lab": "refused"}
    lines = fleet.text(told)
    assert lines[1:3] == ["cluster prod: changes", "cluster lab: refused"]
    assert "cluster lab: refused, nothing was changed" in lines


def test_the_page_in_the_docs_is_what_is_rendered() -> None:
    """Write it anew as tests/support/made_up_fleet.py says."""
    page = made_up_fleet.page()
    assert made_up_fleet.PAGE.read_text() == page
    assert len(page.splitlines()) < 400, "a page that nobody reads"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's part of a plan, and its comparison with an approved one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils import cluster_plan, networks, nodes, owned_objects
from ansible_collections.baremetal.sriov.plugins.plugin_utils.approval import cluster_differences
from ansible_collections.baremetal.sriov.plugins.plugin_utils.verdicts import document, verdict

NAMES = ("add", "change", "remove", "keep", "theirs")


def wanted(*names: str, vlan: int = 5) -> list[dict[str, Any]]:
    given = [{"name": name, "resource_name": "pool", "vlan": vlan} for name in names]
    return networks.network_attachments(given, owned_objects.OWNER)


def in_cluster() -> list[dict[str, Any]]:
    [theirs] = wanted("theirs")
    theirs["metadata"]["labels"] = {}
    return [*wanted("change", vlan=7), *wanted("remove", "keep"), theirs]


def steps(*names: str, prune: bool = True, defined: bool = True) -> list[dict[str, Any]]:
    found = in_cluster() if defined else []
    changes = owned_objects.network_changes(wanted(*names), found, prune)
    return cluster_plan.network_steps(changes, found, defined)


@pytest.mark.parametrize("prune", [pytest.param(one, id=f"finding-people-07-prune-{one}") for one in (True, False)])
def test_network_attachments(prune: bool) -> None:
    """Added, changed, removed; before and after are what matters of a definition."""
    found = steps("add", "change", "keep", prune=prune)
    told = [(step["action"], step["target"]) for step in found]
    gone = [("remove", "default/remove")] if prune else []
    assert told == [("add", "default/add"), ("change", "default/change"), *gone]
    assert [found[1][side]["config"]["vlan"] for side in ("before", "after")] == [7, 5]
    assert found[0]["before"] is None and found[0]["after"]["resource"] == "baremetal.sriov/pool"
    assert {step["part"] for step in found} == {"cluster"}


def test_a_cluster_that_does_not_know_the_resource() -> None:
    told = [(step["kind"], step["action"]) for step in steps("add", defined=False)]
    assert told == [("custom_resource_definition", "add"), ("network_attachment", "add")]
    assert steps(defined=False) == []


def test_a_definition_of_somebody_else_is_a_refusal() -> None:
    changes = owned_objects.network_changes(wanted("theirs"), in_cluster(), False)
    found = cluster_plan.foreign(changes)
    assert verdict(found) == "refused" and found["msg"].startswith("default/theirs: expected no network attachment of")


NODE = {"metadata": {"name": "n1", "labels": {"a": "1", "old": "x"},
                     "annotations": {nodes.LABELS_ANNOTATION: "a,old"}}}  # fmt: skip
LABELS: dict[str, tuple[dict[str, str], list[tuple[str, str, Any, Any]]]] = {
    "none": ({"a": "1", "old": "x"}, []),
    "all": ({"a": "2", "new": "y"}, [("change", "a", "1", "2"), ("add", "new", None, "y"),
                                     ("remove", "old", "x", None)]),
}  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=f"finding-people-07-labels-{case}") for case in LABELS])
def test_labels(case: str) -> None:
    given, expected = LABELS[case]
    found = cluster_plan.label_steps(NODE, nodes.node_label_patch(NODE, given))
    assert [(step["action"], step["target"], step["before"], step["after"]) for step in found] == [
        (action, f"node n1 label {key}", before, after) for action, key, before, after in expected
    ]


def approved(*names: str) -> str:
    labels = cluster_plan.label_steps(NODE, nodes.node_label_patch(NODE, LABELS["all"][0]))
    node = cluster_plan.plan(labels)
    return json.dumps(document({"n1": node}, ["n1"], {"prod": cluster_plan.plan(steps(*names))}))


def test_what_was_not_approved_is_told() -> None:
    text = approved("add", "keep")
    assert cluster_differences(steps("add", "keep"), text, "prod") == []
    assert cluster_differences(steps("add", "keep"), text, "elsewhere") == [], "the only one is meant"
    (more,) = cluster_differences([*steps("add", "keep"), *steps("add", defined=False)[:1]], text, "prod")
    assert more.startswith("planned now, and not approved: network-attachment-definitions.k8s.cni.cncf.io: add")
    (none,) = cluster_differences([], json.dumps(document({}, [])), "prod")
    assert none.startswith("expected cluster prod in the approved plan, found none")
    (wrong,) = cluster_differences([], "{", "prod")
    assert wrong.startswith("sriov_approved_plan: expected the JSON file")


def test_labels_of_a_node_are_compared_with_its_own() -> None:
    text = approved("add")
    found = cluster_plan.label_steps(NODE, nodes.node_label_patch(NODE, LABELS["all"][0]))
    assert cluster_differences(found, text, "prod", "n1") == []
    assert len(cluster_differences(found[:1], text, "prod", "n1")) == 2
    assert len(cluster_differences(found, text, "prod", "n2")) == 3

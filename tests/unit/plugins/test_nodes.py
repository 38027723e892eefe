# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels of a Node, and what keeps a Node from being Ready with its VFs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils.nodes import (
    LABELS_ANNOTATION,
    node_label_patch,
    node_problems,
)

WANTED = {"ours/a": "1", "ours/b": "2"}


def patched(node: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What the API server makes of a merge patch of labels and annotations (RFC 7386)."""
    node = copy.deepcopy(node)
    for part, changes in patch.get("metadata", {}).items():
        values = node.setdefault("metadata", {}).setdefault(part, {})
        for key, value in changes.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
    return node


LABELS = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["1", "2"]))


@given(st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2"])), LABELS, LABELS)
def test_labels_reach_what_is_wanted_and_leave_what_is_not_ours(
    foreign: dict[str, str], first: dict[str, str], second: dict[str, str]
) -> None:
    node: dict[str, Any] = {"metadata": {"labels": dict(foreign)}}
    for labels in (first, second, {}):
        node = patched(node, node_label_patch(node, labels))
        assert node["metadata"]["labels"] == {**foreign, **labels}
        assert node_label_patch(node, labels) == {}
    assert LABELS_ANNOTATION not in node["metadata"].get("annotations", {})


def test_a_label_of_somebody_else_with_our_value_is_not_taken_over() -> None:
    node: dict[str, Any] = {"metadata": {"labels": {"ours/a": "1"}}}
    node = patched(node, node_label_patch(node, WANTED))
    assert node["metadata"]["annotations"] == {LABELS_ANNOTATION: "ours/b"}
    assert patched(node, node_label_patch(node, {}))["metadata"]["labels"] == {"ours/a": "1"}


def test_a_label_of_somebody_else_with_another_value_is_an_error() -> None:
    with pytest.raises(InvalidSpecError, match=r"ours/a.*not ours to change"):
        node_label_patch({"metadata": {"labels": {"ours/a": "9"}}}, WANTED)


def test_a_changed_label_of_ours_is_set_again() -> None:
    node = patched({}, node_label_patch({}, WANTED))
    node["metadata"]["labels"]["ours/a"] = "drifted"
    assert node_label_patch(node, WANTED)["metadata"]["labels"] == {"ours/a": "1"}


def answer(ready: str = "True", boot: str = "new", **allocatable: str) -> dict[str, Any]:
    """What k8s_info answers for a Node."""
    offers = {f"baremetal.sriov/{name}": count for name, count in allocatable.items()}
    conditions = [{"type": "MemoryPressure", "status": "False"},
                  {"type": "Ready", "status": ready, "message": "the kubelet says so"}]  # fmt: skip
    status = {"nodeInfo": {"bootID": boot}, "conditions": conditions, "allocatable": {"cpu": "2", **offers}}
    return {"resources": [{"status": status}]}


EXPECTED = {"baremetal.sriov/kernel": 4, "baremetal.sriov/dpdk": 7}


def test_a_node_that_is_right_has_no_problems() -> None:
    assert node_problems(answer(kernel="4", dpdk="7", other="1"), EXPECTED, "old") == []


@pytest.mark.parametrize(
    ("given_answer", "words"),
    [
        ({"failed": True, "msg": "connection refused"}, ["connection refused"]),
        ({"resources": []}, ["no such node"]),
        (answer("False", kernel="4", dpdk="7"), ["Ready", "the kubelet says so"]),
        (answer(boot="old", kernel="4", dpdk="7"), ["the boot before"]),
        (answer(kernel="3", dpdk="7"), ["baremetal.sriov/kernel", "expected 4", "found 3"]),
        (answer(kernel="4"), ["baremetal.sriov/dpdk", "expected 7", "found none"]),
        ({"resources": [{}]}, ["Ready", "no such condition"]),
    ],
)
def test_a_problem_names_what_was_expected_and_found(given_answer: dict[str, Any], words: list[str]) -> None:
    text = "; ".join(node_problems(given_answer, EXPECTED, "old"))
    assert all(word in text for word in words)


def test_a_resource_of_which_none_is_expected_may_be_missing() -> None:
    assert node_problems(answer(), {"baremetal.sriov/kernel": 0}) == []

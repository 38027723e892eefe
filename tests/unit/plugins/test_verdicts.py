# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of a node and of a fleet, and words for nodes that could not be asked.

source: messages of ansible-core 2.19 to 2.21 and of sudo, as nodes without Python or without root give them.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.plan_table import plan_markdown, plan_table
from ansible_collections.baremetal.sriov.plugins.plugin_utils.verdicts import document, reason, summary, verdict

EMPTY: dict[str, Any] = {"plan": {"steps": [], "drain_required": False}}
STEP = {"target": "0000:01:00.0", "action": "create 4 VFs", "reason": "asked", "stage": "now", "needs": []}
CHANGED = {"plan": {"steps": [STEP], "drain_required": False, "reboot_required": True}}
HELD = {"plan": {"steps": [STEP], "drain_required": True}, "refused": ["vf 3: held by pod ns/a"]}
AWAY = {"unreachable": True, "msg": "Task failed: Failed to connect to the host via ssh: timed out"}

VERDICTS: dict[str, tuple[dict[str, Any], str]] = {
    "unchanged": (EMPTY, "unchanged"),
    "changes": (CHANGED, "changes"),
    "held": (HELD, "refused"),
    "held-and-may-be-drained": ({**HELD, "drain_allowed": True}, "changes"),
    "mistakes": ({"failed": True, "msg": "1 mistake: sudo", "mistakes": [{}]}, "refused"),
    "refusal": ({"failed": True, "msg": "refused: python not found", "refused": ["x"]}, "refused"),
    "told-otherwise": ({"failed": False, "msg": "refused, nothing was changed:\n  - x"}, "refused"),
    "away": (AWAY, "unreachable"),
}

# What a node without what is needed answers -> what to do.
NOT_ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "old": (
        {"msg": "ansible-core requires a minimum of Python version 3.9. Current version: 3.8.18 (default)"},
        "Expected Python 3.9 or newer on the node; name one in ansible_python_interpreter.",
    ),
    "older": (
        {"msg": "MODULE FAILURE", "module_stderr": "SyntaxError: future feature annotations is not defined", "rc": 1},
        "Expected Python 3.9 or newer on the node; name one in ansible_python_interpreter.",
    ),
    "none": (
        {"msg": "The module interpreter '/usr/bin/python3' was not found.", "rc": 127},
        "Expected a Python at ansible_python_interpreter on the node; install Python 3.9 or newer, or name it there.",
    ),
    "shell": (
        {"msg": "Module failed", "module_stderr": "/bin/sh: 1: /usr/bin/python3: not found"},
        "Expected a Python at ansible_python_interpreter on the node; install Python 3.9 or newer, or name it there.",
    ),
    "sudo": (
        {"msg": "Task failed: Missing sudo password"},
        "Expected to become root on the node without a question; give --ask-become-pass, or let this user use sudo.",
    ),
    "sudoers": (
        {"msg": "MODULE FAILURE", "module_stderr": "user is not in the sudoers file."},
        "Expected to become root on the node without a question; give --ask-become-pass, or let this user use sudo.",
    ),
    "traceback": (
        {"msg": "MODULE FAILURE\nSee stdout/stderr for the exact error", "rc": 1},
        "Expected an answer of the module; run again with -vvv to see what the node said.",
    ),
}


@pytest.mark.parametrize(
    ("result", "expected"), [pytest.param(*row, id=f"finding-people-08-{name}") for name, row in VERDICTS.items()]
)
def test_the_verdict_of_a_node(result: dict[str, Any], expected: str) -> None:
    assert verdict(result) == expected


@pytest.mark.parametrize(
    ("result", "remedy"), [pytest.param(*row, id=f"finding-people-05-{name}") for name, row in NOT_ASKED.items()]
)
def test_a_node_that_could_not_be_asked_is_not_called_refused(result: dict[str, Any], remedy: str) -> None:
    given = {"failed": True, **result}
    assert verdict(given) == "failed"
    assert reason(given).splitlines()[-1] == remedy
    assert plan_table(given, "n").startswith("n: failed, could not be asked, nothing was changed\n")
    assert plan_markdown(given, "n").startswith("### n: failed, could not be asked, nothing was changed\n")


@pytest.mark.parametrize("name", [pytest.param("n", id="finding-people-08-holders")])
def test_a_drain_is_shown_with_the_holders(name: str) -> None:
    assert "  needs a drain: vf 3: held by pod ns/a" in plan_table(HELD, name)


@pytest.mark.parametrize("count", [pytest.param(7, id="finding-people-09-fleet")])
def test_the_fleet_comes_first_in_one_sentence(count: int) -> None:
    results = {f"node{n}": CHANGED for n in range(count)} | {"held": HELD, "away": AWAY, "same": EMPTY}
    told = document(results, [*results, "nobody"])
    assert told["verdict"] == "unreachable"
    assert told["counts"] == {"unchanged": 1, "changes": 7, "refused": 2, "failed": 0, "unreachable": 1}
    assert summary(told) == [
        "unreachable: 11 nodes: 1 unchanged, 7 changes, 2 refused (held, nobody), 1 unreachable (away)",
        "7 need a reboot: node0, node1, node2, node3, node4 and 2 more",
        "1 needs a drain first: held",
    ]
    assert {name: node["failed"] for name, node in told["nodes"].items() if node["failed"]} == {
        "away": True, "nobody": True
    }  # fmt: skip


def test_one_node_and_none() -> None:
    assert summary(document({"a": EMPTY}, ["a"])) == ["unchanged: 1 node: 1 unchanged"]
    assert summary(document({}, [])) == ["unchanged: 0 nodes: none"]

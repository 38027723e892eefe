# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a run, and what the next one is told of it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import gate, history, report

PLAN: dict[str, Any] = {"plan": {"steps": [], "drain_required": False}}
TURN = {"started": 100.0, "ended": 190.5, "drained": True, "pods": ["ns/a"]}
# Facts of a host, whether it is in the play still -> the outcome, its words.
FACTS: dict[str, tuple[dict[str, Any], bool, str, str]] = {
    "unchanged": ({"node_plan": PLAN, "node_applied": {"changed": False}}, True, "unchanged", ""),
    "changed": ({"node_plan": PLAN, "node_applied": {"changed": True}}, True, "changed", ""),
    "shipped": ({"node_plan": PLAN, "cni_shipped": {"changed": True}}, True, "changed", ""),
    "drained": ({"node_plan": PLAN, "roll_turn": TURN}, True, "drained", ""),
    "rebooted": ({"node_plan": PLAN, "roll_turn": TURN, "reboot_done": {"rebooted": True}}, True, "rebooted", ""),
    "failed": ({"node_plan": PLAN, "roll_turn": TURN, "roll_failed": "no answer"}, True, "failed", "no answer"),
    "left-out": ({"node_plan": PLAN, "roll_left_out": "the window ended"}, True, "left out", "the window ended"),
    "away": ({"node_plan": {"unreachable": True, "msg": "x"}}, False, "left out", "unreachable before anything"),
    "not-approved": ({"node_plan": {**PLAN, "not_approved": ["x"]}}, False, "refused", "not the approved one"),
    "refused": ({"node_plan": {"failed": True, "msg": "2 mistakes", "mistakes": [{}]}}, False, "refused", "2 mistakes"),
    "ended": ({"node_plan": PLAN}, False, "failed", "a task failed"),
}


@pytest.mark.parametrize("name", FACTS)
def test_the_outcome_of_a_node(name: str) -> None:
    facts, alive, outcome, words = FACTS[name]
    found = report.record(name, facts, alive)
    assert found.outcome == outcome and words in found.words


def records() -> list[report.NodeRecord]:
    return [report.record(name, facts, alive) for name, (facts, alive, _outcome, _words) in FACTS.items()]


def test_all_forms_tell_the_same() -> None:
    found = records()
    lines = report.summary(found)
    assert lines[0] == (
        "11 nodes: 1 unchanged, 2 changed, 1 drained, 1 rebooted, 2 left out, 2 refused, 2 failed"
    )
    assert "drained: drained, in 90 s, 1 pod evicted" in lines and "failed: failed: no answer" in lines
    told = report.document(found)
    assert told["counts"]["failed"] == 2 and told["nodes"]["rebooted"]["seconds"] == 90
    assert json.loads(json.dumps(told))["nodes"]["drained"]["pods"] == ["ns/a"]
    suite = ElementTree.fromstring(report.junit(found).partition("\n")[2])
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("11", "4", "2")
    odd = report.junit([report.NodeRecord("h", "failed", words="\x1b[0;31m<no>\x00")])
    assert ElementTree.fromstring(odd.partition("\n")[2]).find("testcase/failure").text == "[0;31m<no>"  # type: ignore[union-attr]


def test_estimates_are_made_of_what_the_last_turns_took(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "history.json")
    assert history.read(path) == {} and history.estimate({}, [["drain"]]) == 0
    for _run in range(3):
        history.write(path, history.add(history.read(path), records()))
    known = history.read(path)
    assert known == {"drain": [90] * 3, "drain and reboot": [90] * 3}
    assert history.estimate(known, [["drain", "drain and reboot"], ["drain"]]) == 180
    assert history.estimate(known, [["drain"], ["reboot"]]) == 0, "of a kind that nobody has seen nothing is said"
    assert [history.told(seconds) for seconds in (0, 59, 3600, 3661)] == [
        "", "about 1 min", "about 1 h 0 min", "about 1 h 2 min"
    ]  # fmt: skip
    many = history.add({"drain": list(range(1, 60))}, records())
    assert len(many["drain"]) == history.MOST


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": 2}', '{"format": 1, "seconds": {"drain": ["x", -1, true]}}']
)
def test_a_file_that_can_not_be_used_is_no_failure(tmp_path: Path, text: str) -> None:
    (tmp_path / "h.json").write_text(text)
    assert not any(history.read(str(tmp_path / "h.json")).values())


NOW = datetime(2026, 11, 28, 22, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("", None), ("23:00", "2026-11-28T23:00:00+00:00"), ("6:00", "2026-11-29T06:00:00+00:00"),
        ("22:30", "2026-11-29T22:30:00+00:00"), ("2026-11-29T04:00", "2026-11-29T04:00:00+00:00"),
        ("2026-11-29T04:00:00Z", "2026-11-29T04:00:00+00:00"), ("2026-11-29T04:00+01:00", "2026-11-29T04:00:00+01:00"),
    ],
)  # fmt: skip
def test_the_end_of_the_window(text: str, end: str | None) -> None:
    found = gate.deadline(text, NOW)
    assert (found.isoformat() if found else None) == end


@pytest.mark.parametrize("text", ["25:00", "soon", "6"])
def test_no_end_of_a_window(text: str) -> None:
    with pytest.raises(ValueError):
        gate.deadline(text, NOW)


def test_one_verdict_for_all_batches() -> None:
    assert gate.closed({}, 0, 5) == "" and gate.closed({}, 10, 5) == ""
    assert gate.closed({"a": "x", "b": "y"}, 0, 5).startswith("not started, since a, b failed.")
    assert "the window ended at 1970-01-01T00:00+00:00 (sriov_stop_after)" in gate.closed({}, 5, 5)

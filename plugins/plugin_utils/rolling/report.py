# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a run: one record for each node, as text, as JSON and as JUnit XML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .. import junit as cases
from .. import verdicts

UNCHANGED, CHANGED, DRAINED, REBOOTED = "unchanged", "changed", "drained", "rebooted"
LEFT_OUT, REFUSED, FAILED = "left out", "refused", "failed"
# From the best to the worst.
OUTCOMES = (UNCHANGED, CHANGED, DRAINED, REBOOTED, LEFT_OUT, REFUSED, FAILED)
FORMAT = 1  # of the JSON file
_SUITE = "baremetal.sriov.site"
_TOLD_ALONE = (LEFT_OUT, REFUSED, FAILED)


@dataclass(frozen=True)
class NodeRecord:
    """What came of one node. seconds: of its own turn, 0 where it had none; pods: those that were evicted."""

    host: str
    outcome: str
    drained: bool = False
    rebooted: bool = False
    seconds: int = 0
    pods: tuple[str, ...] = ()
    words: str = ""


def plan_of(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The plan of a host's facts: that of site, or the one that the playbook plan has kept."""
    found: Mapping[str, Any] = facts.get("node_plan") or (facts.get("plan_asked") or {}).get("answer") or {}
    return found


def record(host: str, facts: Mapping[str, Any], alive: bool) -> NodeRecord:
    """From the facts of a run. alive: whether the host is in the play still."""
    plan = plan_of(facts)
    applied = facts.get("node_applied") or {}
    turn = facts.get("roll_turn") or {}
    pods = tuple(turn.get("pods") or ())
    rebooted = bool((facts.get("reboot_done") or {}).get("rebooted"))
    drained = bool(turn.get("drained"))
    seconds = max(0, int(float(turn.get("ended") or 0) - float(turn.get("started") or 0))) if turn.get("ended") else 0
    outcome, words = _outcome(facts, plan, alive)
    if not outcome:
        changed = applied.get("changed") or any((facts.get(name) or {}).get("changed") for name in _SHIPPED)
        outcome = REBOOTED if rebooted else DRAINED if drained else CHANGED if changed else UNCHANGED
    return NodeRecord(host, outcome, drained, rebooted, seconds, pods, words)


_SHIPPED = ("node_shipped", "device_plugin_shipped", "cni_shipped", "bios_applied")


def _outcome(facts: Mapping[str, Any], plan: Mapping[str, Any], alive: bool) -> tuple[str, str]:
    """That of a node which was not brought to where it is to be, with why; ("", "") for others."""
    if facts.get("roll_failed"):
        return FAILED, str(facts["roll_failed"])
    if facts.get("roll_left_out"):
        return LEFT_OUT, str(facts["roll_left_out"])
    if plan.get("unreachable"):
        return LEFT_OUT, "unreachable before anything was done"
    if plan.get("not_approved"):
        return REFUSED, "its plan is not the approved one"
    if not alive:
        refused = not plan or verdicts.verdict(plan) in (verdicts.REFUSED, verdicts.FAILED)
        return (REFUSED, verdicts.reason(plan)) if refused else (FAILED, "a task failed; its message stands above")
    return "", ""


def summary(records: Sequence[NodeRecord]) -> list[str]:
    """The lines for people: the numbers, then each node that was left out, refused or failed, then the slow ones."""
    counts = Counter(one.outcome for one in records)
    parts = [f"{counts[word]} {word}" for word in OUTCOMES if counts[word]]
    lines = [f"{len(records)} node{'s' if len(records) != 1 else ''}: {', '.join(parts) or 'none'}"]
    for one in records:
        if one.outcome in _TOLD_ALONE:
            lines += _indented(f"{one.outcome}: {one.host}: {one.words}")
        elif one.seconds:
            pods = f", {len(one.pods)} pod{'s' if len(one.pods) != 1 else ''} evicted" if one.drained else ""
            lines.append(f"{one.outcome}: {one.host}, in {one.seconds} s{pods}")
    return lines


def _indented(text: str) -> list[str]:
    first, *others = text.splitlines()
    return [first, *(f"  {line}" for line in others)]


def document(records: Sequence[NodeRecord]) -> dict[str, Any]:
    """For the JSON file."""
    counts = Counter(one.outcome for one in records)
    nodes = {one.host: {name: value for name, value in asdict(one).items() if name != "host"} for one in records}
    return {"format": FORMAT, "counts": {word: counts[word] for word in OUTCOMES}, "nodes": nodes}


def junit(records: Sequence[NodeRecord]) -> str:
    """For a pipeline: a test case for each node."""
    outcomes = {REFUSED: cases.FAILED, FAILED: cases.FAILED, LEFT_OUT: cases.SKIPPED}
    return cases.junit(
        _SUITE,
        [
            cases.Case(
                _SUITE,
                one.host,
                outcomes.get(one.outcome, cases.PASSED),
                one.words if one.outcome in outcomes else one.outcome,
                one.seconds,
                one.outcome,
            )
            for one in records
        ],
    )

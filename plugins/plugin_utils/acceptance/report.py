# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify's checks came to, for people, as JSON and as JUnit XML, and the state of a node as a ConfigMap."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .. import junit
from ..owned_objects import OWNER, OWNER_LABEL
from .rows import FAILED, OUTCOMES, PASSED, WARNED, CheckRow

FORMAT = 1  # of the JSON file, and of a ConfigMap's data
SUITE = "baremetal.sriov.verify"
STATE_LABEL = "baremetal.sriov/node-state"
NAME = "baremetal-sriov-state-{node}"
_LONGEST_NAME = 253  # characters


def lines(rows: Sequence[CheckRow]) -> list[str]:
    """A table: how many passed, of each host one line where all did, and each row that did not, with its remedy."""
    counts = Counter(one.outcome for one in rows)
    told = [f"{counts[word]} {word}" for word in OUTCOMES if counts[word]]
    found = [f"{len(rows)} checks: {', '.join(told) or 'none'}"]
    for host, own in _by_host(rows).items():
        bad = [one for one in own if one.outcome in (FAILED, WARNED)]
        passed = Counter(one.check for one in own if one.outcome == PASSED)
        names = ", ".join(f"{name}{f' x{number}' if number > 1 else ''}" for name, number in passed.items())
        found.append(f"{host}: {names or 'nothing'} passed" if passed or not bad else f"{host}:")
        if bad:
            found += [f"  {line}" for line in _table(bad)]
    return found


def _by_host(rows: Iterable[CheckRow]) -> dict[str, list[CheckRow]]:
    found: dict[str, list[CheckRow]] = {}
    for one in rows:
        found.setdefault(one.host, []).append(one)
    return found


def _table(rows: Sequence[CheckRow]) -> Iterator[str]:
    """Columns of one width, and a row's remedy on a line of its own: it is a sentence."""
    cells = [("", "check", "object", "expected", "found")]
    cells += [(one.outcome, one.check, one.target, one.expected, one.found) for one in rows if one.expected]
    widths = [max(len(cell[column]) for cell in cells) for column in range(4)]
    if len(cells) > 1:
        yield _padded(cells[0], widths)
    for one in rows:
        if not one.expected:
            yield f"{one.outcome}  {one.found}"
            continue
        yield _padded((one.outcome, one.check, one.target, one.expected, one.found), widths)
        if one.remedy:
            yield f"{' ' * widths[0]}  -> {one.remedy}"


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths)), cells[-1]]).rstrip()


def document(rows: Sequence[CheckRow], states: Mapping[str, Any]) -> dict[str, Any]:
    """For the JSON file. states: host -> what sriov_node_state told of it."""
    counts = Counter(one.outcome for one in rows)
    return {
        "format": FORMAT,
        "counts": {word: counts[word] for word in OUTCOMES},
        "checks": [one.as_dict() for one in rows],
        "states": dict(states),
    }


def as_junit(rows: Sequence[CheckRow], suite: str = SUITE) -> str:
    """For a pipeline: a case for each row; what somebody else has to mend counts as left out."""
    outcomes = {PASSED: junit.PASSED, FAILED: junit.FAILED}
    cases = [
        junit.Case(
            f"{suite}.{one.host}",
            f"{one.check} {one.target}",
            outcomes.get(one.outcome, junit.SKIPPED),
            words(one),
            title=one.found,
        )
        for one in rows
    ]
    return junit.junit(suite, cases)


def words(one: CheckRow) -> str:
    """A row as one sentence."""
    told = f"expected {one.expected}, found {one.found}" if one.expected else one.found
    return f"{told}. {one.remedy}" if one.remedy else told


def node_label(node: str) -> str:
    """A node for a label's value, which has 63 characters at most; a node's name may have more."""
    return hashlib.sha256(node.encode()).hexdigest()[:32]


def config_map(
    node: str, namespace: str, state: Mapping[str, Any], rows: Sequence[CheckRow], uid: str = ""
) -> dict[str, Any]:
    """A node's state as an object that `kubectl wait --for=jsonpath` reads: a key for each condition.

    uid: of the Node; with it the object goes when the Node does. A ConfigMap has no status, so no condition of the API.
    """
    bad = [f"{one.check} {one.target}: {words(one)}" for one in rows if one.outcome == FAILED]
    conditions = [*state.get("conditions", ())]
    verified = {"type": "Verified", "status": str(not bad), "reason": "Checks", "message": "; ".join(bad)}
    ready = all(one["status"] == "True" for one in conditions if one["type"] == "Configured") and not bad
    conditions += [verified, {"type": "Ready", "status": str(ready), "reason": "State", "message": ""}]
    told = {**state, "conditions": conditions}
    owner = {"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": NAME.format(node=node)[:_LONGEST_NAME].rstrip("-."),
            "namespace": namespace,
            "labels": {OWNER_LABEL: OWNER, STATE_LABEL: node_label(node)},
            **({"ownerReferences": [owner]} if uid else {}),
        },
        "data": {
            "format": str(FORMAT),
            "node": node,
            "syncStatus": str(state.get("sync_status", "")),
            "lastSyncError": str(state.get("last_sync_error", "")),
            **{str(one["type"]): str(one["status"]) for one in conditions},
            "state.json": json.dumps(told, indent=1, sort_keys=True),
        },
    }

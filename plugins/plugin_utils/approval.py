# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a node's plan is still the one that somebody has approved: the JSON file that the playbook plan wrote."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..module_utils.policy.validation import show
from . import verdicts

LIMIT = 256 << 20  # characters of the file
MOST = 20  # sentences about one node
_EXPECTED = "expected the JSON file that plan writes with sriov_plan_output"
_NEEDS = (("reboot_required", "a reboot"), ("drain_required", "a drain"))
_VALUE_LIMIT = 60  # characters


def differences(result: Mapping[str, Any], text: str, host: str) -> list[str]:
    """Why the node's plan is not the approved one, a sentence each; none where it is.

    result: what the module sriov_node returned now. text: the file. Nothing is said of a node that can't be reached.
    """
    word = verdicts.verdict(result)
    if word == verdicts.UNREACHABLE:
        return []
    nodes = _nodes(text)
    if isinstance(nodes, str):
        return [f"sriov_approved_plan: {_EXPECTED}, found {nodes}"]
    approved = nodes.get(host)
    if not isinstance(approved, dict):
        return [f"expected {host} in the approved plan, found {_names(nodes)}: plan it, and have that approved"]
    before = approved.get("verdict")
    if before not in (verdicts.UNCHANGED, verdicts.CHANGES):
        return [f"expected a plan that can be approved, found that {host} was {show(before)}: plan it again"]
    if result.get("plan") is None or result.get("failed"):
        return [f"{word} now: {verdicts.reason(result)}"]
    found = _compared(approved.get("plan"), result["plan"])
    return found[:MOST] + [f"and {len(found) - MOST} more" for _more in range(len(found) > MOST)]


@functools.lru_cache(maxsize=1)  # all nodes of a run ask for the same
def _nodes(text: str) -> dict[str, Any] | str:
    """The nodes of the file; a text says what is there instead."""
    if len(text) > LIMIT:
        return f"{len(text)} characters"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"no JSON ({error})"
    if not isinstance(found, dict) or found.get("format") != verdicts.FORMAT:
        return f"no format {verdicts.FORMAT} ({show(found.get('format') if isinstance(found, dict) else found)})"
    if not isinstance(found.get("nodes"), dict):
        return f"no nodes ({show(found.get('nodes'))})"
    nodes: dict[str, Any] = found["nodes"]
    return nodes


def _names(nodes: Mapping[str, Any]) -> str:
    return f"{', '.join(list(nodes)[:5])}{', ..' if len(nodes) > 5 else ''}" if nodes else "no node"


def _compared(approved: Any, planned: Mapping[str, Any]) -> list[str]:
    steps = approved.get("steps") if isinstance(approved, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return [f"{_EXPECTED}, found no steps of this node"]
    before, now = _counted(steps), _counted(planned.get("steps", []))
    found = [f"approved, and no longer planned: {told}" for told in (before - now).elements()]
    found += [f"planned now, and not approved: {told}" for told in (now - before).elements()]
    if not found and [*map(_told, steps)] != [*map(_told, planned.get("steps", []))]:
        found.append("the same steps, in another order than was approved")
    for key, words in _NEEDS:
        if bool(approved.get(key)) != bool(planned.get(key)):
            found.append(f"{words}: approved {_yes(approved.get(key))}, now {_yes(planned.get(key))}")
    return found


def _counted(steps: list[dict[str, Any]]) -> Counter[str]:
    return Counter(map(_told, steps))


def _told(step: Mapping[str, Any]) -> str:
    """A step in words; all that counts of it is there, or in its digest."""
    words = f"{step.get('target')}: {step.get('action')}"
    sides = [_side(step.get(key)) for key in ("before", "after")]
    if sides != ["none", "none"]:
        words += f" ({' -> '.join(sides)})"
    more = [str(step.get("stage", "now")), *map(str, step.get("needs", ()))]
    return f"{words}, {', '.join(more)}"


def _side(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if len(text) <= _VALUE_LIMIT and "\n" not in text:
        return text
    return f"{len(text)} characters, SHA-256 {_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _yes(value: Any) -> str:
    return "yes" if value else "no"

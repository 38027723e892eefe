# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a node's plan is still the one that somebody has approved: the JSON file that the playbook plan wrote."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from ..module_utils.model import approval
from ..module_utils.policy.validation import show
from . import bios_plan, cluster_plan, verdicts

MOST = approval.MOST  # sentences about one node
LIMIT = 256 << 20  # characters of the file
_EXPECTED = "expected the JSON file that plan writes with sriov_plan_output"
_DRAINS, _REBOOTS = "drain_required", "reboot_required"
_NEEDS = ((_REBOOTS, "a reboot"), (_DRAINS, "a drain"))


def differences(result: Mapping[str, Any], text: str, host: str, drained: bool = False) -> list[str]:
    """Why the node's plan is not the approved one, a sentence each; none where it is.

    result: what the module sriov_node returned now. text: the file. drained: the node was drained since, and needs that
    no more. Nothing is said of a node that can't be reached.
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
    return approval.at_most(_compared(approved.get("plan"), result["plan"], drained))


def cluster_differences(
    steps: list[dict[str, Any]], text: str, name: str, host: str = "", role: str = "", some: bool = False
) -> list[str]:
    """Why the steps are not those that were approved for a cluster, or there for a node's labels. text: the file; name:
    the cluster's; host: the node's; role, some: see cluster_plan.require.
    """
    found = _document(text)
    if isinstance(found, str):
        return [f"sriov_approved_plan: {_EXPECTED}, found {found}"]
    if not host:
        return cluster_plan.require(name, found, steps, role, some)
    node = found["nodes"].get(host)
    plan = node.get("plan") if isinstance(node, dict) else None
    listed = plan.get("steps") if isinstance(plan, dict) else None
    known = [step for step in listed if isinstance(step, dict)] if isinstance(listed, list) else []
    labels = [step for step in known if step.get("part") == cluster_plan.PART]
    return approval.at_most(approval.differences(labels, steps))


def _nodes(text: str) -> dict[str, Any] | str:
    """The nodes of the file; a text says what is there instead."""
    found = _document(text)
    nodes: dict[str, Any] | str = found if isinstance(found, str) else found["nodes"]
    return nodes


@functools.lru_cache(maxsize=1)  # all nodes of a run ask for the same
def _document(text: str) -> dict[str, Any] | str:
    """The file; a text says what is there instead."""
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
    return found


def _names(nodes: Mapping[str, Any]) -> str:
    return f"{', '.join(list(nodes)[:5])}{', ..' if len(nodes) > 5 else ''}" if nodes else "no node"


def _compared(approved: Any, planned: Mapping[str, Any], drained: bool) -> list[str]:
    steps = approved.get("steps") if isinstance(approved, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return [f"{_EXPECTED}, found no steps of this node"]
    sides = [_of_the_node(steps), _of_the_node(planned.get("steps", []))]
    done: tuple[str, ...] = ()
    if drained:
        # Its BIOS was compared before, and is staged by now; the reboot may be for that alone.
        done = (_DRAINS, _REBOOTS) if any(map(bios_plan.is_of_the_bios, sides[0])) else (_DRAINS,)
        sides = [[_without_drain(step) for step in side if not bios_plan.is_of_the_bios(step)] for side in sides]
    found = approval.differences(*sides)
    for key, words in _NEEDS:
        if bool(approved.get(key)) != bool(planned.get(key)) and key not in done:
            found.append(f"{words}: approved {_yes(approved.get(key))}, now {_yes(planned.get(key))}")
    return found


def _of_the_node(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without those of its labels, which the role networks compares."""
    return [step for step in steps if step.get("part") != cluster_plan.PART]


def _without_drain(step: dict[str, Any]) -> dict[str, Any]:
    return {**step, "needs": [need for need in step.get("needs") or () if need != "drain"]}


def _yes(value: Any) -> str:
    return "yes" if value else "no"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a node as text for people, and what the plans of all nodes tell together."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from typing import Any

from ..module_utils.policy.validation import ranges
from . import verdicts

_HEAD = ("when", "object", "what", "why")
_WIDTHS = (12, 24, 36, 60)
_NO_POLICY = "sriov_policies is empty, or was not found where the inventory has it"
_MOST = 3  # hosts or reasons that a sentence names
_NO_PLAN = {
    verdicts.REFUSED: "refused, nothing was changed",
    verdicts.FAILED: "could not be asked, nothing was changed",
    verdicts.UNREACHABLE: "could not be reached, nothing was changed",
}
_VF = re.compile(r"(.+) vf (\d+)")
_WHEN = {"now": "now", "after_reboot": "after reboot"}


def plan_table(result: dict[str, Any], node: str) -> str:
    """The result of the module sriov_node as a table; a refused node has its reasons instead.

    result: what the module returned (keys plan, or msg where it failed).
    """
    plan = result.get("plan")
    if plan is None or result.get("failed"):
        return f"{node}: {_NO_PLAN[verdicts.verdict(result)]}\n{textwrap.indent(verdicts.reason(result), '  ')}"
    steps = plan.get("steps", [])
    lines = [f"{node}: {_summary(plan)}"]
    if steps:
        lines += ["", _row(_HEAD), _row(tuple("-" * width for width in _WIDTHS))]
        for step in _in_ranges(steps):
            lines += _wrapped((_when(step), step["target"], step["action"], step["reason"]))
    lines += [f"  warning: {warning}" for warning in plan.get("warnings", [])]
    lines += [f"  needs a drain: {holder}" for holder in result.get("refused", [])]
    lines += [f"  warning: no policy is given for this host: {_NO_POLICY}"] if has_no_policy(result) else []
    lines += [f"  not for this node: {name}: {why}" for name, why in result.get("skipped_policies", {}).items()]
    return "\n".join(lines)


def plan_markdown(result: dict[str, Any], node: str) -> str:
    """The same as a section of Markdown, with before and after, for a merge request."""
    plan = result.get("plan")
    if plan is None or result.get("failed"):
        return f"### {_cell(node)}: {_NO_PLAN[verdicts.verdict(result)]}\n\n```text\n{verdicts.reason(result)}\n```\n"
    lines = [f"### {_cell(node)}: {_summary(plan)}", ""]
    steps = plan.get("steps", [])
    if steps:
        lines += ["| when | object | what | before | after | why |", "|---|---|---|---|---|---|"]
        for step in _in_ranges(steps):
            cells = (_when(step), step["target"], step["action"], _value(step, "before"), _value(step, "after"))
            lines.append(f"| {' | '.join(_cell(cell) for cell in (*cells, step['reason']))} |")
        lines.append("")
    for heading, texts in (("Warning", plan.get("warnings", [])), ("Needs a drain", result.get("refused", []))):
        lines += [f"- {heading}: {_cell(text)}" for text in texts]
    skipped = result.get("skipped_policies", {})
    lines += [f"- Policy {_cell(name)} is not for this node: {_cell(why)}" for name, why in skipped.items()]
    return "\n".join(lines).rstrip("\n") + "\n"


def unused_policies(results: dict[str, Any], hosts: Sequence[str]) -> list[str]:
    """A sentence for each policy whose node_selector fits none of the hosts, with the reason on each, and one about
    hosts for which there is no policy at all.

    results: by host, what the module sriov_node returned. Nothing is said where a host gave no plan: it may be the one
    that a policy fits.
    """
    found = [(results.get(host) or {}).get("skipped_policies") for host in hosts]
    skipped = [one for one in found if isinstance(one, dict)]
    if len(skipped) < len(found):
        return []
    empty = [host for host in hosts if has_no_policy(results[host])]
    sentences = [f"no policy is given for {_some(empty)}: {_NO_POLICY}"] if empty else []
    for name in skipped[0] if skipped else ():
        if not all(name in one for one in skipped):
            continue
        reasons: dict[str, list[str]] = {}
        for host, one in zip(hosts, skipped):
            reasons.setdefault(str(one[name]), []).append(host)
        told = [f"{reason} ({_some(named)})" for reason, named in list(reasons.items())[:_MOST]]
        more = f"; and {len(reasons) - _MOST} more reasons" if len(reasons) > _MOST else ""
        sentences.append(f"policy {name} fits no host of this run: {'; '.join(told)}{more}")
    return sentences


def has_no_policy(result: dict[str, Any]) -> bool:
    """True for the plan of a host that nothing is asked of: a misspelt group or variable may be why."""
    asked = result.get("resources", True) or result.get("skipped_policies")
    return not asked and not (result.get("plan") or {}).get("steps")


def _some(hosts: list[str]) -> str:
    more = f" and {len(hosts) - _MOST} more" if len(hosts) > _MOST else ""
    return ", ".join(hosts[:_MOST]) + more


def _in_ranges(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps in their order; those that follow each other, and say the same of VFs of one PF, as one."""
    found: list[tuple[Any, list[int], dict[str, Any]]] = []
    for step in steps:
        vf = _VF.fullmatch(str(step["target"]))
        # Why, when and what, on which PF: all but the number.
        key = {**step, "target": vf[1] if vf else step["target"]}
        if vf and found and found[-1][1] and found[-1][0] == key:
            found[-1][1].append(int(vf[2]))
        else:
            found.append((key, [int(vf[2])] if vf else [], step))
    return [{**step, "target": f"{key['target']} vf {ranges(numbers)}"} if numbers else step
            for key, numbers, step in found]  # fmt: skip


def _value(step: dict[str, Any], side: str) -> str:
    """Short: a file's text is not for a table."""
    value = step.get(side)
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return f"{len(text.splitlines())} lines" if "\n" in text else text


def _cell(value: Any) -> str:
    """Text that a Markdown table shows as it is, in one line."""
    text = " ".join(str(value).split())
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", text)


def _summary(plan: dict[str, Any]) -> str:
    count = len(plan.get("steps", []))
    if not count:
        return "nothing to do"
    reboot = "one reboot" if plan.get("reboot_required") else "no reboot"
    drain = "needs a drain" if plan.get("drain_required") else "no drain"
    return f"{count} step{'s' if count != 1 else ''}, {reboot}, {drain}"


def _when(step: dict[str, Any]) -> str:
    when = _WHEN.get(step.get("stage", "now"), str(step.get("stage")))
    return f"{when}, drain" if "drain" in step.get("needs", ()) else when


def _wrapped(cells: tuple[str, ...]) -> list[str]:
    """One step, over as many lines as its longest cell needs."""
    columns = [
        textwrap.wrap(str(cell), width, break_on_hyphens=False) or [""] for cell, width in zip(cells, _WIDTHS)
    ]
    height = max(len(column) for column in columns)
    padded = [column + [""] * (height - len(column)) for column in columns]
    return [_row(tuple(row)) for row in zip(*padded)]


def _row(cells: tuple[str, ...]) -> str:
    text = "  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS))
    return f"  {text}".rstrip()

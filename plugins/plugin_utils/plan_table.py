# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a node as text for people, and as Markdown for a change request; and policies that no node uses."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from . import plan_rows, verdicts

_HEAD = ("when", "object", "what", "before -> after", "why")
_WIDTHS = (12, 27, 28, 30, 35)
_NO_POLICY = "sriov_policies is empty, or was not found where the inventory has it"
_MOST = 3  # hosts or reasons that a sentence names
_NO_PLAN = {
    verdicts.REFUSED: "nothing was changed",
    verdicts.FAILED: "could not be asked, nothing was changed",
    verdicts.UNREACHABLE: "could not be reached, nothing was changed",
}
_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")  # the seams of a kind's name
_SEAM = "/,.-=:|"  # after one of these a long word may go on in the next line


def plan_table(result: dict[str, Any], node: str) -> str:
    """The result of the module sriov_node as a table; a refused node has its reasons instead.

    result: what the module returned (keys plan, or msg where it failed). node: what it is called.
    """
    word = verdicts.verdict(result)
    plan = result.get("plan")
    if plan is None or result.get("failed"):
        return f"{node}: {word}, {_NO_PLAN[word]}\n{textwrap.indent(verdicts.reason(result), '  ')}"
    lines = [f"{node}: {word}, {_summary(plan)}"]
    for section in plan_rows.sections(result):
        lines += ["", f"  {section.title}:", _row(_HEAD), _row(tuple("-" * width for width in _WIDTHS))]
        for row in section.rows:
            lines += _wrapped((row.when, row.target, row.action, _sides(row), row.reason))
    lines += [f"  warning: {warning}" for warning in plan.get("warnings", [])]
    lines += [f"  needs a drain: {holder}" for holder in result.get("refused", [])]
    lines += [f"  warning: no policy is given for this host: {_NO_POLICY}"] if has_no_policy(result) else []
    lines += [f"  not for this node: {name}: {why}" for name, why in result.get("skipped_policies", {}).items()]
    return "\n".join(lines)


def plan_markdown(result: dict[str, Any], node: str) -> str:
    """The same as a section of Markdown."""
    word = verdicts.verdict(result)
    plan = result.get("plan")
    if plan is None or result.get("failed"):
        return f"### {cell(node)}: {word}, {_NO_PLAN[word]}\n\n```text\n{verdicts.reason(result)}\n```\n"
    lines = [f"### {cell(node)}: {word}, {_summary(plan)}", ""]
    for section in plan_rows.sections(result):
        lines += [f"#### {section.title}", ""]
        lines += ["| when | object | what | before | after | why |", "|---|---|---|---|---|---|"]
        for row in section.rows:
            cells = (row.when, row.target, row.action, row.before, row.after, row.reason)
            lines.append(f"| {' | '.join(map(cell, cells))} |")
        lines.append("")
    for heading, texts in (("Warning", plan.get("warnings", [])), ("Needs a drain", result.get("refused", []))):
        lines += [f"- {heading}: {cell(text)}" for text in texts]
    lines += [f"- Warning: no policy is given for this host: {cell(_NO_POLICY)}"] if has_no_policy(result) else []
    skipped = result.get("skipped_policies", {})
    lines += [f"- Policy {cell(name)} is not for this node: {cell(why)}" for name, why in skipped.items()]
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


def cell(value: Any) -> str:
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


def _sides(row: plan_rows.StepRow) -> str:
    return "" if row.before == row.after == "none" else f"{row.before} -> {row.after}"


def _wrapped(cells: tuple[str, ...]) -> list[str]:
    """One step, over as many lines as its longest cell needs."""
    columns = [_lines(text, width) for text, width in zip(cells, _WIDTHS)]
    height = max(len(column) for column in columns)
    padded = [column + [""] * (height - len(column)) for column in columns]
    return [_row(tuple(row)) for row in zip(*padded)]


def _lines(text: str, width: int) -> list[str]:
    """The text in lines; a word that is longer than one goes on after a seam, such as a path's slash."""
    words = []
    for word in text.split():
        while len(word) > width:
            end = 1 + max(word.rfind(seam, 0, width) for seam in _SEAM)
            end = end if end > 1 else max([one.start() for one in _CAPITAL.finditer(word, 0, width + 1)], default=width)
            words.append(word[:end])
            word = word[end:]
        words.append(word)
    return textwrap.wrap(" ".join(words), width, break_on_hyphens=False, break_long_words=False) or [""]


def _row(cells: tuple[str, ...]) -> str:
    text = "  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS))
    return f"  {text}".rstrip()

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of all nodes as one text, or one page of Markdown: the verdict, then nodes of which the same is said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ..module_utils.policy.validation import ranges
from . import plan_table, verdicts

_MOST = 6  # runs of names in a heading
_NUMBERED = re.compile(r"(.*?)(\d{1,9})(\D*)")
_ANY = "\0"  # in the place of a node's name, where plans are compared
# What a person reads of a node's result; the rest does not tell two nodes apart.
_SHOWN = ("plan", "msg", "failed", "unreachable", "refused", "drain_allowed", "mistakes", "skipped_policies",
          "resources")  # fmt: skip


def text(told: Mapping[str, Any]) -> list[str]:
    """The lines for a terminal. told: the document of all plans."""
    lines = [*verdicts.summary(told), *_each(told, plan_table.plan_table)]
    return lines


def markdown(told: Mapping[str, Any]) -> str:
    """A page for a change request."""
    first = "  \n".join(plan_table.cell(line) for line in verdicts.summary(told))
    return "\n".join([first, *_each(told, plan_table.plan_markdown)]).rstrip("\n") + "\n"


def _each(told: Mapping[str, Any], shown: Callable[[dict[str, Any], str], str]) -> list[str]:
    lines: list[str] = []
    for name, cluster in told.get("clusters", {}).items():
        lines += ["", *shown(dict(cluster), f"cluster {name}").splitlines()]
    for hosts in groups(told["nodes"]):
        lines += ["", *shown(dict(told["nodes"][hosts[0]]), names(hosts)).splitlines()]
    return lines


def groups(nodes: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Nodes of which the same is said; first those that somebody has to look after, then those that would change."""
    found: dict[str, list[str]] = {}
    for host, node in nodes.items():
        pfs = sorted((str(pf.get("address")), str(pf.get("name"))) for pf in node.get("pfs", ()))
        key = json.dumps([{name: node.get(name) for name in _SHOWN}, pfs], sort_keys=True, default=str)
        found.setdefault(re.sub(rf"\b{re.escape(host)}\b", _ANY, key), []).append(host)
    worst = {word: -number for number, word in enumerate(verdicts.VERDICTS)}
    return sorted(found.values(), key=lambda hosts: worst[nodes[hosts[0]]["verdict"]])


def names(hosts: Sequence[str]) -> str:
    """node1 and node2 and node4 as node1-node2, node4 (3 nodes)."""
    if len(hosts) == 1:
        return hosts[0]
    runs: dict[tuple[str, int, str], list[int]] = {}
    matches = {host: _NUMBERED.fullmatch(host) for host in hosts}
    padded = {(found[1], len(found[2]), found[3]) for found in matches.values()
              if found and len(found[2]) > 1 and found[2][0] == "0"}  # fmt: skip
    told = [host for host, found in matches.items() if not found]
    for found in filter(None, matches.values()):
        key = (found[1], len(found[2]), found[3])  # 10 goes on after 09, and after 9
        runs.setdefault(key if key in padded else (found[1], 0, found[3]), []).append(int(found[2]))
    for (before, width, after), numbers in runs.items():
        for run in ranges(sorted(numbers)).split(","):
            ends = [f"{before}{int(end):0{width}}{after}" for end in run.split("-")]
            told.append(ends[0] if len(ends) == 1 else f"{ends[0]}-{ends[-1]}")
    more = f" and {len(told) - _MOST} more" if len(told) > _MOST else ""
    return f"{', '.join(told[:_MOST])}{more} ({len(hosts)} nodes)"

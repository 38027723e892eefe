# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan comes to, for a node and for a fleet, in one word that all forms of a plan share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

UNCHANGED, CHANGES, REFUSED, FAILED, UNREACHABLE = "unchanged", "changes", "refused", "failed", "unreachable"
# From the best to the worst: a fleet's is the worst of its nodes'.
VERDICTS = (UNCHANGED, CHANGES, REFUSED, FAILED, UNREACHABLE)
FORMAT = 1  # of the JSON file
_MOST = 5  # nodes that a sentence names

# What Ansible puts before the words of a filter or module that failed.
_WRAPPERS = re.compile(
    r"^((Task|Action|Module) failed: |Finalization of .*? failed: |Error while resolving .*?: "
    r"|The (filter|lookup) plugin '[^']*' failed: )+"
)
# Words of Ansible, sudo and shells where a node could not be asked at all, and what to do.
_NOT_ASKED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"minimum of Python|requires Python|Python 3\.9 or newer|SyntaxError|future feature annotations"),
        "Expected Python 3.9 or newer on the node; name one in ansible_python_interpreter.",
    ),
    (
        re.compile(r"interpreter.*not found|No such file or directory.*python|python3?: (command )?not found|Failed to "
                   r"(locate|find) .*[Pp]ython"),
        "Expected a Python at ansible_python_interpreter on the node; install Python 3.9 or newer, or name it there.",
    ),
    (re.compile(r"expected to run as root"), ""),
    (
        re.compile(r"[Ss]udo|become|a password is required|su: "),
        "Expected to become root on the node without a question; give --ask-become-pass, or let this user use sudo.",
    ),
    (
        re.compile(r"MODULE FAILURE|Traceback|deseriali[sz]e|Module result|exit code|rc=1"),
        "Expected an answer of the module; run again with -vvv to see what the node said.",
    ),
)  # fmt: skip


def verdict(result: Mapping[str, Any]) -> str:
    """Of one node.

    result: what the module sriov_node returned, or what stands in its place; drain_allowed: that site would drain it.
    """
    if result.get("unreachable"):
        return UNREACHABLE
    plan = result.get("plan")
    if plan is None or result.get("failed"):
        return FAILED if _remedy(result) is not None else REFUSED
    if plan.get("drain_required") and not result.get("drain_allowed"):
        return REFUSED
    return CHANGES if plan.get("steps") else UNCHANGED


def reason(result: Mapping[str, Any]) -> str:
    """Why there is no plan, and what to do where the node could not be asked."""
    text = without_wrappers(str(result.get("msg", "no reason given"))).rstrip()
    if result.get("unreachable"):
        return f"{text}\nExpected an answer over {_connection(result)}; see that the node is up, or leave it out."
    remedy = _remedy(result)
    return f"{text}\n{remedy}" if remedy else text


def without_wrappers(message: str) -> str:
    """A message without the words that Ansible puts before it."""
    return _WRAPPERS.sub("", message)


def _connection(result: Mapping[str, Any]) -> str:
    return "SSH" if "ssh" in str(result.get("msg", "")).lower() else "the connection"


def _remedy(result: Mapping[str, Any]) -> str | None:
    """What to do where a node could not be asked; None where it refuses."""
    if result.get("refused") or result.get("mistakes"):
        return None
    texts = " ".join(str(result.get(key, "")) for key in ("msg", "module_stderr", "module_stdout", "exception"))
    return next((remedy for pattern, remedy in _NOT_ASKED if pattern.search(texts)), None)


def document(
    results: Mapping[str, Any], hosts: Sequence[str], clusters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The plans of all nodes for a JSON file. results: by host; one without a result could not be asked. clusters: by
    name, what would change there besides nodes.
    """
    nodes = {}
    for host in hosts:
        result = dict(results.get(host) or {"failed": True, "msg": "the run ended before this node was asked"})
        word = verdict(result)
        nodes[host] = {**result, "failed": word in (FAILED, UNREACHABLE) or result.get("plan") is None, "verdict": word}
    counts = Counter(node["verdict"] for node in nodes.values())
    of_clusters = {name: {**found, "verdict": verdict(found)} for name, found in (clusters or {}).items()}
    words = [*counts, *(found["verdict"] for found in of_clusters.values())]
    return {
        "format": FORMAT,
        "verdict": max(words, key=VERDICTS.index, default=UNCHANGED),
        "counts": {word: counts[word] for word in VERDICTS},
        "nodes": nodes,
        "clusters": of_clusters,
    }


def summary(told: Mapping[str, Any]) -> list[str]:
    """The sentences that stand before the nodes. told: the document."""
    nodes: Mapping[str, Any] = told["nodes"]
    parts = []
    for word in VERDICTS:
        named = [host for host, node in nodes.items() if node["verdict"] == word]
        if named:
            which = f" ({_some(named)})" if word not in (UNCHANGED, CHANGES) else ""
            parts.append(f"{len(named)} {word}{which}")
    lines = [f"{told['verdict']}: {len(nodes)} node{'s' if len(nodes) != 1 else ''}: {', '.join(parts) or 'none'}"]
    for key, words in (("reboot_required", "need a reboot"), ("drain_required", "need a drain first")):
        named = [host for host, node in nodes.items() if (node.get("plan") or {}).get(key)]
        if named:
            lines.append(f"{len(named)} {words.replace('need', 'needs') if len(named) == 1 else words}: {_some(named)}")
    for name, found in told.get("clusters", {}).items():
        lines.append(f"cluster {name}: {found['verdict']}")
    return lines


def _some(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _MOST} more" if len(hosts) > _MOST else ""
    return ", ".join(hosts[:_MOST]) + more

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether steps are those that were approved; asked on the controller, and again on the node before the first write."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import Problem, RefusedError

MOST = 20  # sentences about one node
_VALUE_LIMIT = 60  # characters


def differences(approved: Sequence[Mapping[str, Any]], planned: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is not the same in two lists of steps, as results have them; a sentence each."""
    told, now = [*map(told_step, approved)], [*map(told_step, planned)]
    before, after = Counter(told), Counter(now)
    found = [f"approved, and no longer planned: {words}" for words in (before - after).elements()]
    found += [f"planned now, and not approved: {words}" for words in (after - before).elements()]
    if not found and told != now:
        found.append("the same steps, in another order than was approved")
    return found


def at_most(sentences: Sequence[str]) -> list[str]:
    """The first sentences, and how many there are besides."""
    return [*sentences[:MOST], *(f"and {len(sentences) - MOST} more" for more in range(len(sentences) > MOST))]


def require(target: str, approved: Sequence[Mapping[str, Any]], planned: Sequence[Mapping[str, Any]]) -> None:
    """Raises RefusedError where the steps to do are not the approved ones. target: what they are for."""
    remedy = "Something has changed since the plan was looked at: plan it again, and have that approved."
    found = at_most(differences(approved, planned))
    if found:
        raise RefusedError([Problem(target, "the approved steps and no others", words, remedy) for words in found])


def told_step(step: Mapping[str, Any]) -> str:
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
    return f"{len(text)} characters, SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row of what verify checks, whether a node or the cluster tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# WARNED is what somebody else has to mend: it is told, and nothing fails for it.
PASSED, FAILED, WARNED, SKIPPED = "passed", "failed", "warned", "skipped"
OUTCOMES = (PASSED, FAILED, WARNED, SKIPPED)
CLUSTER = "cluster"  # of rows that are about no node


@dataclass(frozen=True)
class CheckRow:
    """host: of the inventory, or CLUSTER; target: the object; remedy: what to do, "" where nothing is."""

    host: str
    check: str
    target: str
    outcome: str
    expected: str
    found: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For results and JSON."""
        return asdict(self)


def row(host: str, check: str, target: str, holds: bool, expected: str, found: str, remedy: str) -> CheckRow:
    """One that passed, without a remedy, or one that failed."""
    return CheckRow(host, check, target, PASSED if holds else FAILED, expected, found, "" if holds else remedy)


def warned(host: str, check: str, target: str, sentence: str) -> CheckRow:
    """One that somebody else has to mend, in a sentence that says how."""
    return CheckRow(host, check, target, WARNED, "", sentence)


def of_node(host: str, told: Mapping[str, Any]) -> CheckRow:
    """A row that a node has told."""
    names = ("check", "target", "outcome", "expected", "found", "remedy")
    return CheckRow(host, **{name: str(told.get(name, "")) for name in names})

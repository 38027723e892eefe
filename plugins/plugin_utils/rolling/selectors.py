# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes' label selectors, against labels that are here already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# source: Kubernetes, meta/v1 LabelSelectorRequirement.
_OPERATORS = {
    "In": lambda value, wanted: value in wanted,
    "NotIn": lambda value, wanted: value not in wanted,
    "Exists": lambda value, wanted: value is not None,
    "DoesNotExist": lambda value, wanted: value is None,
}


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str] | None) -> bool:
    """Whether a label selector fits; an empty one fits all, none at all nothing, and so does an unknown operator."""
    if selector is None:
        return False
    have = labels or {}
    if any(have.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for one in selector.get("matchExpressions") or []:
        fits = _OPERATORS.get(str(one.get("operator")))
        if fits is None or not fits(have.get(str(one.get("key"))), one.get("values") or []):
            return False
    return True

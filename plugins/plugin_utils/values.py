# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds that a value of a variable can be of, and a value in a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils.policy.validation import show

LIST, MAPPING, TEXT, NUMBER, BOOLEAN, NULL = "list", "mapping", "text", "number", "boolean", "null"
# In the order in which a value's kind is looked for: a bool is an int.
_TYPES: dict[str, Any] = {
    NULL: type(None), BOOLEAN: bool, TEXT: str, MAPPING: Mapping, LIST: (list, tuple), NUMBER: (int, float)
}  # fmt: skip


def kind_of(value: Any) -> str:
    """The kind of a value; "" for what no variable may be."""
    return next((kind for kind, types in _TYPES.items() if isinstance(value, types)), "")


def found_value(value: Any) -> str:
    """A value for a message, in YAML's words."""
    kind = kind_of(value)
    if kind == NULL:
        return "nothing (null)"
    if kind == BOOLEAN:
        return "true" if value else "false"
    return f"a {kind}, {show(value)}" if kind in (LIST, MAPPING) else show(value)

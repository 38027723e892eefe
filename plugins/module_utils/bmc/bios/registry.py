# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attribute registry of a BIOS: what each attribute may be. Values are judged by it before anything is sent."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Union

from ..redfish.client import Tree, items, mapping, text

Value = Union[str, int, bool]
PASSWORD = "Password"


@dataclass(frozen=True)
class RegistryEntry:
    """One attribute of a registry. values: names and texts of an enumeration, in pairs."""

    name: str
    kind: str
    display: str = ""
    read_only: bool = False
    values: tuple[tuple[str, str], ...] = ()
    lower: int | None = None
    upper: int | None = None

    def allowed(self, current: Any) -> list[str]:
        """The values of an enumeration, in the form that the current one has: some BMCs' attributes hold the texts."""
        names, texts = [one[0] for one in self.values], [one[1] for one in self.values]
        return texts if current not in names and current in texts else names

    def problem(self, value: Any, current: Any) -> tuple[str, str] | None:
        """What is expected and what to do, where a value is wrong."""
        if self.read_only:
            return "an attribute that may be changed", (
                "The registry says that it is read-only. That may be for now: a lockdown mode of the BMC, or a job that"
                " waits, does that to all attributes."
            )
        if self.kind == PASSWORD:
            return "an attribute that is no password", "Change passwords with the vendor's own tools."
        if self.kind == "Enumeration" and self.values:
            return _of_enumeration(self.allowed(current), value)
        if self.kind == "Boolean" and not isinstance(value, bool):
            return "true or false", "Write it without quotes."
        if self.kind == "String" and not isinstance(value, str):
            return "a text", "Put it in quotes."
        if self.kind == "Integer":
            return self._of_integer(value)
        return None

    def _of_integer(self, value: Any) -> tuple[str, str] | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return "a whole number", "Write it without quotes."
        low, high = self.lower, self.upper
        if (low is not None and value < low) or (high is not None and value > high):
            return f"a whole number {_range(low, high)}", "Correct it."
        return None


Registry = dict[str, RegistryEntry]


def _range(low: int | None, high: int | None) -> str:
    """In words; a registry may give one bound alone."""
    if low is None or high is None:
        return f"of at most {high}" if low is None else f"of at least {low}"
    return f"from {low} to {high}"


def _of_enumeration(allowed: list[str], value: Any) -> tuple[str, str] | None:
    if value in allowed and not isinstance(value, bool):
        return None
    near = [one for one in allowed if one.lower() == str(value).lower()]
    near = near or difflib.get_close_matches(str(value), allowed, 1)
    return f"one of {', '.join(allowed[:20])}", f"Did you mean {near[0]}?" if near else "Correct it."


def parse(told: Tree) -> Registry:
    """The registry by the names of its attributes; what is no attribute is passed over."""
    found = {}
    for one in items(told, "RegistryEntries", "Attributes"):
        name = text(one, "AttributeName")
        if name:
            found[name] = RegistryEntry(
                name, text(one, "Type"), text(one, "DisplayName"),
                one.get("ReadOnly") is True or one.get("GrayOut") is True,
                tuple((text(value, "ValueName"), text(value, "ValueDisplayName"))
                      for value in items(one, "Value") if text(value, "ValueName")),
                _number(one, "LowerBound"), _number(one, "UpperBound"),
            )  # fmt: skip
    return found


def _number(one: Any, name: str) -> int | None:
    value = mapping(one).get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None

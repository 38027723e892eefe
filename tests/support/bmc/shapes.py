# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What BMCs of each vendor answer, as data: one file for each, and for each fact where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import tomllib

FOLDER = Path(__file__).parent / "vendors"


@dataclass(frozen=True)
class Shape:
    """A vendor's BMC. The defaults are what the standard says, and no more."""

    vendor: str = ""
    bios: str = "Bios"  # the last part of the link to the BIOS
    settings: str = "Settings"  # the last part of the link to what is staged
    staged: str = "full"  # or "deltas": whether the settings object has all attributes or the staged ones alone
    apply_times: tuple[str, ...] = ()
    needs_apply_time: bool = False  # without one, values are staged and no reset applies them
    answer: int = 204  # to a PATCH
    answer_message: str = ""  # the MessageId in its body
    job_lock: bool = False  # a scheduled job refuses further changes
    etag: str = ""  # of the settings object: "header", "body", or none
    if_match: bool = False  # a PATCH without one is refused
    sessions: bool = True
    keeps_alive: bool = True  # whether a connection takes more than one request
    value_names: str = ""  # "numbers": the registry's ValueName is a number, attributes hold the text
    registry_version_differs: bool = False
    resets: int = 1  # of the host, until the values are in effect
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)


def names() -> list[str]:
    """The vendors that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def facts(vendor: str) -> dict[str, Any]:
    """Name -> value and source; and the attributes."""
    return tomllib.loads((FOLDER / f"{vendor}.toml").read_text())


@cache
def shape(vendor: str) -> Shape:
    """The BMC of a vendor. Raises TypeError for a fact that none has."""
    told = facts(vendor)
    attributes = told.pop("attributes")
    kinds = {one.name: one.type for one in fields(Shape)}
    values = {name: fact["value"] for name, fact in told.items()}
    return Shape(attributes=attributes, **{
        name: tuple(value) if "tuple" in str(kinds.get(name)) else value for name, value in values.items()
    })  # fmt: skip


def registry(of: Shape, read_only: set[str]) -> dict[str, Any]:
    """The attribute registry of a BMC. read_only: what is so for now."""
    entries = []
    for name, told in of.attributes.items():
        entry: dict[str, Any] = {
            "AttributeName": name, "DisplayName": told["display"], "Type": told.get("type", "Enumeration"),
            "ReadOnly": told.get("read_only", False) or name in read_only, "ResetRequired": True,
        }  # fmt: skip
        if "values" in told:
            entry["Value"] = [
                {"ValueName": str(number) if of.value_names else value, "ValueDisplayName": value}
                for number, value in enumerate(told["values"])
            ]
        if "range" in told:
            entry["LowerBound"], entry["UpperBound"] = told["range"]
        entries.append(entry)
    return {"Id": "BiosAttributeRegistry.v1_0_0", "RegistryEntries": {"Attributes": entries}}

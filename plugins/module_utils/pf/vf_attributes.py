# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a VF that are made through its PF: one row for each, which all that deals with them reads. Pure.

A new one is a row here, its field in `model.goal.VfAttributes`, and its text in the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..host.ip_link import as_kind
from ..model.frozen import dataclass
from ..model.goal import NO_MAC, VfAttributes

HIGHEST_RATE = 4_000_000  # Mbit/s, far above any NIC


@dataclass(frozen=True)
class Attribute:
    """One of them."""

    name: str  # in policies, modules, results and the record, and the field of VfAttributes
    kind: type  # of its value
    parse: Callable[[Any, str], Any]  # from the user's `validation.Fields` by its name, with its mistakes
    told: tuple[str, ...]  # where `ip -j -d link show` has it in an object of vfinfo_list; of a list, in the first
    default: Any = None  # of a new VF, and where a driver does not tell; None: it depends on the driver
    word: str = ""  # for `ip link set dev PF vf N`, where it is not the name
    joins: str = ""  # the attribute in whose command it is set: the kernel has one setting for both
    disturbs: bool = False  # whoever uses the VF notices a change


def _number(low: int, high: int) -> Callable[[Any, str], Any]:
    return lambda fields, name: fields.number(name, low, high)


def _flag(fields: Any, name: str) -> Any:
    return fields.flag(name, None)


# In the order of plans. Source of the words: ip-link(8).
ATTRIBUTES = (
    # A VF's kernel driver reads a new address when it is bound again.
    Attribute("mac", str, lambda fields, name: fields.mac(name), ("address",), NO_MAC, disturbs=True),
    # Another VLAN cuts off whoever is in the old one.
    Attribute("vlan", int, _number(0, 4094), ("vlan_list", "vlan"), 0, disturbs=True),
    Attribute("qos", int, _number(0, 7), ("vlan_list", "qos"), 0, joins="vlan"),
    Attribute("spoofchk", bool, _flag, ("spoofchk",)),
    Attribute("trust", bool, _flag, ("trust",), False),
    Attribute("min_tx_rate", int, _number(0, HIGHEST_RATE), ("rate", "min_tx"), 0, joins="max_tx_rate"),
    Attribute("max_tx_rate", int, _number(0, HIGHEST_RATE), ("rate", "max_tx"), 0),
)
VF_DEFAULTS = {row.name: row.default for row in ATTRIBUTES}
DISTURBING = {row.name for row in ATTRIBUTES if row.disturbs}


def read(item: Mapping[str, Any]) -> VfAttributes:
    """What `ip` tells of a VF; None for what the PF's driver does not tell, and for all where there is no VF."""
    # Without a VLAN there is none of its keys; iproute2 before 5.0 has no list of them.
    known = {"vlan_list": item, **item} if item else {}
    found = {row.name: _find(known, *row.told) for row in ATTRIBUTES}
    if item:
        found = {**found, "vlan": found["vlan"] or 0, "qos": found["qos"] or 0}
    return VfAttributes(**{row.name: as_kind(row.kind, found[row.name]) for row in ATTRIBUTES})


def _find(value: Any, *path: str) -> Any:
    for name in path:
        first = value[0] if isinstance(value, list) and value else value
        value = first.get(name) if isinstance(first, Mapping) else None
    return value.lower() if isinstance(value, str) else value


def commands(settings: Mapping[str, Any]) -> list[list[str]]:
    """The words of `ip link set dev PF vf N`, one command for each setting of the kernel, so that a failing one is
    named.
    """
    found: dict[str, list[str]] = {}
    for row in ATTRIBUTES:
        if row.name in settings:
            words = found.setdefault(row.joins or row.name, [])
            place = len(words) if row.joins else 0
            words[place:place] = [row.word or row.name, text(settings[row.name])]
    return list(found.values())


def text(value: Any) -> str:
    """A value as `ip` has it, and as plans show it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def contradictions(wanted: VfAttributes) -> list[tuple[str, str]]:
    """What can't be true of one VF: the attribute, and what is wrong with it."""
    low, high = wanted.min_tx_rate or 0, wanted.max_tx_rate or 0
    cases = (
        (wanted.qos and not wanted.vlan, "qos", "needs a vlan other than 0: the priority is in the VLAN tag"),
        (0 < high < low, "min_tx_rate", f"expected at most max_tx_rate ({high}), found {low}"),
    )
    return [(name, problem) for holds, name, problem in cases if holds]

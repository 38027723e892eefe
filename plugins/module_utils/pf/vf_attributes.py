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

VLAN_PROTO = "802.1q"  # the usual one
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
    at_bind: bool = False  # the VF's driver reads it as it is bound
    sysfs: str = ""  # the VF's attribute that takes it while no driver is bound, where `ip` knows none; never reported


def _number(low: int, high: int) -> Callable[[Any, str], Any]:
    return lambda fields, name: fields.number(name, low, high)


def _flag(fields: Any, name: str) -> Any:
    return fields.flag(name, None)


def _choice(*words: str) -> Callable[[Any, str], Any]:
    return lambda fields, name: fields.choice(name, words, "") or None


# In the order of plans. Source of the words: ip-link(8).
ATTRIBUTES = (
    Attribute("mac", str, lambda fields, name: fields.mac(name), ("address",), NO_MAC, disturbs=True, at_bind=True),
    # Another VLAN cuts off whoever is in the old one.
    Attribute("vlan", int, _number(0, 4094), ("vlan_list", "vlan"), 0, disturbs=True),
    Attribute("qos", int, _number(0, 7), ("vlan_list", "qos"), 0, joins="vlan"),
    Attribute("spoofchk", bool, _flag, ("spoofchk",)),
    Attribute("trust", bool, _flag, ("trust",), False),
    Attribute("min_tx_rate", int, _number(0, HIGHEST_RATE), ("rate", "min_tx"), 0, joins="max_tx_rate"),
    Attribute("max_tx_rate", int, _number(0, HIGHEST_RATE), ("rate", "max_tx"), 0),
    Attribute("vlan_proto", str, _choice(VLAN_PROTO, "802.1ad"), ("vlan_list", "protocol"), VLAN_PROTO, word="proto",
              joins="vlan", disturbs=True),
    Attribute("link_state", str, _choice("auto", "enable", "disable"), ("link_state",), "auto", word="state",
              disturbs=True),
    # Linux Documentation/ABI/testing/sysfs-bus-pci, sriov_vf_msix_count: 5.13, mlx5.
    Attribute("msix_count", int, _number(0, 2048), (), 0, disturbs=True, at_bind=True, sysfs="sriov_vf_msix_count"),
)  # fmt: skip
VF_DEFAULTS = {row.name: row.default for row in ATTRIBUTES}
AT_BIND = {row.name for row in ATTRIBUTES if row.at_bind}
DISTURBING = {row.name for row in ATTRIBUTES if row.disturbs}


def read(item: Mapping[str, Any]) -> VfAttributes:
    """What `ip` tells of a VF; None for what the PF's driver does not tell, and for all where there is no VF."""
    if not item:
        return VfAttributes()
    # Without a VLAN there is none of its keys; iproute2 before 5.0 has no list of them.
    known = item if "vlan_list" in item else {"vlan_list": item, **item}
    found: dict[str, Any] = {
        row.name: as_kind(row.kind, _find(known, *row.told)) for row in ATTRIBUTES if row.told
    }
    # iproute2 names the usual protocol of a VLAN not at all (ip/ipaddress.c, print_vfinfo).
    found["vlan_proto"] = (found["vlan_proto"] or VLAN_PROTO) if found["vlan"] else None
    found.update(vlan=found["vlan"] or 0, qos=found["qos"] or 0)
    return VfAttributes(**found)


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
        if row.name in settings and not row.sysfs:
            words = found.setdefault(row.joins or row.name, [])
            place = len(words) if row.joins else 0
            words[place:place] = [row.word or row.name, text(settings[row.name])]
    return list(found.values())


def with_joined(after: Mapping[str, Any], now: VfAttributes) -> dict[str, Any]:
    """The settings, with those that the kernel would otherwise set back: it has one for a VLAN and all about it."""
    found = dict(after)
    if {"vlan", "qos", "vlan_proto"} & set(found):
        found.setdefault("vlan", now.vlan or 0)
        found.setdefault("qos", (now.qos if found["vlan"] else None) or 0)
        if found["vlan"] and now.vlan_proto not in (None, VLAN_PROTO):
            found.setdefault("vlan_proto", now.vlan_proto)
    return found


def text(value: Any) -> str:
    """A value as `ip` has it, and as plans show it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def contradictions(wanted: VfAttributes) -> list[tuple[str, str]]:
    """What can't be true of one VF: the attribute, and what is wrong with it."""
    low, high = wanted.min_tx_rate or 0, wanted.max_tx_rate or 0
    cases = (
        (wanted.qos and not wanted.vlan, "qos", "needs a vlan other than 0: the priority is in the VLAN tag"),
        (wanted.vlan_proto and not wanted.vlan, "vlan_proto", "needs a vlan other than 0: it is the tag's"),
        (0 < high < low, "min_tx_rate", f"expected at most max_tx_rate ({high}), found {low}"),
    )
    return [(name, problem) for holds, name, problem in cases if holds]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selectors: what a resource pool takes, as pure tests over one device.

Values within one list are alternatives, lists of one object must all agree, objects of a list are tried in
order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, Optional

from ..host.discovery import Device

MAX_INDEX = 65535  # PCI SR-IOV's NumVFs is a 16-bit number
MAX_ITEM = 4096  # characters of one list item; 256 separate indexes fit
_EVERY = range(-1, MAX_INDEX + 1)  # without a list: also a VF whose index is not known
_RANGE = re.compile(r"\+?([0-9]{1,9})(?:-\+?([0-9]{1,9}))?")

Test = Callable[[Device], bool]
Read = Callable[[Device], str]  # what of a device is compared
# That and the values of one list -> the test; raises ValueError, "[index]: what is wrong", for one without a meaning.
Compile = Callable[[Read, Sequence[str]], Test]
# One value -> what is odd with it, or None: odd values are allowed, but match nothing.
Doubt = Callable[[str], Optional[str]]


@dataclass(frozen=True)
class Selector:
    """One selector object of the configuration, compiled."""

    tests: tuple[tuple[str, Test], ...] = ()
    flags: frozenset[str] = frozenset()  # keys of the true booleans and of the choices that were made

    def rejection(self, device: Device) -> str | None:
        """The key of the first field that rejects the device; None where all agree."""
        return next((key for key, test in self.tests if not test(device)), None)


def one_of(read: Read, values: Sequence[str]) -> Test:
    """Exact, case-sensitive membership; unknown ("") never matches."""
    wanted = frozenset(values) - {""}
    return lambda device: read(device) in wanted


def indexed(read: Read, values: Sequence[str]) -> Test:
    """`PF[#LIST]`, where LIST is comma-separated VF indexes and inclusive ranges.

    The PF is compared without regard to case. Items that name the same PF are united (the Go plugin uses the
    first alone). Raises ValueError for text that is not of this form: it would silently match nothing.
    """
    wanted: dict[str, list[range]] = {}
    for number, item in enumerate(values):
        try:
            name, ranges = parse_item(item)
        except ValueError as error:
            raise ValueError(f"[{number}]: {error}") from None
        wanted.setdefault(name, []).extend(ranges)

    def test(device: Device) -> bool:
        parent = read(device).lower()
        return parent != "" and any(device.vf_index in allowed for allowed in wanted.get(parent, ()))

    return test


@dataclass(frozen=True)
class Field:
    """A selector field that filters: its JSON key, and how its list becomes a test."""

    key: str
    read: Read
    doubt: Doubt = lambda value: None
    compile: Compile = one_of


def parse_item(item: str) -> tuple[str, list[range]]:
    """`PF[#LIST]` as the lower-case PF and its index ranges. Raises ValueError with what is wrong."""
    if len(item) > MAX_ITEM:
        raise ValueError(f"longer than {MAX_ITEM} characters")
    name, mark, listed = item.partition("#")
    if not name:
        raise ValueError(f"{item!r} names no PF; expected PF or PF#0,2-4")
    if not mark:
        return name.lower(), [_EVERY]
    return name.lower(), [_parse_range(item, entry) for entry in listed.split(",")]


def _parse_range(item: str, entry: str) -> range:
    match = _RANGE.fullmatch(entry)
    if match is None:
        raise ValueError(f"{item!r}: {entry!r} is no VF index or range; expected PF#0,2-4 without blanks")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if last < first:
        raise ValueError(f"{item!r}: the range {entry} selects nothing; expected {last}-{first}?")
    if last > MAX_INDEX:
        raise ValueError(f"{item!r}: VF index {last} is above {MAX_INDEX}, the most that PCI allows")
    return range(first, last + 1)

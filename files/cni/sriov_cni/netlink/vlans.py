# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of VLANs as texts, like `10,20-30`."""

from __future__ import annotations

MOST = 4094  # 0 and 4095 are reserved (IEEE 802.1Q, table 9-2)


def parse(text: str, least: int = 1, most: int = MOST) -> str:
    """A text like `10,20-30` in its one form: sorted, joined. Raises ValueError."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = [_vlan(number, least, most) for number in (first, last if dash else first)]
        if low > high:
            raise ValueError(f"the range {part} runs backwards")
        found.update(range(low, high + 1))
    return to_text(found)


def _vlan(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not least <= int(text) <= most:
        raise ValueError(f"'{text[:20]}' is no VLAN from {least} to {most}")
    return int(text)


def to_set(text: str) -> set[int]:
    """The VLANs of a text as parse() gives it."""
    return {vlan for low, high in ranges(text) for vlan in range(low, high + 1)}


def ranges(text: str) -> list[tuple[int, int]]:
    """First and last of each range of a text as parse() gives it."""
    parts = [part.partition("-") for part in text.split(",") if part]
    return [(int(first), int(last or first)) for first, _dash, last in parts]


def to_text(vlans: set[int]) -> str:
    """The one form of a set."""
    found: list[list[int]] = []
    for vlan in sorted(vlans):
        if found and found[-1][1] == vlan - 1:
            found[-1][1] = vlan
        else:
            found.append([vlan, vlan])
    return ",".join([str(low) if low == high else f"{low}-{high}" for low, high in found])

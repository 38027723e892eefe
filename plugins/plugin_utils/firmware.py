# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running system lacks of the firmware, beside what the BMC tells of the BIOS: which menu entry is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LOOK, OK = "look", "ok"
# Neutral word -> the row of the preflight that proves it in the kernel.
ROWS = {
    "cpu_virtualization": "CPU virtualization",
    "iommu": "IOMMU in the firmware",
    "interrupt_remapping": "interrupt remapping",
    "x2apic": "x2APIC",
    "sriov": "PFs",
}


def differences(
    checks: Sequence[Mapping[str, Any]], bios: Mapping[str, Any], wish: Mapping[str, Any] | None = None,
    others: bool = False,
) -> list[str]:  # fmt: skip
    """A sentence for each word that the running system does not have. bios: a result of sriov_bios; wish: words, of
    which those alone are compared that shall be on; others: the words that it does not name are compared as well.
    """
    if bios.get("failed"):
        return [f"the BMC could not be asked: {bios.get('msg')}"]
    words = bios.get("words") or {}
    found = []
    for word, item in ROWS.items():
        row = next((one for one in checks if one.get("item") == item), None)
        is_asked = wish is None or wish.get(word, others) is True
        if is_asked and row is not None and row.get("verdict") == LOOK:
            found.append(f"{item}: {row.get('found')}. {_told(word, words.get(word) or {}, bios)}")
    return found


def _told(word: str, attributes: Mapping[str, Any], bios: Mapping[str, Any]) -> str:
    """What the BMC tells of the attributes that a word means."""
    if not attributes:
        return "The BMC has no attribute for it that is known: look in the BIOS setup."
    waiting = bios.get("waiting") or {}
    steps = (bios.get("plan") or {}).get("steps") or []
    to_do = {step.get("target") for step in steps if step.get("kind") == "bios_setting"}
    shown = ", ".join(f"{name} is {value!r}" for name, value in attributes.items())
    off = [name for name in attributes if name in waiting]
    if off and not to_do & set(off):
        return f"The BMC tells that {shown}, and that it changes with the next reset of the host."
    if off:
        return f"The BMC tells that {shown}: set sriov_bios_settings: {{{word}: true}}, and run site or provision."
    return (
        f"The BMC tells that {shown}, in effect: look for what else it depends on, and whether that system is the one "
        "behind this BMC."
    )

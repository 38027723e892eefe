# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The BIOS's part of a node's plan: its steps come first, since all else waits for what the firmware gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils.bmc.bios_module import PART


def with_bios(answer: Mapping[str, Any], bios: Any) -> dict[str, Any]:
    """The result of a node with that of sriov_bios for its BMC. One that can't be brought to its settings refuses the
    node, with the reason; without a result nothing is added, nor to a node that has no plan.
    """
    found = dict(answer)
    if not isinstance(bios, Mapping) or "failed" not in bios or answer.get("unreachable"):
        return found
    if bios["failed"]:
        words = f"BIOS: {bios.get('msg', 'no reason given')}"
        refused = [*(answer.get("refused") or []), words]
        told = [str(answer["msg"])] if answer.get("failed") and answer.get("msg") else []
        return {**found, "failed": True, "msg": "\n".join([*told, words]), "refused": refused}
    plan, own = answer.get("plan"), bios.get("plan")
    if not isinstance(plan, Mapping) or not isinstance(own, Mapping):
        return found
    due = bool(answer.get("reboot_required")) or bool(own.get("reboot_required"))
    merged = {
        **plan,
        "steps": [*(own.get("steps") or ()), *(plan.get("steps") or ())],
        "warnings": [*(own.get("warnings") or ()), *(plan.get("warnings") or ())],
        "reboot_required": bool(plan.get("reboot_required")) or bool(own.get("reboot_required")),
    }
    changed = bool(answer.get("changed") or bios.get("changed"))
    return {**found, "plan": merged, "reboot_required": due, "changed": changed}


def is_of_the_bios(step: Mapping[str, Any]) -> bool:
    """Whether a step of a plan is of this part."""
    return step.get("part") == PART

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends: errors become failures in words, a plan becomes a result with a diff.

The module object is handed in, never imported: this file runs without Ansible as well.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from ..model.errors import InvalidSpecError, RefusedError, SriovError
from ..model.plan import AFTER_REBOOT, WHEN_FREE, Plan, Reboot

_LATER = {AFTER_REBOOT: " (after the reboot)", WHEN_FREE: " (when nobody has it)"}


class Module(Protocol):
    """What we use of an AnsibleModule."""

    params: dict[str, Any]
    check_mode: bool
    _diff: bool

    def exit_json(self, **result: Any) -> Any:
        """End the module with a result."""

    def fail_json(self, msg: str, **result: Any) -> Any:
        """End the module with a failure."""

    def warn(self, warning: str) -> None:
        """Show a warning with the result."""


def fail(module: Module, error: SriovError) -> None:
    """End the module with the error, and with each mistake or refusal as an item of its own."""
    more: dict[str, Any] = {}
    if isinstance(error, InvalidSpecError):
        more["mistakes"] = [vars(mistake) for mistake in error.mistakes]
    elif isinstance(error, RefusedError):
        more["refused"] = [str(problem) for problem in error.problems]
    module.fail_json(msg=str(error), **more)


def finish(module: Module, plan: Plan, **more: Any) -> None:
    """End the module with what the plan did or would do; a reboot is for the caller, and no change yet."""
    for warning in plan.warnings:
        module.warn(warning)
    result: dict[str, Any] = {
        "changed": bool(plan.pending),
        "plan": plan.as_dict(),
        "reboot_required": plan.reboot_required,
        **more,
    }
    if module._diff:
        result["diff"] = diff(plan)
    module.exit_json(**result)


def diff(plan: Plan) -> list[dict[str, str]]:
    """Before and after of each step, as Ansible shows them."""
    named = (
        (step, f"{step.key}{_LATER.get(step.stage, '')}")
        for step in plan.steps
        if not isinstance(step, Reboot)
    )
    return [
        {
            "before_header": header,
            "before": _text(step.before),
            "after_header": f"{header}: {step.action}",
            "after": _text(step.after),
        }
        for step, header in named
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and value.endswith("\n"):
        return value
    return json.dumps(value, sort_keys=True) + "\n"

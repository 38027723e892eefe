# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules for a node share: one run for an AnsibleModule that is handed in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..host.host import Host
from ..model import approval
from ..model.errors import HostError, SriovError
from ..model.plan import NODE, Plan
from ..node.run import Concerns, MakeGoal, Outcome, run
from .results import Module, fail, finish


def run_module(
    module: Module,
    make_goal: MakeGoal,
    concerns: Concerns,
    facts: Callable[[Outcome], dict[str, Any]] = Outcome.facts,
    host: Host | None = None,
) -> None:
    """Run, and end the module with its result or its one error. facts: what the result tells besides the plan."""
    if host is None and os.geteuid() != 0:
        fail(module, not_root(os.geteuid()))
        return
    params = module.params or {}
    try:
        if module.check_mode and params.get("bundles") is not None:
            from .parts import plan_module  # most calls are for one part

            plan_module(module, make_goal, concerns, host or Host())
            return
        outcome = run(
            host or Host(),
            make_goal,
            concerns,
            check=module.check_mode,
            ssh_connection=os.environ.get("SSH_CONNECTION", ""),
            agreed=partial(_agreed, params.get("approved")),
        )
    except SriovError as error:
        fail(module, error)
    else:
        finish(module, replace(outcome.plan, warnings=outcome.warnings), **facts(outcome))


def _agreed(approved: list[dict[str, Any]] | None, plan: Plan) -> None:
    """Raises RefusedError where these are not the steps that were approved."""
    if approved is not None:
        own = [step for step in approved if step.get("part", NODE) == NODE and not step.get("bundle")]
        approval.require("the node", own, plan.as_dict()["steps"])


def not_root(user: int) -> HostError:
    return HostError(
        "the module",
        "to run as root",
        f"the user {user}",
        "Set become: true, and let the user that Ansible connects as use sudo.",
    )


def given(value: Any) -> Any:
    """Options without the None that Ansible gives to those that the user left out."""
    if isinstance(value, dict):
        return {key: given(item) for key, item in value.items() if item is not None}
    return [given(item) for item in value] if isinstance(value, list) else value

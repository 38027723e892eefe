# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sriov_node, sriov_vfs and sriov_driver share: one run for an AnsibleModule that is handed in."""

from __future__ import annotations

import os
from typing import Any

from ..host.host import Host
from ..model.errors import SriovError
from ..node.run import MakeGoal, run
from .results import diff, fail


def run_module(module: Any, make_goal: MakeGoal, *, kernel_side: bool, host: Host | None = None) -> None:
    """Run, and end the module with its result or its one error. `module`: an AnsibleModule."""
    try:
        outcome = run(
            host or Host(),
            make_goal,
            check=module.check_mode,
            kernel_side=kernel_side,
            ssh_connection=os.environ.get("SSH_CONNECTION", ""),
        )
    except SriovError as error:
        fail(module, error)
    else:
        result = outcome.as_dict()
        for warning in result.pop("warnings"):
            module.warn(warning)
        if module._diff:
            result["diff"] = diff(outcome.plan)
        module.exit_json(**result)


def given(value: Any) -> Any:
    """Options without the None that Ansible gives to those that the user left out."""
    if isinstance(value, dict):
        return {key: given(item) for key, item in value.items() if item is not None}
    return [given(item) for item in value] if isinstance(value, list) else value

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the device plugin takes its options: what its role's tasks check, without a task for each host of a fleet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ..module_utils.host.host import Host
from . import role_parts

_ASSERT, _COMMAND, _FAIL = "ansible.builtin.assert", "ansible.builtin.command", "ansible.builtin.fail"


def mistake(variables: Mapping[str, Any]) -> str:
    """What is wrong, in the role's own words; "" where nothing is. variables: as the role's tasks have them."""
    templar = Templar(loader=DataLoader(), variables=dict(variables))
    if not templar.template(variables["device_plugin_customised"]):
        return ""
    for task in _tasks():
        checked = task.get(_ASSERT)
        if checked and not all(templar.evaluate_conditional(condition) for condition in checked["that"]):
            return str(templar.template(checked["fail_msg"]))
        for called in task.get("block", ()):
            argv = [str(word) for word in templar.template(called[_COMMAND]["argv"])]
            done = Host().run(argv, check=False, variables=os.environ)
            if done.status:
                result = {"ansible_failed_result": {"stderr_lines": done.stderr.splitlines(), "msg": "no reason given"}}
                return str(Templar(loader=DataLoader(), variables={**variables, **result}).template(_refusal(task)))
    return ""


@lru_cache(maxsize=1)
def _tasks() -> list[dict[str, Any]]:
    path = role_parts.ROLES / "device_plugin" / "tasks" / "validate.yml"
    found: list[dict[str, Any]] = DataLoader().load_from_file(str(path), trusted_as_template=True)
    return found


def _refusal(task: Mapping[str, Any]) -> Any:
    return next(rescue[_FAIL]["msg"] for rescue in task["rescue"])

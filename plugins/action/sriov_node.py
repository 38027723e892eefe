# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_node: the module as it is; a node that is lost in the middle of a rolling change is a failure in words."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import lost_nodes


class ActionModule(ActionBase):
    """The action plugin; documented in plugins/modules/sriov_node.py."""

    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; the result is its own."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        base: Any = self
        wrap = bool(base._task.async_val)
        result.update(lost_nodes.asked(lambda: base._execute_module(task_vars=task_vars, wrap_async=wrap), task_vars))
        return result

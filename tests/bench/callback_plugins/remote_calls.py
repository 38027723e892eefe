# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes each module execution on a node, for the figure `site.remote_calls`.

One task can execute several modules (an action plugin) or none (a debug), so tasks can't be counted: this wraps the one
method through which every module execution goes. The workers are forked after callbacks are loaded and inherit it.
"""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: remote_calls
type: aggregate
short_description: Notes each module execution in a file
description: Appends one line, transport and module name, per module execution to the file REMOTE_CALLS_LOG.
options: {}
"""

LOG = os.environ.get("REMOTE_CALLS_LOG", "")
_execute_module = ActionBase._execute_module


def _noting_execute_module(self: ActionBase, module_name: str | None = None, *args: Any, **kwargs: Any) -> Any:
    name = module_name or self._task.action
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(f"{self._connection.transport} {name}\n")
    return _execute_module(self, module_name, *args, **kwargs)


class CallbackModule(CallbackBase):
    """Loaded for its effect on ActionBase."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "remote_calls"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        if LOG and ActionBase._execute_module is _execute_module:
            ActionBase._execute_module = _noting_execute_module  # type: ignore[method-assign]

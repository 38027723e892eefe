# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes how long each task took, for the figure `node.nochange_ratio`."""

from __future__ import annotations

import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_seconds
type: aggregate
short_description: Notes the seconds of each task in a file
description: Appends one line, action and seconds, per task to the file TASK_SECONDS_LOG.
options: {}
"""

LOG = os.environ.get("TASK_SECONDS_LOG", "")


class CallbackModule(CallbackBase):
    """From the start of a task to its first result."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_seconds"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self.started = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        seconds = time.monotonic() - self.started
        if LOG:
            with open(LOG, "a", encoding="utf-8") as log:
                log.write(f"{result._task.action} {seconds:.6f}\n")

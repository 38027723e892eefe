# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_verdict: end a host as its plan says; its reasons were told before."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.baremetal.sriov.plugins.plugin_utils import verdicts

_SPEC = {
    "answer": {"type": "dict", "required": True},
    "cluster": {"type": "str", "choices": list(verdicts.VERDICTS), "default": verdicts.UNCHANGED},
    "fail_on_changes": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """The action plugin; documented in plugins/modules/sriov_verdict.py."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Of the host's own verdict and that of its cluster the worse one."""
        base: Any = self
        asked = base.validate_argument_spec(argument_spec=_SPEC)[1]
        own, host = verdicts.verdict(asked["answer"]), (task_vars or {}).get("inventory_hostname", "the host")
        word = max(own, asked["cluster"], key=verdicts.VERDICTS.index)
        result: dict[str, Any] = {"changed": False, "verdict": word}
        if word == verdicts.UNREACHABLE:
            # Counted as what it is: the exit status is 4.
            result.update(unreachable=True, msg=f"{host}: could not be reached; its reasons stand above")
        elif word in (verdicts.REFUSED, verdicts.FAILED):
            whose = host if own == word else f"the cluster of {host}"
            result.update(failed=True, msg=f"{whose}: {word}; its reasons stand above")
        elif word == verdicts.CHANGES and asked["fail_on_changes"]:
            result.update(failed=True, msg=f"{host} would change; its plan stands above")
        return result

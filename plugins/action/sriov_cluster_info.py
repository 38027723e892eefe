# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_cluster_info: objects of a cluster by their names, all by one task."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.baremetal.sriov.plugins.plugin_utils import cluster, cluster_objects
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.api import ApiError, ClusterApi

_SPEC = {
    "access": {"type": "dict", "required": True, "no_log": True},
    "wait_timeout": {"type": "int", "default": 0},
    "references": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "apiVersion": {"type": "str", "required": True},
            "kind": {"type": "str", "required": True},
            "metadata": {"type": "dict", "default": {}},
        },
    },
}


class ActionModule(ActionBase):
    """The action plugin; documented in plugins/modules/sriov_cluster_info.py."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask for one object after the other."""
        base: Any = self
        asked = base.validate_argument_spec(argument_spec=_SPEC)[1]
        try:
            found = cluster_objects.read(ClusterApi(asked["access"], asked["wait_timeout"]), asked["references"])
        except ApiError as error:
            waited = asked["wait_timeout"] if error.may_pass else 0
            raise AnsibleActionFail(cluster.not_asked(str(error), error.status, asked["access"], waited)) from error
        return {"changed": False, "resources": found}

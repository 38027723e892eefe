# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_adopt: what taking a node over needs of the controller and of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.baremetal.sriov.plugins.plugin_utils.adopting import origins, plan
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.api import Api, ApiError, ClusterApi
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.fleet import Fleet

_FROM, _PATIENCE = "sriov_adopt_from", "sriov_ready_timeout"
_SPEC = {
    "step": {"type": "str", "required": True, "choices": ["plan", "leave", "come_back", "finish_back"]},
    "back": {"type": "bool", "default": False},
    "look": {"type": "dict", "default": {}},
    "planned": {"type": "dict", "default": {}},
}
Answer = dict[str, Any]


class ActionModule(ActionBase):
    """The action plugin; documented in plugins/modules/sriov_adopt.py."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do one step for one host."""
        result: Answer = super().run(tmp, task_vars)
        base: Any = self
        asked = base.validate_argument_spec(argument_spec=_SPEC)[1]
        given = task_vars or {}
        host = given["inventory_hostname"]
        fleet = Fleet(given["hostvars"], [host], [host], lambda used: ClusterApi(used, self._patience(given)))
        try:
            wanted = origins.origins(fleet.value(host, _FROM) or [])
            api = _api(fleet, host, wanted)
            answer = self._step(asked, fleet, host, wanted, api)
        except (origins.AdoptError, ApiError) as error:
            raise AnsibleActionFail(str(error)) from error
        result.update({"changed": False, **answer})
        return result

    def _patience(self, given: Mapping[str, Any]) -> float:
        return float(given["hostvars"][given["inventory_hostname"]].get(_PATIENCE, 900))

    def _step(
        self, asked: Mapping[str, Any], fleet: Fleet, host: str, wanted: list[origins.Origin], api: Api | None
    ) -> Answer:
        base: Any = self
        if asked["step"] == "plan":
            return _plan(asked, fleet, host, wanted, api)
        if api is None or base._task.check_mode:
            return {}
        node = fleet.node(host)
        calls = {
            "leave": lambda: origins.leave(api, node, wanted),
            "come_back": lambda: origins.come_back(api, node, wanted),
            "finish_back": lambda: origins.finish_back(api, wanted),
        }
        return {"changed": calls[asked["step"]]()}


def _api(fleet: Fleet, host: str, wanted: list[origins.Origin]) -> Api | None:
    """The way to the host's cluster. Raises AdoptError where what is named there needs one."""
    found = fleet.apis.get(fleet.access(host))
    if found is None and any(one.kind != origins.UNIT for one in wanted):
        raise origins.AdoptError(
            "sriov_adopt_from names what runs in the cluster; expected a way to it, found none. Set sriov_kubeconfig."
        )
    return found


def _plan(
    asked: Mapping[str, Any], fleet: Fleet, host: str, wanted: list[origins.Origin], api: Api | None
) -> Answer:
    planned = asked["planned"]
    node = plan.Node(
        host, asked["look"], planned.get("resources") or {}, planned.get("managed") or [], wanted,
        lambda pod: origins.owner(api, pod) if api is not None else "",
        fleet.flag(host, "sriov_device_plugin"), fleet.flag(host, "sriov_cni"),
    )  # fmt: skip
    found = [] if api is None else origins.problems(api, wanted)
    found += [] if asked["back"] else plan.problems(node)
    units = [one.name for one in wanted if one.kind == origins.UNIT]
    return {"problems": found, "lines": plan.lines(node, asked["back"]), "units": units}

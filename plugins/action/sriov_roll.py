# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_roll: the steps of a rolling change, on the controller."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Callable

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import lease
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.api import ApiError, ClusterApi
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.fleet import Fleet
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.node_pools import PoolConfig
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.steps import StepError, Steps

_LOOKUP = "baremetal.sriov.manifests"
_MANIFESTS = "sriov_manifests"
_PATIENCE = "sriov_ready_timeout"  # so long an API server on a node that boots is waited for
_SPEC = {
    "step": {
        "type": "str",
        "required": True,
        "choices": ["plan", "begin", "reach", "gate", "drain", "give_back", "fail", "end", "release"],
    },
    "hosts": {"type": "list", "elements": "str", "default": []},
    "planned": {"type": "dict", "default": {}},
    "foretell": {"type": "bool", "default": False},
    "networks": {"type": "bool", "default": True},
    "words": {"type": "str", "default": ""},
}
Answer = dict[str, Any]
# Steps that are about many hosts, and the variable that has them; the others are about one.
_HOSTS_OF = {
    # Not those that are out of the run: a batch of theirs alone would end it.
    "plan": "ansible_play_hosts",
    "begin": "ansible_play_hosts",
    "gate": "ansible_play_batch",
    "end": "ansible_play_hosts_all",
    "release": "ansible_play_hosts_all",
}


class _Once(dict[str, Any]):
    """The variables of hosts, put together once for each that is asked for: that is most of a step's time."""

    def __init__(self, hostvars: Mapping[str, Any]) -> None:
        super().__init__()
        self._hostvars = hostvars

    def __missing__(self, host: str) -> Any:
        self[host] = self._hostvars[host]
        return self[host]


class ActionModule(ActionBase):
    """The action plugin; documented in plugins/modules/sriov_roll.py."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do one step."""
        result: Answer = super().run(tmp, task_vars)
        base: Any = self
        asked = base.validate_argument_spec(argument_spec=_SPEC)[1]
        given = task_vars or {}
        try:
            answer = self._reach(given) if asked["step"] == "reach" else self._step(asked, given)
        except (StepError, ApiError, InvalidSpecError) as error:
            raise AnsibleActionFail(str(error)) from error
        result.update({"changed": False, **answer})
        return result

    def _reach(self, given: Mapping[str, Any]) -> Answer:
        """Whether the host answers; one that does not is no failure, since nothing was begun."""
        try:
            answer = self._execute_module(module_name="ansible.builtin.ping", module_args={}, task_vars=given)
        except AnsibleConnectionFailure as error:
            return {"away": str(error)}
        return {"away": str(answer.get("msg", "no answer")) if answer.get("failed") else ""}

    def _step(self, asked: Mapping[str, Any], given: Mapping[str, Any]) -> Answer:
        host = given["inventory_hostname"]
        hostvars = _Once(given["hostvars"])
        base: Any = self
        hosts = list(given[_HOSTS_OF[asked["step"]]]) if asked["step"] in _HOSTS_OF else [host]
        patience = float(hostvars[host].get(_PATIENCE, 900))
        fleet = Fleet(
            hostvars,
            hosts,
            [name for name in asked["hosts"] if name in given["hostvars"]],
            lambda used: ClusterApi(used, patience),
            self._pool_configs(given) if asked["step"] == "plan" else [],
            list(given["hostvars"]),
        )
        steps = Steps(fleet, lease.runner(os.getppid()), bool(base._task.check_mode))
        calls: dict[str, Callable[[], Answer]] = {
            "plan": lambda: steps.plan(asked["foretell"]),
            "begin": lambda: {"lines": steps.begin(asked["networks"])},
            "gate": lambda: self._gate(steps, asked["planned"], given, hostvars),
            "drain": lambda: _changed("pods", steps.drain(host)),
            "give_back": lambda: {"changed": steps.give_back(host)},
            "fail": lambda: _changed("told", steps.fail(host, asked["words"])),
            "end": lambda: steps.end(given["ansible_play_hosts"]),
            "release": lambda: {"lines": steps.release()},
        }
        return calls[asked["step"]]()

    def _gate(
        self, steps: Steps, planned: Mapping[str, Any], given: Mapping[str, Any], hostvars: Mapping[str, Any]
    ) -> Answer:
        batch = [host for host in given["ansible_play_batch"] if host in planned["turns"]]
        away = {host: words for host in batch if (words := (hostvars[host].get("roll_reached") or {}).get("away"))}
        answer = steps.let_in(planned, batch, away, _failed(hostvars, planned["order"], batch))
        return {**answer, "changed": bool(answer["cordoned"])}

    def _pool_configs(self, given: Mapping[str, Any]) -> list[PoolConfig]:
        """Those of the manifests that the first host has."""
        base: Any = self
        paths = given["hostvars"][given["inventory_hostname"]].get(_MANIFESTS) or []
        if not paths:
            return []
        lookup: Any = lookup_loader.get(_LOOKUP, loader=base._loader, templar=base._templar)
        try:
            found = lookup.run([list(paths)], variables=given)[0]
        except AnsibleError as error:
            raise AnsibleActionFail(str(error)) from error
        return [PoolConfig(**one) for one in found["pools"]]


def _failed(hostvars: Mapping[str, Any], order: list[str], batch: list[str]) -> dict[str, str]:
    """The hosts whose turn has failed, and those that were lost in theirs, with why."""
    found = {}
    turned = order[: max((order.index(host) for host in batch), default=0) + 1]
    for host in turned:
        facts = hostvars[host]
        turn = facts.get("roll_turn") or {}
        if facts.get("roll_failed"):
            found[host] = str(facts["roll_failed"])
        elif turn.get("started") and not turn.get("ended") and host not in batch:
            found[host] = "it was lost in the middle of its turn"
    return found


def _changed(name: str, value: Any) -> Answer:
    return {"changed": bool(value), name: value}

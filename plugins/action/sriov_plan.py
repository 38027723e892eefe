# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_plan: what a run would do to a host, all parts, by one call of sriov_node in check mode.

What the roles would ship is worked out here, from the roles' own variables. Libraries of the device plugin depend on
the node's Python: those that were asked for last go along, and a node with another Python is called a second time.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.baremetal.sriov.plugins.action import sriov_bundle, sriov_variables
from ansible_collections.baremetal.sriov.plugins.module_utils.entry import wheels
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import (
    cluster,
    multus,
    plugin_options,
    role_parts,
    scalars,
    variable_specs,
)
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import lost_nodes
from ansible_collections.baremetal.sriov.plugins.plugin_utils.verdicts import without_wrappers

MODULE = "baremetal.sriov.sriov_node"
_SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "parts": {"type": "list", "elements": "str", "choices": list(role_parts.PARTS), "default": list(role_parts.PARTS)},
    "check_variables": {"type": "bool", "default": False},
    "keep": {"type": "bool", "default": False},
}


def _warm() -> None:
    """Read now what is the same for all hosts: Ansible forks a worker for each of them from the process that imports
    this, and finds it read.
    """
    variable_specs.options()
    values = Templar(loader=DataLoader(), variables=role_parts.variables({}))
    # A RecursionError is what ansible-test's import of another action that imports this one comes to.
    with contextlib.suppress(OSError, HostError, AnsibleError, RecursionError):
        names = ("device_plugin_requirements", "device_plugin_next_pythons", "sriov_cache")
        requirements, following, cache = (values.template(values.available_variables[name]) for name in names)
        last = wheels.last_used(requirements, cache)
        for top in (role_parts.ROLES.parent / "plugins" / "module_utils", role_parts.ROLES.parent / "files"):
            sriov_bundle.remember(str(top))
        for site in wheels.ready(last, following, cache) if last is not None else ():
            sriov_bundle.remember(site)


_warm()


class ActionModule(sriov_bundle.ActionModule, sriov_variables.ActionModule):
    """The action plugin; documented in plugins/modules/sriov_plan.py."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check, work out what is asked for, and ask the host."""
        base: Any = self
        arguments = base.validate_argument_spec(argument_spec=_SPEC)[1]
        base._task.check_mode = True  # it only ever plans
        given = task_vars or {}
        if not arguments["keep"]:
            answer = self._answer(arguments, given)
            if answer.get("plan") is not None and arguments["parts"]:
                answer["cluster"] = _cluster_side(Values(self, given), arguments["state"] == "absent")
            return answer
        try:
            answer = self._answer(arguments, given)
            if answer.get("plan") is not None:
                values, absent = Values(self, given), arguments["state"] == "absent"
                answer["cluster"] = _cluster_side(values, absent)
                if answer["cluster"] and not absent and values.of("sriov_multus") in (multus.THIN, multus.THICK):
                    answer["multus"] = True
                if answer.get("drain_required") and not absent and _may_drain(values, answer["cluster"]):
                    answer["drain_allowed"] = True
        except AnsibleConnectionFailure as error:
            answer = {"unreachable": True, "msg": _words(error)}
        except AnsibleError as error:
            answer = {"failed": True, "msg": _words(error)}
        if not answer.get("mistakes"):
            answer.update(self._told_apart(given))
        return {"changed": bool(answer.get("changed")), "answer": answer}

    def _told_apart(self, given: dict[str, Any]) -> dict[str, bool]:
        """What the node alone does not tell: whether it has a BMC, and networks that share out their addresses."""
        values = Values(self, given)
        found = {"bmc": bool(given.get("sriov_bmc_address"))}
        with contextlib.suppress(AnsibleError):  # told by the answer
            found["sliced"] = values.is_on("sriov_cni") and bool(values.of("cni_sliced"))
        return {name: True for name, told in found.items() if told}

    def _answer(self, arguments: Mapping[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        if arguments["check_variables"]:
            found = self.checked(given, whole=True)
            if found.get("failed"):
                return found
        values = Values(self, given)
        absent = arguments["state"] == "absent"
        parts = [part for part in arguments["parts"] if values.is_on(role_parts.PARTS[part][0])]
        wrong = plugin_options.mistake(values.all) if arguments["check_variables"] and "device_plugin" in parts else ""
        if wrong:
            return {"failed": True, "msg": wrong, "refused": [wrong]}
        asked: dict[str, Any] = {"state": arguments["state"]}
        if not absent:
            asked["spec"] = values.of("node_spec")
            asked["needs_systemd"] = bool(parts)
            asked["cni_bin_dir"] = values.of("sriov_cni_bin_dir") if "cni" in parts else ""
        else:  # otherwise the specification says them
            asked.update(reboot_ok=values.is_on("sriov_reboot_ok"), drained=values.is_on("sriov_drained"))
        if not parts:
            return self._call(asked, given)
        if absent:
            bundles = [{"part": part, "name": name} for part, name in role_parts.bundle_names(parts)]
            return self._call({**asked, "bundles": bundles}, given)
        try:
            return self._with_bundles(asked, parts, values, given)
        except HostError as error:
            return {"failed": True, "msg": str(error), "refused": [str(error)]}

    def _with_bundles(
        self, asked: dict[str, Any], parts: list[str], values: Values, given: dict[str, Any]
    ) -> dict[str, Any]:
        """Ask with what the roles would ship. Raises HostError where the device plugin's libraries can't be had."""
        if "device_plugin" not in parts:
            return self._call({**asked, "bundles": self._bundles(parts, values)}, given)
        requirements, cache = values.of("device_plugin_requirements"), values.of("sriov_cache")
        following = values.of("device_plugin_next_pythons")
        folder = values.of("sriov_device_plugin_wheels") or None
        last = wheels.last_used(requirements, cache, folder)
        if last is not None:
            libraries = wheels.provided(last, following, cache, sys.executable)
            answer = self._call(self._request(asked, parts, values, last, libraries), given)
            answer["libraries_later"] = libraries["missing"]
        else:
            answer = self._call({**asked, "bundles": [], "libraries_for": {}}, given)
        if not answer.get("libraries_missing"):
            return answer
        python = {key: answer["python"][key] for key in ("version", "machine", "libc")}
        request = wheels.WheelsRequest(requirements, folder=folder, **python)
        libraries = wheels.provided(request, following, cache, sys.executable)
        answer = self._call(self._request(asked, parts, values, request, libraries), given)
        return {**answer, "libraries_later": libraries["missing"]}

    def _request(
        self,
        asked: dict[str, Any],
        parts: list[str],
        values: Values,
        fit: wheels.WheelsRequest,
        libraries: Mapping[str, Any],
    ) -> dict[str, Any]:
        python = {"version": fit.version, "machine": fit.machine, "libc": fit.libc}
        return {**asked, "libraries_for": python, "bundles": self._bundles(parts, values, libraries)}

    def _bundles(
        self,
        parts: list[str],
        values: Values,
        libraries: Mapping[str, Any] | None = None,
        sources: sriov_bundle.Sources | None = None,
    ) -> list[dict[str, Any]]:
        """The arguments of sriov_bundle for each bundle of the parts, with the manifest in the place of its files.
        sources: see there.
        """
        found = []
        offering = values.with_results(libraries, {"offered": 1})
        idle = values.with_results(libraries, {})
        for part in parts:
            name = f"{part}{role_parts.SHIPMENTS}"
            shipments = offering.of(name)
            for shipment, without in zip(shipments, idle.of(name) if part == role_parts.MAY_BE_IDLE else shipments):
                files = [_filled(file) for file in shipment["files"]]
                made = self._shipment(files, shipment.get("variables", {}), {} if sources is None else sources)
                found.append(
                    {
                        "part": part,
                        "name": shipment["name"],
                        "units": shipment.get("units", []),
                        "idle_units": without.get("units", []),
                        "adopt": values.is_on("sriov_adopt"),
                        **made,
                    }
                )
        return found

    def _call(self, arguments: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        answer = lost_nodes.asked(
            lambda: self._execute_module(module_name=MODULE, module_args=arguments, task_vars=given), given
        )
        answer.pop("invocation", None)  # long, and of no use to anybody
        if "changed" in answer:  # asked for the node alone, that is all there is
            answer.setdefault("node_changed", answer["changed"])
        return answer


class Values:
    """Variables as the tasks of the roles have them, worked out where they are asked for."""

    def __init__(self, action: Any, given: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> None:
        self._action, self._given = action, given
        self.all = role_parts.variables(given, more)
        self._templar = Templar(loader=action._loader, variables=self.all)

    def of(self, name: str) -> Any:
        """The value of a variable. Raises AnsibleError."""
        return self._templar.template(self.all[name])

    def is_on(self, name: str) -> bool:
        """Whether a switch is on; "" is none."""
        return not name or bool(scalars.as_boolean(self.of(name)))

    def with_results(self, libraries: Mapping[str, Any] | None, resources: Mapping[str, int]) -> Values:
        """The same when tasks before have told where the libraries are, and what the node offers."""
        results = {"device_plugin_libraries": libraries, "node_plan": {"resources": dict(resources)}}
        return Values(self._action, self._given, results)


def _cluster_side(values: Values, absent: bool) -> dict[str, Any] | None:
    """Where the host's cluster is, without any secret, and what is wanted of its Node; None without a cluster."""
    access = values.of("networks_access")
    if not access:
        return None
    return {
        "name": cluster.name(access),
        "node": values.of("sriov_node_name"),
        "member": values.is_on("sriov_cluster_member"),
        "labels": {} if absent else values.of("sriov_node_labels"),
        "offers": not absent and values.is_on("sriov_device_plugin"),
    }


def _may_drain(values: Values, side: Mapping[str, Any] | None) -> bool:
    """Whether site would drain the host where that is needed."""
    return bool(side and side["member"]) and "sriov_drain_ok" in values.all and values.is_on("sriov_drain_ok")


def _filled(file: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of files with all options, as the module sriov_bundle has them."""
    defaults = {name: option.get("default") for name, option in sriov_bundle._FILE_SPEC.items()}
    found = {**defaults, **file}
    for name in ("template", "compile", "if_missing"):
        found[name] = bool(scalars.as_boolean(found[name]))
    return found


def _words(error: Exception) -> str:
    return without_wrappers(" ".join(str(getattr(error, "message", error)).split(" ")))

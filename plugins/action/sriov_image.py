# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_image: what the roles would ship, and the node's specification, into the root folder of an image.

All of it is worked out here from the roles' own variables, as for a plan; the module then writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ansible_collections.baremetal.sriov.plugins.action import sriov_bundle, sriov_plan
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.interpreter import WHEELS_FIT
from ansible_collections.baremetal.sriov.plugins.module_utils.entry import wheels
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import role_parts

MODULE = "baremetal.sriov.sriov_image"
_SPEC = {
    "target_root": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "cpu": {"type": "str", "choices": ["unknown", "intel", "amd", "arm64"], "default": "unknown"},
    "python": {"type": "dict"},
    "pack": {"type": "path"},
    "parts": {"type": "list", "elements": "str", "choices": list(role_parts.PARTS), "default": list(role_parts.PARTS)},
}
_PLUGIN = "device_plugin"
_NO_PYTHON = (
    "the device plugin: the image's files do not tell for which Python its libraries would be; say it with python "
    "(sriov_target_python), or run site"
)


class ActionModule(sriov_plan.ActionModule):
    """The action plugin; documented in plugins/modules/sriov_image.py."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Prepare the image, or tell what that would be; the result is the module's."""
        base: Any = self
        arguments = base.validate_argument_spec(argument_spec=_SPEC)[1]
        # The image has a unit that a running node has no use for.
        given = {**(task_vars or {}), "node_first_boot": True}
        try:
            return self._prepared(arguments, given)
        except HostError as error:
            return {"failed": True, "msg": str(error)}

    def _prepared(self, arguments: Mapping[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """Raises HostError where the device plugin's libraries can't be had."""
        asked: dict[str, Any] = {name: arguments[name] for name in ("target_root", "state", "cpu", "pack")}
        if arguments["state"] == "absent":
            names = role_parts.bundle_names(arguments["parts"])
            return self._asked({**asked, "bundles": [{"part": part, "name": name} for part, name in names]}, given)
        values = sriov_plan.Values(self, given)
        parts = [part for part in arguments["parts"] if values.is_on(role_parts.PARTS[part][0])]
        libraries, left = None, []
        if _PLUGIN in parts:
            told = self._asked({**asked, "gather_only": True}, given)
            if told.get("failed"):
                return told
            libraries = _libraries(values, arguments["python"] or told["python"])
            if libraries is None:
                parts, left = [part for part in parts if part != _PLUGIN], [_NO_PYTHON]
        sources: sriov_bundle.Sources = {}
        bundles = self._bundles(parts, values, libraries, sources)
        asked.update(spec=values.of("node_spec"), bundles=bundles)
        answer = self._asked(asked, given)
        missing = answer.pop("missing", [])
        if missing and not answer.get("failed"):
            answer = self._asked({**asked, "archive": self._send(missing, sources)}, given)
        return {**answer, "left": [*answer["left"], *left]} if "left" in answer else answer

    def _asked(self, arguments: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=given)
        answer.pop("invocation", None)  # long, and of no use to anybody
        return answer


def _libraries(values: Any, python: Mapping[str, str] | None) -> dict[str, Any] | None:
    """None where no Python is known. Raises HostError."""
    if not python:
        return None
    request = wheels.WheelsRequest(
        values.of("device_plugin_requirements"),
        folder=values.of("sriov_device_plugin_wheels") or None,
        **{key: str(python[key]) for key in WHEELS_FIT},
    )
    following, cache = values.of("device_plugin_next_pythons"), values.of("sriov_cache")
    found: dict[str, Any] = wheels.provided(request, following, cache, sys.executable)
    return found

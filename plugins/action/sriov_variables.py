# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_variables: every mistake in the `sriov_*` variables of a host, on the controller and without a remote call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError, Mistake
from ansible_collections.baremetal.sriov.plugins.plugin_utils import variables

_LOOKUP = "baremetal.sriov.manifests"
_SPEC = {"manifests": {"type": "bool", "default": False}}


class ActionModule(ActionBase):
    """The action plugin; documented in plugins/modules/sriov_variables.py."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at the raw value of each variable, as templates do."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        base: Any = self
        options = base.validate_argument_spec(argument_spec=_SPEC)[1]
        given = task_vars or {}
        found = self._mistakes(given, options["manifests"])
        result["changed"] = False
        if found:
            count = f"{len(found)} mistake{'s' if len(found) != 1 else ''}"
            lines = "".join(f"\n  - {mistake}" for mistake in found)
            host = given.get("inventory_hostname", "the host")
            result.update(
                failed=True,
                msg=f"{count} in the variables of {host}, which are checked before anything is done:{lines}",
            )
        return result

    def _mistakes(self, given: Mapping[str, Any], manifests: bool) -> list[Mistake]:
        """Every mistake in the variables that are given, those in their templates first, those in files last."""
        base: Any = self
        values: dict[str, Any] = {}
        found = []
        for name in (*variables.VARIABLES, *variables.ALSO_READ):
            if name not in given:
                continue
            try:
                values[name] = base._templar.template(given[name])
            except AnsibleError as error:
                words = " ".join(str(getattr(error, "message", error)).split()).rstrip(".")
                found.append(
                    Mistake(name, f"its template can't be worked out: {words}. Correct it where the variable is set.")
                )
        found += variables.mistakes(values)
        paths = values.get(variables.MANIFESTS)
        if manifests and paths and not any(mistake.path.startswith(variables.MANIFESTS) for mistake in found):
            found += self._in_manifests(paths, given)
        return found

    def _in_manifests(self, paths: Any, given: Mapping[str, Any]) -> list[Mistake]:
        """Every mistake in the files, looked for and read as the roles do it."""
        base: Any = self
        lookup: Any = lookup_loader.get(_LOOKUP, loader=base._loader, templar=base._templar)
        try:
            lookup.run([paths], variables=given)
        except AnsibleError as error:
            if isinstance(error.__cause__, InvalidSpecError):
                return list(error.__cause__.mistakes)
            raise
        return []

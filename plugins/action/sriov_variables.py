# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_variables: every mistake in the `sriov_*` variables of a host, on the controller and without a remote call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader, module_loader
from ansible.utils.display import Display

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError, Mistake
from ansible_collections.baremetal.sriov.plugins.plugin_utils import (
    cluster,
    input_check,
    pools,
    variable_names,
    variables,
)
from ansible_collections.baremetal.sriov.plugins.plugin_utils.filter_inputs import HostVariables
from ansible_collections.baremetal.sriov.plugins.plugin_utils.variable_specs import options as known_variables

_LOOKUP = "baremetal.sriov.manifests"
_CLUSTER_MODULE = "kubernetes.core.k8s_info"
_SPEC = {"manifests": {"type": "bool", "default": False}, "fail": {"type": "bool", "default": True}}
# What a run finds out: its template may name what only a later task registers.
_FOUND_LATER = "sriov_reboot_required"


class ActionModule(ActionBase):
    """The action plugin; documented in plugins/modules/sriov_variables.py."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at the raw value of each variable, as templates do."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        base: Any = self
        asked = base.validate_argument_spec(argument_spec=_SPEC)[1]
        result.update(self.checked(task_vars or {}, asked["manifests"]))
        if result.get("failed"):
            result["failed"] = asked["fail"]
        return result

    def checked(self, given: Mapping[str, Any], whole: bool) -> dict[str, Any]:
        """The result for the variables of a host, one that failed where there are mistakes."""
        found = self._mistakes(given, whole)
        result: dict[str, Any] = {"changed": False, "mistakes": [vars(mistake) for mistake in found]}
        if found:
            count = f"{len(found)} mistake{'s' if len(found) != 1 else ''}"
            lines = "".join(f"\n  - {mistake}" for mistake in found)
            host = given.get("inventory_hostname", "the host")
            words = f"{count} in the variables of {host}, which are checked before anything is done:{lines}"
            result.update(failed=True, msg=words)
        return result

    def _mistakes(self, given: Mapping[str, Any], whole: bool) -> list[Mistake]:
        """Every mistake in names, templates, values and files. whole: for a playbook, not for a role alone."""
        known = known_variables()
        values, unreadable = self._values(given, known)
        ignored = _texts(values.get(variable_names.IGNORED))
        if whole:
            self._warn_of_unknown(given, ignored)
        manifests, in_files = self._manifests(values, given, whole)
        hostvars = given.get("hostvars") or {}
        host = given.get("inventory_hostname", "")
        around = input_check.Surroundings(
            variables=HostVariables(hostvars[host]) if host in hostvars else None,
            manifests=manifests,
            elsewhere=partial(_pools_of_all, hostvars, values.get(variables.MANIFESTS) or []),
        )
        misspelt = variable_names.misspelt(given, known, ignored)
        found = misspelt + unreadable + input_check.mistakes(values, around) + in_files
        return found + (_without_cluster(values) if whole else [])

    def _values(self, given: Mapping[str, Any], known: Iterable[str]) -> tuple[dict[str, Any], list[Mistake]]:
        """The variables that are given, templates worked out, and the mistakes in those that can't be."""
        base: Any = self
        values: dict[str, Any] = {}
        found = []
        for name in known:
            if name not in given:
                continue
            try:
                values[name] = base._templar.template(given[name])
            except AnsibleError as error:
                if name == _FOUND_LATER:
                    continue
                words = " ".join(str(getattr(error, "message", error)).split()).rstrip(".")
                found.append(
                    Mistake(name, f"its template can't be worked out: {words}. Correct it where the variable is set.")
                )
        return values, found

    def _warn_of_unknown(self, given: Mapping[str, Any], ignored: list[str]) -> None:
        """One warning in a run: the first host of the play speaks for all."""
        hosts = given.get("ansible_play_hosts_all") or []
        hostvars = given.get("hostvars")
        if hostvars is None or hosts[:1] != [given.get("inventory_hostname")]:
            return
        raw = getattr(hostvars, "raw_get", hostvars.get)
        names = {name for host in hosts for name in raw(host)} | set(given)
        sentence = variable_names.unknown(names, known_variables(), ignored)
        if sentence:
            Display().warning(sentence)

    def _manifests(
        self, values: Mapping[str, Any], given: Mapping[str, Any], whole: bool
    ) -> tuple[Mapping[str, Any] | None, list[Mistake]]:
        """What the files hold, None where they are not read, and every mistake in them."""
        name = variables.MANIFESTS
        if name not in given or values.get(name) == []:
            return {}, []
        if not whole or name not in values or variables.mistakes({name: values[name]}):
            return None, []
        return self._in_manifests(values[name], given)

    def _in_manifests(self, paths: Any, given: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, list[Mistake]]:
        """What the files hold, looked for and read as the roles do it, and every mistake in them."""
        base: Any = self
        lookup: Any = lookup_loader.get(_LOOKUP, loader=base._loader, templar=base._templar)
        try:
            return lookup.run([paths], variables=given)[0], []
        except AnsibleError as error:
            if isinstance(error.__cause__, InvalidSpecError):
                return None, list(error.__cause__.mistakes)
            raise


def _without_cluster(values: Mapping[str, Any]) -> list[Mistake]:
    """Whether something needs a cluster where there is none, or the cluster's side a collection that is missing."""
    names = ("sriov_kubeconfig", "sriov_kube_context", "sriov_kube_host", "sriov_kube_token")
    used = cluster.access(*(value if isinstance(value := values.get(name), str) else "" for name in names))
    if not used:
        return input_check.without_cluster(values)
    if module_loader.find_plugin(_CLUSTER_MODULE) is not None:
        return []
    problem = (
        "needs the collection kubernetes.core on the controller, found none. Install it: ansible-galaxy collection "
        "install kubernetes.core; or leave the cluster out: no kubeconfig, no host, and no K8S_AUTH_KUBECONFIG."
    )
    return [Mistake(names[0], problem)]


def _texts(value: Any) -> list[str]:
    """The texts of a list; what is none is told by the check itself."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, (list, tuple)) else []


def _pools_of_all(hostvars: Mapping[str, Any], manifests: Any) -> set[str] | None:
    """The pools of the policies of all hosts of the inventory; None where a host's can't be told from here."""
    found: set[str] = set()
    for host in hostvars:
        theirs = hostvars[host]
        try:
            if list(theirs.get(variables.MANIFESTS) or []) != list(manifests):
                return None
            lists = [theirs.get(name) or [] for name in ("sriov_policies", "sriov_policies_host")]
            found |= pools.of(*(one for one in lists if isinstance(one, (list, tuple))))
        except AnsibleError:  # its own check tells
            return None
    return found

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_report: the plans of all nodes, and what would change in their clusters, for people and in files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, cast

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible.utils.display import Display

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import (
    bios_plan,
    cluster,
    cluster_plan,
    dra,
    fleet,
    nodes,
    owned_objects,
    plan_table,
    role_parts,
    verdicts,
)
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import availability
from ansible_collections.baremetal.sriov.plugins.plugin_utils.scalars import as_boolean

_INFO = "kubernetes.core.k8s_info"
_SPEC = {
    "answers": {"type": "dict", "required": True},
    "bios": {"type": "dict", "default": {}},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "output": {"type": "str"},
    "markdown": {"type": "str"},
}
Objects = list[dict[str, Any]]


class ActionModule(ActionBase):
    """The action plugin; documented in plugins/modules/sriov_report.py."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Put all together, show it, and write the files."""
        base: Any = self
        asked = base.validate_argument_spec(argument_spec=_SPEC)[1]
        given, absent = task_vars or {}, asked["state"] == "absent"
        answers = {host: _answer(found) for host, found in asked["answers"].items()}
        # Where a node has no plan, that of its BIOS is told on its own.
        bmcs = [host for host, answer in answers.items() if answer.pop("bmc", False) and answer.get("plan") is None]
        answers = {host: bios_plan.with_bios(answer, asked["bios"].get(host)) for host, answer in answers.items()}
        for answer in answers.values():
            answer.pop("sliced", None)
        self._warnings: dict[str, None] = {}
        self._marked = False  # whether a node waits for a run that gives it back
        clusters, of_hosts = self._clusters(answers, given, absent)
        told = verdicts.document(answers, list(answers), clusters)
        sentences = [*_sentences(answers), *self._warnings, *([] if absent else self._notes(answers, given))]
        for line in [*fleet.text(told), *sentences]:
            Display().display(line)
        _write(asked["output"], json.dumps(told, indent=4, sort_keys=True, default=str) + "\n")
        _write(asked["markdown"], fleet.markdown(told))
        # What the cluster has against a node counts as the cluster's.
        found = {
            host: max(told["clusters"][name]["verdict"], told["nodes"][host]["verdict"], key=verdicts.VERDICTS.index)
            for host, name in of_hosts.items()
        }
        turns = any(answer.get("reboot_required") or answer.get("drain_required") for answer in answers.values())
        turns = turns or self._marked
        return {
            "changed": False,
            "verdict": told["verdict"],
            "counts": told["counts"],
            "clusters": found,
            "bmcs": bmcs,
            "turns": turns and not absent,
        }

    def _notes(self, answers: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
        """What networks do otherwise than they may be read; the first host whose variables are right speaks for all."""
        right = [host for host, answer in answers.items() if answer.get("plan") is not None or "unreachable" in answer]
        if not right:
            return []
        host_variables = {**given["hostvars"][right[0]], "ansible_play_hosts_all": list(answers)}
        base = cast(Any, self)
        values = Templar(loader=base._loader, variables=role_parts.variables(host_variables))
        if not as_boolean(values.template(values.available_variables["sriov_networks_enabled"])):
            return []
        return [*map(str, values.template(values.available_variables["networks_notes"]))]

    def _clusters(
        self, answers: dict[str, dict[str, Any]], given: dict[str, Any], absent: bool
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The plan of each cluster, and which host is in which; the steps of labels are added to the nodes' answers."""
        asked = {host: answer.pop("cluster", None) for host, answer in answers.items()}
        sides = {host: side for host, side in asked.items() if side}
        of_hosts = {host: str(side["name"]) for host, side in sides.items()}
        found = {}
        for name in dict.fromkeys(of_hosts.values()):
            here = {host: side for host, side in sides.items() if side["name"] == name}
            found[name] = self._cluster(here, answers, given, absent)
        return found, of_hosts

    def _cluster(
        self, here: Mapping[str, Any], answers: dict[str, dict[str, Any]], given: dict[str, Any], absent: bool
    ) -> dict[str, Any]:
        """One cluster's plan, by few questions; its first host speaks for it, as in the role networks."""
        first, base = next(iter(here)), cast(Any, self)
        values = Templar(loader=base._loader, variables=role_parts.variables(dict(given["hostvars"][first])))

        def of(variable: str) -> Any:
            return values.template(values.available_variables[variable])

        access = of("networks_access")
        api = {**access, "api_version": "v1", "kind": "Node"}
        answer, present = self._asked(api, given)
        if present is None:
            return {"failed": True, "msg": _not_asked(answer, access)}
        self._labels(here, answers, present)
        self._dra(here, answers, access, given)
        if not as_boolean(of("sriov_networks_enabled")):
            return cluster_plan.plan([])
        kind = {"api_version": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
        definition_name = of("networks_crd")["metadata"]["name"]
        answer, definition = self._asked({**access, **kind, "name": definition_name}, given)
        attachments: Objects | None = []
        if definition:
            kind = {"api_version": owned_objects.NETWORK_API_VERSION, "kind": owned_objects.NETWORK_KIND}
            answer, attachments = self._asked({**access, **kind}, given)
        if definition is None or attachments is None:
            return {"failed": True, "msg": _not_asked(answer, access)}
        stays = absent and given.get("ansible_limit") is not None and not as_boolean(of("sriov_prune"))
        if stays:  # other nodes still use the cluster's objects
            return cluster_plan.plan([])
        wanted = [] if absent else of("networks_wanted")
        changes = owned_objects.network_changes(wanted, attachments, absent or bool(as_boolean(of("sriov_prune"))))
        if changes["foreign"]:
            return cluster_plan.foreign(changes)
        goes = absent and bool(definition) and owned_objects.is_ours(definition[0])
        goes = goes and len(changes["delete"]) == len(attachments)
        return cluster_plan.plan(cluster_plan.network_steps(changes, attachments, bool(definition), goes))

    def _labels(self, here: Mapping[str, Any], answers: dict[str, dict[str, Any]], present: Objects) -> None:
        """Add to the nodes' answers what their labels ask for, and why site would refuse them."""
        by_name = {str(node["metadata"].get("name")): node for node in present}
        for host, side in here.items():
            answer, node = answers[host], by_name.get(str(side["node"]))
            self._marked = self._marked or (node is not None and availability.is_ours(node))
            if answer.get("plan") is None or answer.get("failed"):
                continue
            if node is None:
                if side["member"]:
                    words = (
                        f"sriov_node_name: expected a node of the cluster, found none named {side['node']}. Correct "
                        "it, or set sriov_cluster_member to false for a host that has not joined yet."
                    )
                    answer.update(failed=True, msg=words, refused=[words])
                continue
            try:
                patch = nodes.node_label_patch(node, side["labels"])
            except InvalidSpecError as error:
                answer.update(failed=True, msg=str(error), refused=[str(error)])
                continue
            answer["plan"]["steps"] = [*answer["plan"]["steps"], *cluster_plan.label_steps(node, patch)]

    def _dra(
        self, here: Mapping[str, Any], answers: dict[str, dict[str, Any]], access: dict[str, Any], given: dict[str, Any]
    ) -> None:
        """Add to the nodes' answers why site would refuse what DRA drivers offer, too."""
        offering = {host: side for host, side in here.items() if _offers(side, answers[host])}
        slices: Objects | None = []
        classes: Objects | None = []
        for version in dra.VERSIONS if offering else ():
            api = {**access, "api_version": version}
            answer, slices = self._asked({**api, "kind": dra.SLICE}, given)
            if slices is not None and answer.get("api_found"):
                answer, classes = self._asked({**api, "kind": dra.CLASS}, given)
            if slices is None or classes is None:
                words = "DRA drivers that offer the same VFs would not be found, since the cluster does not tell:"
                self._warnings[f"WARNING: {words} {answer.get('msg', 'no reason given')}"] = None
                return
            if answer.get("api_found"):
                break
        for host, side in offering.items():
            answer = answers[host]
            for sentence in dra.namesakes(classes or [], answer["resources"]):
                self._warnings[f"WARNING: {sentence}"] = None
            found = dra.conflicts(
                slices or [], classes or [], str(side["node"]), answer.get("managed") or [], answer["resources"]
            )
            if found:
                answer.update(failed=True, msg="\n".join(found), refused=found)

    def _asked(self, arguments: dict[str, Any], given: dict[str, Any]) -> tuple[dict[str, Any], Objects | None]:
        """The whole answer, and the objects in it; None where the API server did not answer."""
        try:
            answer = dict(self._execute_module(module_name=_INFO, module_args=arguments, task_vars=given))
        except AnsibleError as error:
            answer = {"failed": True, "msg": str(error)}
        failed = answer.get("failed") or answer.get("resources") is None
        return answer, None if failed else list(answer["resources"])


def _offers(side: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Whether the node is of the cluster, and its device plugin would offer something there."""
    planned = answer.get("plan") is not None and not answer.get("failed")
    return bool(planned and side["member"] and side["offers"] and answer.get("resources"))


def _not_asked(answer: Mapping[str, Any], access: Mapping[str, Any]) -> str:
    refusal = cluster.refusal(answer, access)
    return refusal or f"The cluster could not be asked: {answer.get('msg', 'no reason given')}"


def _answer(found: Any) -> dict[str, Any]:
    """What sriov_plan kept of a host."""
    answer = found.get("answer") if isinstance(found, Mapping) else None
    return dict(answer) if isinstance(answer, Mapping) else {"failed": True, "msg": "the node was not asked"}


def _sentences(answers: Mapping[str, Any]) -> list[str]:
    """Warnings about policies that no node of the run uses."""
    return [f"WARNING: {sentence}" for sentence in plan_table.unused_policies(dict(answers), list(answers))]


def _write(path: str | None, text: str) -> None:
    """Write a file of the user's; one in a folder that is not there was told with the variables."""
    if not path:
        return
    real = os.path.abspath(os.path.expanduser(path))
    if not os.path.isdir(os.path.dirname(real)):
        return
    try:
        with open(real, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise AnsibleActionFail(
            f"{path}: expected a file that can be written on the controller; found {error.strerror}. Name another one."
        ) from error

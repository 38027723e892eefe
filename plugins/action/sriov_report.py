# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_report: the plans of all nodes, and what would change in their clusters, for people and in files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible.utils.display import Display

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import (
    bios_plan,
    cluster,
    cluster_objects,
    cluster_plan,
    dra,
    fleet,
    nodes,
    plan_table,
    role_parts,
    verdicts,
)
from ansible_collections.baremetal.sriov.plugins.plugin_utils.cluster_report import ClusterReport
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import availability
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.api import ApiError, ClusterApi, items
from ansible_collections.baremetal.sriov.plugins.plugin_utils.scalars import as_boolean

_SPEC = {
    "answers": {"type": "dict", "required": True},
    "bios": {"type": "dict", "default": {}},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "show": {"type": "bool", "default": True},
    "output": {"type": "str"},
    "markdown": {"type": "str"},
}
_OF_THE_PLAYBOOK = ("sliced", "multus")  # what tells it which questions are left
_NOT_ASKED = "the node was not asked"
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
            for name in _OF_THE_PLAYBOOK:
                answer.pop(name, None)
        self._warnings: dict[str, None] = {}
        self._marked = False  # whether a node waits for a run that gives it back
        clusters, of_hosts = self._clusters(answers, given, absent)
        told = verdicts.document(answers, list(answers), clusters)
        sentences = [*self._warnings]
        if asked["show"]:
            notes = [] if absent else self._notes(answers, given)
            sentences = [*fleet.text(told), *_sentences(answers), *sentences, *notes]
        for line in sentences:
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
            **_for_site(told, of_hosts, answers),
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
        """One cluster's plan, by few questions; its first host speaks for it, as in the roles."""
        first, base = next(iter(here)), cast(Any, self)
        hostvars = given["hostvars"]
        values = Templar(loader=base._loader, variables=role_parts.variables(dict(hostvars[first])))

        def of(variable: str) -> Any:
            return values.template(values.available_variables[variable])

        access = of("networks_access")
        api = ClusterApi(access)
        try:
            self._labels(here, answers, items(api, cluster_objects.path_of("v1", "Node")))
            self._dra(here, answers, api)
            stays = given.get("ansible_limit") is not None and not as_boolean(of("sriov_prune"))
            name = f"{of('sriov_record_namespace')}/{of('cni_record')}"
            record = _record([hostvars[host] for host in here], name)
            return ClusterReport(api, of, absent, absent and stays, record).told()
        except ApiError as error:
            return {"failed": True, "msg": cluster.not_asked(str(error), error.status, access)}

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

    def _dra(self, here: Mapping[str, Any], answers: dict[str, dict[str, Any]], api: ClusterApi) -> None:
        """Add to the nodes' answers why site would refuse what DRA drivers offer, too."""
        offering = {host: side for host, side in here.items() if _offers(side, answers[host])}
        try:
            slices, classes = _dra_objects(api) if offering else ([], [])
        except ApiError as error:
            words = "DRA drivers that offer the same VFs would not be found, since the cluster does not tell:"
            self._warnings[f"WARNING: {words} {error}"] = None
            return
        for host, side in offering.items():
            answer = answers[host]
            for sentence in dra.namesakes(classes, answer["resources"]):
                self._warnings[f"WARNING: {sentence}"] = None
            found = dra.conflicts(
                slices, classes, str(side["node"]), answer.get("managed") or [], answer["resources"]
            )
            if found:
                answer.update(failed=True, msg="\n".join(found), refused=found)


def _dra_objects(api: ClusterApi) -> tuple[Objects, Objects]:
    """What DRA drivers offer, and the device classes, of the first version that the cluster has. Raises ApiError."""
    for version in dra.VERSIONS:
        slices, classes = (api.call("GET", cluster_objects.path_of(version, kind)) for kind in (dra.SLICE, dra.CLASS))
        if slices is not None:
            return slices.get("items") or [], (classes or {}).get("items") or []
    return [], []


def _record(hosts: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any] | None:
    """What the role cni has found out of the record of slices for one of these hosts; None where there is none."""
    for host in hosts:
        slices, found = host.get("cni_slices"), host.get("cni_record_found")
        if slices and found:
            objects = found.get("resources") or []
            before = (objects[0].get("data") or {}) if objects else None
            return {"name": name, "before": before, "then": slices["data"]}
    return None


def _offers(side: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Whether the node is of the cluster, and its device plugin would offer something there."""
    planned = answer.get("plan") is not None and not answer.get("failed")
    return bool(planned and side["member"] and side["offers"] and answer.get("resources"))


def _for_site(
    told: Mapping[str, Any], of_hosts: Mapping[str, str], answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What a run has to know of the clusters before it changes anything."""
    roles: dict[str, list[str]] = {}
    refused: dict[str, list[str]] = {}
    for host, name in of_hosts.items():
        plans = [(one.get("plan") or {}).get("steps", []) for one in (told["clusters"][name], answers[host])]
        roles[host] = sorted({step["role"] for steps in plans for step in steps if step.get("role")})
        if answers[host].get("failed"):
            refused[host] = [str(answers[host]["msg"])]
    clusters = {name: [str(one["msg"])] for name, one in told["clusters"].items() if one.get("failed")}
    return {"roles": roles, "refused": refused, "refused_clusters": clusters}


def _answer(found: Any) -> dict[str, Any]:
    """What sriov_plan has told of a host, or kept."""
    answer = found.get("answer", found) if isinstance(found, Mapping) else None
    return dict(answer) if isinstance(answer, Mapping) and answer else {"failed": True, "msg": _NOT_ASKED}


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

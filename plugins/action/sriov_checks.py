# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_checks: what nodes have told of themselves, put together with what their clusters tell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible.utils.display import Display

from ansible_collections.baremetal.sriov.plugins.plugin_utils import cluster, owned_objects, role_parts
from ansible_collections.baremetal.sriov.plugins.plugin_utils.acceptance import (
    cluster_checks,
    pod_checks,
    report,
)
from ansible_collections.baremetal.sriov.plugins.plugin_utils.acceptance.rows import (
    CLUSTER,
    FAILED,
    CheckRow,
    of_node,
    row,
    warned,
)
from ansible_collections.baremetal.sriov.plugins.plugin_utils.scalars import as_boolean

_INFO = "kubernetes.core.k8s_info"
_SPEC = {
    "looked": {"type": "dict", "required": True},
    "output": {"type": "str"},
    "junit": {"type": "str"},
    "namespace": {"type": "str", "default": "kube-system"},
}
# What is asked of a cluster: a word for it, its API, its kind, and whether a cluster may well not let us look.
_KINDS = (
    ("nodes", "v1", "Node", False),
    ("definitions", "apiextensions.k8s.io/v1", "CustomResourceDefinition", False),
    ("networks", owned_objects.NETWORK_API_VERSION, owned_objects.NETWORK_KIND, False),
    ("pods", "v1", "Pod", True),
    ("daemon_sets", "apps/v1", "DaemonSet", True),
    ("kubevirts", "kubevirt.io/v1", "KubeVirt", True),
    ("webhooks", "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", True),
    ("machines", "kubevirt.io/v1", "VirtualMachineInstance", True),
)
_FOR_NETWORKS = frozenset({"definitions", "networks", "pods", "daemon_sets", "kubevirts", "webhooks", "machines"})
_FOR_MACHINES = frozenset({"webhooks", "machines"})
Objects = dict[str, list[dict[str, Any]]]


class ActionModule(ActionBase):
    """The action plugin; documented in plugins/modules/sriov_checks.py."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Put all together, show it, and write the files."""
        base: Any = self
        asked = base.validate_argument_spec(argument_spec=_SPEC)[1]
        given = task_vars or {}
        looked = {str(host): found if isinstance(found, Mapping) else {} for host, found in asked["looked"].items()}
        rows = [one for host, found in looked.items() for one in _of_host(host, found)]
        of_clusters: dict[str, list[CheckRow]] = {}  # by host, what its cluster has
        maps: list[dict[str, Any]] = []
        for hosts in self._clusters(looked, given).values():
            more, uids = self._of_cluster(hosts, looked, given)
            rows += more
            of_clusters.update({host: [one for one in more if one.host == CLUSTER] for host in hosts})
            maps += _maps(hosts, looked, rows, uids, asked["namespace"])
        for line in report.lines(rows):
            Display().display(line)
        states = {host: found["state"] for host, found in looked.items() if "state" in found}
        _write(asked["output"], json.dumps(report.document(rows, states), indent=4, sort_keys=True) + "\n")
        _write(asked["junit"], report.as_junit(rows))
        own = {host: [one for one in rows if one.host == host] + of_clusters.get(host, []) for host in looked}
        return {
            "changed": False,
            "checks": [one.as_dict() for one in rows],
            "failures": {host: [_sentence(one) for one in told if one.outcome == FAILED] for host, told in own.items()},
            "config_maps": maps,
        }

    def _clusters(self, looked: Mapping[str, Any], given: dict[str, Any]) -> dict[str, dict[str, _Side]]:
        """Name of a cluster -> its hosts."""
        found: dict[str, dict[str, _Side]] = {}
        for host in looked:
            values = role_parts.variables(dict(given["hostvars"][host]))
            side = _Side(Templar(loader=cast(Any, self)._loader, variables=values), values)
            if side.access:
                found.setdefault(cluster.name(side.access), {})[host] = side
        return found

    def _of_cluster(
        self, hosts: Mapping[str, _Side], looked: Mapping[str, Any], given: dict[str, Any]
    ) -> tuple[list[CheckRow], dict[str, str]]:
        """The rows of one cluster and its nodes, and the UIDs of the Nodes by host."""
        first = next(iter(hosts.values()))
        there: Objects = {}
        rows: list[CheckRow] = []
        for name, version, kind, lenient in _KINDS:
            needed = name not in _FOR_NETWORKS or first.networks
            needed = needed and (name not in _FOR_MACHINES or bool(there.get("kubevirts")))
            there[name], problem = [], ""
            if needed:
                # Of definitions, a user with the least rights may read the one that it may make.
                one = {"name": cluster_checks.CRD} if name == "definitions" else {}
                api = {**first.access, "api_version": version, "kind": kind, **one}
                there[name], problem = self._asked(api, given)
            if problem:
                told = cluster.refusal({"msg": problem}, first.access) or problem
                rows.append(warned(CLUSTER, "api", kind, f"{kind} was not looked at: {told}") if lenient
                            else row(CLUSTER, "api", kind, False, "an answer", told, "See the message."))  # fmt: skip
        if [one for one in rows if one.outcome == FAILED]:
            return rows, {}
        nodes = {item["metadata"]["name"]: item for item in there["nodes"]}
        for host, side in hosts.items():
            if side.member:
                resources = looked[host].get("resources") or {} if side.offers else {}
                rows += cluster_checks.node_rows(host, side.node, nodes.get(side.node), resources)
        if first.networks:
            rows += _of_networks(there, hosts, looked)
        uids = {
            host: str(nodes[side.node]["metadata"].get("uid", "")) for host, side in hosts.items() if side.node in nodes
        }
        return rows, uids

    def _asked(self, arguments: dict[str, Any], given: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """The objects of a kind, and why there are none where the API server did not answer."""
        try:
            answer = dict(self._execute_module(module_name=_INFO, module_args=arguments, task_vars=given))
        except AnsibleError as error:
            return [], str(error)
        if answer.get("failed") or answer.get("resources") is None:
            return [], str(answer.get("msg", "no reason given"))
        return list(answer["resources"]), ""


class _Side:
    """What a host's variables say of its cluster."""

    def __init__(self, templar: Templar, values: Mapping[str, Any]) -> None:
        self._templar, self._values = templar, values
        self.access: dict[str, Any] = self._of("verify_access")
        self.node = str(self._of("sriov_node_name"))
        self.member = bool(as_boolean(self._of("sriov_cluster_member")))
        self.offers = bool(as_boolean(self._of("sriov_device_plugin")))
        self.networks = bool(as_boolean(self._of("sriov_networks_enabled")) and self._of("verify_wanted"))

    def _of(self, name: str) -> Any:
        return self._templar.template(self._values[name])


def _sentence(one: CheckRow) -> str:
    return f"{one.check} {one.target}: {report.words(one)}"


def _of_host(host: str, found: Mapping[str, Any]) -> Iterator[CheckRow]:
    told = found.get("checks")
    if told is None:
        reason = str(found.get("msg") or "the run ended before it was asked")
        yield row(host, "host", host, False, "an answer of the node", reason, "See that the node is up.")
        return
    state = found["state"]
    due = next((one["message"] for one in state["conditions"] if one["type"] == "Configured"), "")
    yield row(
        host, "configured", host, state["sync_status"] == "Succeeded", "Succeeded",
        ": ".join(text for text in (state["sync_status"], due) if text),
        "Run baremetal.sriov.plan to see what is due, and baremetal.sriov.site.",
    )  # fmt: skip
    yield from (of_node(host, one) for one in told)


def _of_networks(there: Objects, hosts: Mapping[str, _Side], looked: Mapping[str, Any]) -> Iterator[CheckRow]:
    offered = {
        name
        for node in there["nodes"]
        for name, count in ((node.get("status") or {}).get("allocatable") or {}).items()
        if str(count) != "0"
    }
    vfs = {
        side.node: {
            vf["pci_address"]: vf
            for pf in (looked[host].get("state") or {}).get("interfaces", ())
            for vf in pf.get("vfs", ())
        }
        for host, side in hosts.items()
    }
    yield from cluster_checks.definition_rows(there["definitions"], there["networks"], offered)
    yield from cluster_checks.daemon_rows(there["daemon_sets"], there["pods"])
    yield from cluster_checks.kubevirt_rows(there["kubevirts"], there["webhooks"])
    yield from pod_checks.pod_rows(there["pods"], there["networks"], vfs)
    yield from pod_checks.machine_rows(there["machines"], there["pods"])


def _maps(
    hosts: Mapping[str, _Side], looked: Mapping[str, Any], rows: list[CheckRow], uids: Mapping[str, str], namespace: str
) -> Iterator[dict[str, Any]]:
    for host, side in hosts.items():
        state = looked[host].get("state")
        if state and host in uids:
            own = [one for one in rows if one.host == host]
            yield {"host": host, "definition": report.config_map(side.node, namespace, state, own, uids[host])}


def _write(path: str | None, text: str) -> None:
    """Write a file of the user's."""
    if not path:
        return
    try:
        with open(os.path.abspath(os.path.expanduser(path)), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise AnsibleActionFail(
            f"{path}: expected a file that can be written on the controller; found {error.strerror}. Name another one."
        ) from error

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ran the nodes before us (`sriov_adopt_from`), and how it leaves one node and comes back to it.

A DaemonSet is kept from nodes with a label of ours by its own node affinity, and its strategy becomes OnDelete with the
same patch: its controller ends the pod of a labelled node alone, and no other pod is made anew (Kubernetes
pkg/controller/daemon/daemon_controller.go, NodeShouldRunDaemonPod). A Deployment, as the operator's, has no replicas
while nodes are ours. What both had before is in an annotation of theirs, and is put back with the last node.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..rolling.api import Api, items, path_of
from ..rolling.rights import Right, lacking

UNIT, DAEMON_SET, DEPLOYMENT = "unit", "daemonset", "deployment"
LABEL = "baremetal.sriov/adopted"  # of a node that is ours
ANNOTATION = "baremetal.sriov/adopted-from"  # of a DaemonSet or Deployment: what it was like
FORMS = "unit/NAME.service, daemonset/NAMESPACE/NAME or deployment/NAMESPACE/NAME"
_FORM = re.compile(r"(?:(unit)/([\w@.:\\-]+\.service)|(daemonset|deployment)/([a-z0-9.-]+)/([a-z0-9.-]+))")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_EXPRESSION = {"key": LABEL, "operator": "DoesNotExist"}


class AdoptError(Exception):
    """A step that can't be done, in words."""


@dataclass(frozen=True)
class Origin:
    """One of them."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.kind, self.namespace, self.name)))

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/apis/apps/v1/namespaces/{quote(self.namespace)}/{self.kind}s/{quote(self.name)}"


def origins(values: Iterable[Any]) -> list[Origin]:
    """Raises AdoptError for the first that is of no known form."""
    found = []
    for value in values:
        form = _FORM.fullmatch(str(value))
        if form is None:
            raise AdoptError(f"sriov_adopt_from: expected {FORMS}, found {value!r}")
        unit, unit_name, kind, namespace, name = form.groups()
        found.append(Origin(unit, unit_name) if unit else Origin(kind, name, namespace))
    return found


def rights_of(wanted: Sequence[Origin]) -> dict[str, list[Right]]:
    """What is needed for them, by namespace."""
    found: dict[str, list[Right]] = {}
    for one in wanted:
        if one.kind != UNIT:
            what = f"to keep {one} from nodes that are ours"
            found.setdefault(one.namespace, []).extend(
                Right("adopt", verb, "apps", f"{one.kind}s", what, one.name, namespaced=True)
                for verb in ("get", "patch")
            )
    return found


def problems(api: Api, wanted: Sequence[Origin]) -> list[str]:
    """Those that are not there, and rights that are missing; nothing was changed."""
    found = []
    for namespace, rights in rights_of(wanted).items():
        found += [f"the user of sriov_kubeconfig lacks: {right}" for right in lacking(api, rights, namespace)]
    if not found:
        found = [f"sriov_adopt_from: expected {one} in the cluster, found none; correct its name"
                 for one in wanted if one.kind != UNIT and api.call("GET", one.path) is None]  # fmt: skip
    return found


def owner(api: Api, pod: str) -> str:
    """The DaemonSet that made a pod (NAMESPACE/NAME), in the form of sriov_adopt_from; "" for none."""
    namespace, _slash, name = pod.partition("/")
    found = api.call("GET", f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(name)}") if name else None
    owners = ((found or {}).get("metadata") or {}).get("ownerReferences") or []
    sets = [str(one["name"]) for one in owners if one.get("controller") and one.get("kind") == "DaemonSet"]
    return f"{DAEMON_SET}/{namespace}/{sets[0]}" if sets else ""


def leave(api: Api, node: str, wanted: Sequence[Origin]) -> bool:
    """Keep them from a node: Deployments first, which would undo the rest. Whether anything was to be done."""
    changed = [_keep_away(api, one, _get(api, one)) for one in _in_order(wanted)]
    if any(one.kind == DAEMON_SET for one in wanted) and LABEL not in _labels(api, node):
        api.call("PATCH", path_of(node), {"metadata": {"labels": {LABEL: "true"}}})
        changed.append(True)
    return any(changed)


def come_back(api: Api, node: str, wanted: Sequence[Origin]) -> bool:
    """Let them come to a node again. With the last node all is as it was. Whether anything was to be done."""
    others = [one for one in items(api, "/api/v1/nodes", {"labelSelector": LABEL}) if one["metadata"]["name"] != node]
    changed = []
    if not others:  # before the label, so that the pod is of the template that was there before
        changed += [_put_back(api, one, _get(api, one)) for one in _in_order(wanted) if one.kind == DAEMON_SET]
    if LABEL in _labels(api, node):
        api.call("PATCH", path_of(node), {"metadata": {"labels": {LABEL: None}}})
        changed.append(True)
    return any(changed)


def finish_back(api: Api, wanted: Sequence[Origin]) -> bool:
    """Deployments as they were, once no node is ours any more: the operator finds its own device plugin at work."""
    if items(api, "/api/v1/nodes", {"labelSelector": LABEL}):
        return False
    changed = [_put_back(api, one, _get(api, one)) for one in wanted if one.kind == DEPLOYMENT]
    return any(changed)


def _in_order(wanted: Sequence[Origin]) -> list[Origin]:
    in_cluster = [one for one in wanted if one.kind != UNIT]
    return sorted(in_cluster, key=lambda one: one.kind == DAEMON_SET)


def _get(api: Api, one: Origin) -> dict[str, Any]:
    found = api.call("GET", one.path)
    if found is None:
        raise AdoptError(f"sriov_adopt_from: expected {one} in the cluster, found none; make it again, or take it out")
    return dict(found)


def _labels(api: Api, node: str) -> dict[str, str]:
    found = api.call("GET", path_of(node))
    if found is None:
        raise AdoptError(f"expected the node {node} in the cluster, found none. Correct sriov_node_name.")
    return dict(found["metadata"].get("labels") or {})


def _keep_away(api: Api, one: Origin, found: Mapping[str, Any]) -> bool:
    """One patch has both the change and what was before: a kill leaves neither, or both."""
    noted = (found["metadata"].get("annotations") or {}).get(ANNOTATION)
    spec = found["spec"]
    if one.kind == DEPLOYMENT:
        before: dict[str, Any] = {"replicas": spec.get("replicas", 1)}
        patch: dict[str, Any] = {"replicas": 0}
        done = spec.get("replicas", 1) == 0
    else:
        affinity = (spec["template"].get("spec") or {}).get("affinity")
        before = {"affinity": affinity, "updateStrategy": spec.get("updateStrategy")}
        done = _keeps_away(affinity)
        patch = {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None},
                 "template": {"spec": {"affinity": with_ours(affinity)}}}  # fmt: skip
    if done:
        return False
    meta: dict[str, Any] = {"resourceVersion": found["metadata"]["resourceVersion"]}
    if noted is None:
        meta["annotations"] = {ANNOTATION: json.dumps(before, sort_keys=True)}
    api.call("PATCH", one.path, {"metadata": meta, "spec": patch})
    return True


def _put_back(api: Api, one: Origin, found: Mapping[str, Any]) -> bool:
    noted = (found["metadata"].get("annotations") or {}).get(ANNOTATION)
    if noted is None:
        return False
    before = json.loads(noted)
    if one.kind == DEPLOYMENT:
        patch: dict[str, Any] = {"replicas": before["replicas"]}
    else:
        strategy = dict(before.get("updateStrategy") or {"type": "RollingUpdate"})
        patch = {"updateStrategy": {"rollingUpdate": None, **strategy},
                 "template": {"spec": {"affinity": _without_ours(before.get("affinity"))}}}  # fmt: skip
    meta = {"resourceVersion": found["metadata"]["resourceVersion"], "annotations": {ANNOTATION: None}}
    api.call("PATCH", one.path, {"metadata": meta, "spec": patch})
    return True


def _terms(affinity: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    required = (((affinity or {}).get("nodeAffinity") or {}).get(_REQUIRED)) or {}
    return list(required.get("nodeSelectorTerms") or [])


def _keeps_away(affinity: Mapping[str, Any] | None) -> bool:
    terms = _terms(affinity)
    return bool(terms) and all(_EXPRESSION in (term.get("matchExpressions") or []) for term in terms)


def with_ours(affinity: Mapping[str, Any] | None) -> dict[str, Any]:
    """An affinity that keeps away from our nodes, too. Its terms are alternatives, so each gets the expression."""
    terms = [
        {**term, "matchExpressions": [*(term.get("matchExpressions") or []), _EXPRESSION]} for term in _terms(affinity)
    ]
    node = {**((affinity or {}).get("nodeAffinity") or {})}
    node[_REQUIRED] = {"nodeSelectorTerms": terms or [{"matchExpressions": [_EXPRESSION]}]}
    return {**(affinity or {}), "nodeAffinity": node}


def _without_ours(before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The merge patch to what was there: what it did not have is null."""
    if not before:
        return None
    node = before.get("nodeAffinity")
    return {**before, "nodeAffinity": {**node, _REQUIRED: node.get(_REQUIRED)} if node else None}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run may need to do in a cluster: one table, which docs/rbac.yml is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import lease
from .api import Api

ALWAYS, NETWORKS, ROLL, DRAIN, VMS = "always", "networks", "roll", "drain", "vms"
LOOK = "look"  # what a run asks besides: where it may not, it says so and goes on
PARTS = (ALWAYS, NETWORKS, ROLL, DRAIN, VMS, LOOK)
_NETWORKS = ("k8s.cni.cncf.io", "network-attachment-definitions")
_DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
_MACHINES = ("kubevirt.io", "virtualmachineinstances")
_LEASES = ("coordination.k8s.io", "leases")


@dataclass(frozen=True)
class Right:
    """One permission. resource: with its subresource; name: of the one object, "" for all; namespaced: only in
    sriov_lease_namespace; what: what it is for.
    """

    part: str
    verb: str
    group: str
    resource: str
    what: str
    name: str = ""
    namespaced: bool = False

    def __str__(self) -> str:
        group = f".{self.group}" if self.group else ""
        resource, slash, sub = self.resource.partition("/")
        return f"{self.verb} {resource}{group}{slash}{sub}{f' {self.name}' if self.name else ''} ({self.what})"


RIGHTS = (
    Right(ALWAYS, "get", "", "nodes", "to see whether a node is Ready with its VFs"),
    Right(ALWAYS, "patch", "", "nodes", "to label and to cordon nodes"),
    Right(NETWORKS, "get", *_DEFINITIONS, "to see whether the cluster knows networks"),
    Right(NETWORKS, "create", *_DEFINITIONS, "to define networks where no Multus has"),
    Right(NETWORKS, "get", *_NETWORKS, "to compare networks"),
    Right(NETWORKS, "list", *_NETWORKS, "to compare networks"),
    Right(NETWORKS, "create", *_NETWORKS, "to make networks"),
    Right(NETWORKS, "patch", *_NETWORKS, "to change networks"),
    Right(NETWORKS, "delete", *_NETWORKS, "to remove networks of ours (sriov_prune, teardown)"),
    Right(ROLL, "list", "", "nodes", "to count the nodes that are unavailable"),
    Right(ROLL, "get", *_LEASES, "to see whether another run is at work", lease.NAME, namespaced=True),
    Right(ROLL, "create", *_LEASES, "to keep other runs out", namespaced=True),
    Right(ROLL, "patch", *_LEASES, "to keep other runs out", lease.NAME, namespaced=True),
    Right(DRAIN, "list", "", "pods", "to see which pods have to go"),
    Right(DRAIN, "create", "", "pods/eviction", "to let pods go as their budgets allow it"),
    Right(DRAIN, "list", "policy", "poddisruptionbudgets", "to foretell which budgets block"),
    Right(DRAIN, "list", *_MACHINES, "to see which VMs migrate"),
    Right(VMS, "delete", *_MACHINES, "to stop the VMs that sriov_stop_vms names"),
    Right(LOOK, "list", "", "namespaces", "to wait for the namespaces of networks"),
    Right(LOOK, "list", "resource.k8s.io", "resourceslices", "to see what DRA drivers offer"),
    Right(LOOK, "list", "resource.k8s.io", "deviceclasses", "to see what DRA drivers offer"),
    Right(LOOK, "list", "kubevirt.io", "kubevirts", "to see what KubeVirt lacks"),
    Right(
        LOOK, "list", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "to see who adds requests"
    ),
)


def missing(api: Api, parts: Iterable[str], namespace: str) -> list[Right]:
    """Those that this user lacks, as the API server says. parts: of PARTS."""
    wanted = set(parts)
    return lacking(api, (right for right in RIGHTS if right.part in wanted), namespace)


def lacking(api: Api, wanted: Iterable[Right], namespace: str) -> list[Right]:
    """Those of some rights that this user lacks. namespace: of those that are for one alone."""
    return [right for right in wanted if not _allowed(api, right, namespace)]


def _allowed(api: Api, right: Right, namespace: str) -> bool:
    resource, slash, sub = right.resource.partition("/")
    asked = {"verb": right.verb, "group": right.group, "resource": resource, "name": right.name}
    if slash:
        asked["subresource"] = sub
    if right.namespaced:
        asked["namespace"] = namespace
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
    }
    answer = api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body) or {}
    return bool((answer.get("status") or {}).get("allowed"))


def sentence(rights: Iterable[Right], cluster: str) -> str:
    """What is missing, for people."""
    lines = "".join(f"\n  - {right}" for right in rights)
    return (
        f"{cluster}: expected a user that may do all that this run needs, found that it lacks:{lines}\n"
        "Nothing was changed. Give it these rights; docs/rbac.yml has them all."
    )

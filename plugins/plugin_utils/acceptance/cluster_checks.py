# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has to have before a pod gets a VF: what nodes offer, definitions of networks, and who reads them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from .. import kubevirt, multus, owned_objects
from ..network_types import TYPES
from ..networks import RESOURCE_ANNOTATION
from .rows import CLUSTER, CheckRow, row, warned

Item = Mapping[str, Any]
CRD = "network-attachment-definitions.k8s.cni.cncf.io"
_SITE = "Run baremetal.sriov.site."
_LEAST_RESTARTS = 5  # of one container, that are worth a word


def node_rows(host: str, name: str, node: Item | None, resources: Mapping[str, int]) -> Iterator[CheckRow]:
    """A node is Ready, and offers what it is to offer."""
    if node is None:
        yield row(host, "node", name, False, "a node of the cluster", "none", "Correct sriov_node_name.")
        return
    status = node.get("status") or {}
    ready = [one for one in status.get("conditions") or () if one.get("type") == "Ready"]
    words = str((ready[0].get("message") or ready[0].get("reason") or "no reason") if ready else "no such condition")
    holds = bool(ready) and ready[0].get("status") == "True"
    yield row(host, "node", name, holds, "Ready", "Ready" if holds else words, "See the kubelet's log on the node.")
    for resource, count in sorted(resources.items()):
        capacity, free = (str((status.get(key) or {}).get(resource, 0)) for key in ("capacity", "allocatable"))
        yield row(
            host,
            "allocatable",
            resource,
            capacity == free == str(count),
            f"{count}",
            free if capacity == free else f"{free} of {capacity}",
            "See the rows registered and num_vfs of this node; a VF without a link counts as Unhealthy.",
        )


def definition_rows(crds: Iterable[Item], found: Iterable[Item], offered: Collection[str]) -> Iterator[CheckRow]:
    """The resource of networks is there, and each network can be read. offered: the resources of all nodes."""
    crd = next((one for one in crds if one["metadata"]["name"] == CRD), None)
    status = (crd or {}).get("status") or {}
    states = {one.get("type"): one.get("status") for one in status.get("conditions") or ()}
    yield row(
        CLUSTER,
        "definition",
        CRD,
        states.get("Established") == "True",
        "Established",
        "Established" if states.get("Established") == "True" else "none" if crd is None else "not Established",
        f"Install Multus (sriov_multus: thin), or its definition alone. {_SITE}",
    )
    for item in found:
        yield _definition(item, offered)


def _definition(item: Item, offered: Collection[str]) -> CheckRow:
    metadata = item["metadata"]
    name = f"{metadata.get('namespace', 'default')}/{metadata['name']}"
    resource = (metadata.get("annotations") or {}).get(RESOURCE_ANNOTATION, "")
    problem = _configuration_problem(item)
    if not problem and resource and resource not in offered:
        problem = f"{resource}, which no node offers"
    expected = "JSON with a type and a vlan, and a resource that a node offers"
    if problem and not owned_objects.is_ours(dict(item)):
        return warned(CLUSTER, "network", name, f"{problem}. It is somebody else's")
    return row(
        CLUSTER,
        "network",
        name,
        not problem,
        expected,
        problem or resource or "no resource",
        f"{_SITE} Correct resource_name, or add a policy.",
    )


def _configuration_problem(item: Item) -> str:
    text = (item.get("spec") or {}).get("config") or ""
    if not text:
        return ""  # Multus looks for a file of this name on the nodes
    try:
        read = json.loads(text)
        plugin = (read.get("plugins") or [read])[0]
        kind = plugin["type"]
    except (ValueError, AttributeError, TypeError, IndexError, KeyError):
        return "a configuration without a type, or no JSON"
    has_vlans = kind in TYPES and "vlan" in TYPES[kind].fields and kind != "bridge"
    if has_vlans and "vlan" not in plugin and "vlan_trunk" not in plugin:
        return "no vlan, so that a VF keeps that of its last user"
    return ""


def daemon_rows(daemon_sets: Iterable[Item], pods: Iterable[Item]) -> Iterator[CheckRow]:
    """Multus runs on all nodes, whoever's it is, and is not killed again and again."""
    listed = list(pods)
    for item in daemon_sets:
        metadata, status = item["metadata"], item.get("status") or {}
        if multus.NAME not in metadata["name"]:
            continue
        name = f"DaemonSet {metadata.get('namespace', '')}/{metadata['name']}"
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        yield row(
            CLUSTER,
            "multus",
            name,
            wanted == ready and bool(wanted),
            f"{wanted} pods that are ready",
            f"{ready}",
            "Without it a pod of that node gets no network: see kubectl describe and the logs of its pods.",
        )
        labels = ((item.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
        own = [
            pod
            for pod in listed
            if pod["metadata"].get("namespace") == metadata.get("namespace")
            and labels
            and labels.items() <= (pod["metadata"].get("labels") or {}).items()
        ]
        yield from (problem for pod in own for problem in _restarts(pod))


def _restarts(pod: Item) -> Iterator[CheckRow]:
    status = pod.get("status") or {}
    for one in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        ended = ((one.get("lastState") or {}).get("terminated") or {}).get("reason", "")
        often = int(one.get("restartCount") or 0)
        if ended == "OOMKilled" or often >= _LEAST_RESTARTS:
            name = f"pod {pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"
            yield row(
                CLUSTER,
                "multus",
                name,
                False,
                "no restarts",
                f"{often} of {one.get('name')}, the last {ended}",
                "Give it more memory: sriov_multus_resources: {memory: 256Mi}.",
            )


def kubevirt_rows(kubevirts: Iterable[Item], webhooks: Iterable[Item]) -> Iterator[CheckRow]:
    """KubeVirt is new enough, and somebody adds what its pods request."""
    listed, hooks = list(kubevirts), list(webhooks)
    problems = kubevirt.problems(listed, hooks)
    for problem in problems:
        yield warned(CLUSTER, "kubevirt", problem.partition(":")[0], problem)
    if listed and not problems:
        version = str((listed[0].get("status") or {}).get("observedKubeVirtVersion", ""))
        yield row(CLUSTER, "kubevirt", "KubeVirt", True, "1.7 or newer, with what adds requests", version, "")

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod has to request for the networks that it names: Multus gives it a VF only if the kubelet has given it one.

Since KubeVirt 1.9 nobody adds the requests by himself, so that a manifest has them, or a webhook adds them.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..module_utils.model.errors import InvalidSpecError, Mistake
from ..module_utils.policy.validation import show
from .networks import NAMESPACE, RESOURCE_ANNOTATION, name_of, parsed, resource_of

NETWORKS_ANNOTATION = "k8s.v1.cni.cncf.io/networks"
DEFAULT_NETWORK_ANNOTATION = "v1.multus-cni.io/default-network"
Resources = Mapping[tuple[str, str], str]  # namespace and name of a network -> its resource, "" for none

# API group and kind -> where the pod is; of virtual machines, where the machine is.
_PODS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}
_MACHINES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("kubevirt.io", "VirtualMachineInstance"): (),
    ("kubevirt.io", "VirtualMachine"): ("spec", "template"),
    ("kubevirt.io", "VirtualMachineInstanceReplicaSet"): ("spec", "template"),
    ("pool.kubevirt.io", "VirtualMachinePool"): ("spec", "virtualMachineTemplate", "spec", "template"),
}
_ENDED = ("Succeeded", "Failed")


def resources_of(networks: Any, prefix: str) -> dict[tuple[str, str], str]:
    """The resource of each network of the inventory, or of each definition of a cluster. Raises InvalidSpecError."""
    listed = networks if isinstance(networks, list) else []
    if listed and all(isinstance(item, Mapping) and "metadata" in item for item in listed):
        return {_identity(item): _annotations(item).get(RESOURCE_ANNOTATION, "") for item in listed}
    return {name_of(values): resource_of(values, prefix) for values in parsed(networks)}


def with_requests(value: Any, resources: Resources, known_only: bool = True) -> Any:
    """An object, or a list of them, with what its pods need. Raises InvalidSpecError with every mistake."""
    found = copy.deepcopy(value)
    mistakes: list[Mistake] = []
    for item in _objects(found):
        kind = str(item.get("apiVersion", "v1")).rpartition("/")[0].partition("/")[0], str(item.get("kind", ""))
        name, namespace = item.get("metadata", {}).get("name", "without a name"), _identity(item)[0]
        wrong: list[str] = []
        path = _PODS.get(kind, _MACHINES.get(kind))
        pod = _inside(item, path, wrong) if path is not None else None
        if pod is not None:
            fill = _fill_pod if kind in _PODS else _fill_machine
            fill(pod, namespace, resources if known_only else _Lenient(resources), wrong)
        mistakes += [Mistake(f"{kind[1]} {namespace}/{name}", text) for text in wrong]
    if mistakes:
        raise InvalidSpecError(mistakes)
    return found


def without_vf(pods: Iterable[Mapping[str, Any]], resources: Resources) -> list[str]:
    """Sentences about pods that name a network and do not request its resource."""
    found = []
    for pod in pods:
        if pod.get("status", {}).get("phase") in _ENDED:
            continue
        namespace, name = _identity(pod)
        wrong: list[str] = []
        needed = _needed(_annotations(pod), namespace, _Lenient(resources), wrong)
        has = _requested(pod.get("spec", {}))
        found += [
            f"pod {namespace}/{name}: its networks need {count} {resource}, and it requests {has[resource]}: it gets "
            "no VF from there. Add it to resources.requests and resources.limits, as the filter pod_spec of "
            "baremetal.sriov does, or have the network-resources-injector do so"
            for resource, count in sorted(needed.items())
            if has[resource] < count
        ]
    return found


def networks_of(pod: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Namespace and name of each network that a pod names besides the default one. Raises ValueError."""
    return _networks(_annotations(pod).get(NETWORKS_ANNOTATION) or "", _identity(pod)[0])


class _Lenient(dict[tuple[str, str], str]):
    """Networks of which those that nobody knows need nothing."""

    def __missing__(self, key: tuple[str, str]) -> str:
        return ""

    def __contains__(self, key: object) -> bool:
        return True


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Each object, those in lists too."""
    for item in value if isinstance(value, list) else [value]:
        if item is None:  # between two --- of a file
            continue
        if not isinstance(item, dict):
            raise InvalidSpecError([Mistake("pod_spec", f"expected an object of Kubernetes, found {show(item)}")])
        if item.get("kind") == "List":
            yield from _objects(item.get("items") or [])
        else:
            yield item


def _inside(item: dict[str, Any], path: tuple[str, ...], wrong: list[str]) -> dict[str, Any] | None:
    """What lies at a path of mappings; None, with a sentence, where there is none."""
    at: Any = item
    for number, key in enumerate(path):
        at = at.get(key)
        if not isinstance(at, dict):
            wrong.append(f"{'.'.join(path[: number + 1])}: expected a mapping, found {show(at)}")
            return None
    found: dict[str, Any] = at
    return found


def _identity(item: Mapping[str, Any]) -> tuple[str, str]:
    metadata = item.get("metadata") or {}
    return str(metadata.get("namespace") or NAMESPACE), str(metadata.get("name", ""))


def _annotations(item: Mapping[str, Any]) -> dict[str, str]:
    return (item.get("metadata") or {}).get("annotations") or {}


def _needed(annotations: Mapping[str, str], namespace: str, resources: Resources, wrong: list[str]) -> Counter[str]:
    """Resource -> how many a pod with these annotations needs."""
    found: Counter[str] = Counter()
    for key in (NETWORKS_ANNOTATION, DEFAULT_NETWORK_ANNOTATION):
        try:
            named = _networks(annotations.get(key) or "", namespace)
        except ValueError as error:
            wrong.append(f"annotation {key}: {error}")
            continue
        for network in named:
            if network in resources:
                found.update([resources[network]] if resources[network] else [])
            else:
                known = ", ".join(sorted("/".join(one) for one in resources)) or "none"
                wrong.append(f"annotation {key}: expected a network that is known ({known}), found {'/'.join(network)}")
    return found


def _networks(text: str, namespace: str) -> list[tuple[str, str]]:
    """The networks of an annotation: NAMESPACE/NAME@INTERFACE with commas between them, or a list in JSON. Raises
    ValueError.
    """
    if not isinstance(text, str):
        raise ValueError(f"expected a text, found {show(text)}")
    if not any(mark in text for mark in '[{"'):
        parts = [part.strip().partition("@")[0] for part in text.split(",") if part.strip()]
        return [_reference(part, namespace) for part in parts]
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise ValueError(f"expected a list in JSON, found {show(text)} ({error})") from None
    if not isinstance(listed, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in listed
    ):
        raise ValueError(f"expected a list of objects with a name, found {show(text)}")
    return [(str(one.get("namespace") or namespace), one["name"]) for one in listed]


def _reference(text: str, namespace: str) -> tuple[str, str]:
    """NAME or NAMESPACE/NAME. Raises ValueError."""
    first, slash, name = text.partition("/")
    if not first or (slash and not name) or "/" in name:
        raise ValueError(f"expected NAME or NAMESPACE/NAME, found {show(text)}")
    return (first, name) if slash else (namespace, first)


def _requested(spec: Mapping[str, Any]) -> Counter[str]:
    """Resource -> how many all containers request that run at the same time."""
    found: Counter[str] = Counter()
    beside = [one for one in spec.get("initContainers") or [] if one.get("restartPolicy") == "Always"]
    for container in [*(spec.get("containers") or []), *beside]:
        given = container.get("resources") or {}
        names = {*(given.get("requests") or {}), *(given.get("limits") or {})}
        found.update({name: _count(given, name) for name in names})
    return found


def _count(given: Mapping[str, Any], name: str) -> int:
    """What is given of an extended resource, which are whole numbers."""
    values = ((given.get(key) or {}).get(name) for key in ("requests", "limits"))
    return max((int(str(value)) for value in values if str(value).isdecimal()), default=0)


def _fill_pod(pod: dict[str, Any], namespace: str, resources: Resources, wrong: list[str]) -> None:
    own = (pod.get("metadata") or {}).get("namespace")
    needed = _needed(_annotations(pod), str(own or namespace), resources, wrong)
    spec = pod.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    if not needed or wrong:
        return
    if not isinstance(containers, list) or not containers or not all(isinstance(one, dict) for one in containers):
        wrong.append(f"spec.containers: expected a list of containers, found {show(containers)}")
        return
    has = _requested(spec if isinstance(spec, dict) else {})
    for name, count in sorted(needed.items()):
        for container in containers:  # of an extended resource both have to be the same
            _add(container, name, 0)
        _add(containers[0], name, max(0, count - has[name]))


def _fill_machine(machine: dict[str, Any], namespace: str, resources: Resources, wrong: list[str]) -> None:
    spec = machine.get("spec")
    domain = spec.get("domain") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(domain, dict):
        wrong.append(f"spec.domain: expected a mapping, found {show(domain)}")
        return
    interfaces = (domain.get("devices") or {}).get("interfaces") or []
    direct = {one.get("name") for one in interfaces if isinstance(one, dict) and "sriov" in one}
    networks = [one for one in spec.get("networks") or [] if isinstance(one, dict) and one.get("name") in direct]
    named = [one["multus"].get("networkName", "") for one in networks if isinstance(one.get("multus"), dict)]
    needed = _needed({NETWORKS_ANNOTATION: ",".join(named)}, namespace, resources, wrong)
    for name, count in sorted(needed.items()) if not wrong else ():
        _add(domain, name, max(0, count - _count(domain.get("resources") or {}, name)))


def _add(holder: dict[str, Any], name: str, more: int) -> None:
    """Let what holds resources request, and be limited to, `more` of one beyond what it has of it."""
    given = holder.get("resources") or {}
    total = _count(given, name) + more
    if total:
        wanted = {name: str(total)}
        holder["resources"] = {**given, **{key: {**(given.get(key) or {}), **wanted} for key in ("requests", "limits")}}

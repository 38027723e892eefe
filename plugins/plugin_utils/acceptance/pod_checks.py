# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether pods and virtual machines that run have the VFs of their networks, as Multus, the nodes and KubeVirt tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .. import pod_requests
from ..networks import NAMESPACE, RESOURCE_ANNOTATION
from .rows import CLUSTER, CheckRow, row, warned

Item = Mapping[str, Any]
STATUS_ANNOTATION = "k8s.v1.cni.cncf.io/network-status"
INFO_ANNOTATION = "kubevirt.io/network-info"
_MACHINE_LABEL = "kubevirt.io/created-by"
# Key of a network's configuration -> field of a VF in what sriov_node_state tells, and how its values read there.
_SETTINGS: Mapping[str, tuple[str, Mapping[Any, Any]]] = {
    "mac": ("mac", {}),
    "vlan": ("vlan", {}),
    "spoofchk": ("spoof_chk", {"on": True, "off": False}),
    "trust": ("trust", {"on": True, "off": False}),
    "link_state": ("link_state", {}),
}


def pod_rows(
    pods: Iterable[Item], definitions: Iterable[Item], vfs: Mapping[str, Mapping[str, Item]]
) -> Iterator[CheckRow]:
    """Of each pod that runs and names networks with a resource. vfs: node -> PCI address -> what it tells of the VF."""
    there, listed = list(definitions), list(pods)
    resources = pod_requests.resources_of(there, "") if there else {}
    for sentence in pod_requests.without_vf(listed, resources):
        yield warned(CLUSTER, "request", sentence.partition(":")[0], sentence)
    named = {(str(one["metadata"].get("namespace", NAMESPACE)), one["metadata"]["name"]): one for one in there}
    for pod in listed:
        if (pod.get("status") or {}).get("phase") == "Running":
            yield from _of_pod(pod, named, vfs.get(str((pod.get("spec") or {}).get("nodeName")), {}))


def _of_pod(pod: Item, named: Mapping[tuple[str, str], Item], vfs: Mapping[str, Item]) -> Iterator[CheckRow]:
    metadata = pod["metadata"]
    name = f"pod {metadata.get('namespace', NAMESPACE)}/{metadata['name']}"
    annotations = metadata.get("annotations") or {}
    try:
        wanted = [one for one in pod_requests.networks_of(pod) if _resource(named.get(one))]
    except ValueError:
        return  # told by the row request
    if not wanted:
        return
    try:
        told = [one for one in json.loads(annotations.get(STATUS_ANNOTATION) or "[]") if isinstance(one, dict)]
    except (ValueError, TypeError):
        told = []
    for network in dict.fromkeys(wanted):
        full = "/".join(network)
        found = [one for one in told if one.get("name") == full]
        yield _status(name, full, wanted.count(network), found)
        yield from _at_the_pf(name, full, named[network], found, vfs)


def _resource(definition: Item | None) -> str:
    metadata = (definition or {}).get("metadata") or {}
    return str((metadata.get("annotations") or {}).get(RESOURCE_ANNOTATION, ""))


def _address(entry: Item) -> str:
    """The VF's PCI address in an entry of network-status or network-info; "" where there is none."""
    info = entry.get("device-info") or entry.get("deviceInfo") or {}
    details = info.get(str(info.get("type"))) if isinstance(info, Mapping) else None
    return str((details or {}).get("pci-address", "")) if isinstance(details, Mapping) else ""


def _status(pod: str, network: str, count: int, found: list[dict[str, Any]]) -> CheckRow:
    whole = [one for one in found if one.get("interface") and _address(one)]
    lacks = [] if len(found) == count else [f"{len(found)} entries"]
    lacks += ["no interface" for one in found if not one.get("interface")][:1]
    lacks += ["no device-info with a pci-address" for one in found if not _address(one)][:1]
    good = ", ".join(f"{one['interface']} {_address(one)}" for one in whole)
    return row(
        CLUSTER,
        "network_status",
        f"{pod}: {network}",
        not lacks,
        f"{count} with an interface and a pci-address",
        ", ".join(lacks) or good,
        "See the row device_info of its node; a pod that started before its file was there has to start anew.",
    )


def _at_the_pf(
    pod: str, network: str, definition: Item, found: Iterable[Item], vfs: Mapping[str, Item]
) -> Iterator[CheckRow]:
    """What the network asks for is set at the PF."""
    try:
        read = json.loads((definition.get("spec") or {}).get("config") or "{}")
        plugin = (read.get("plugins") or [read])[0]
    except (ValueError, AttributeError, IndexError, TypeError):
        return
    for entry in found:
        vf = vfs.get(_address(entry))
        if vf is None:
            continue
        wanted = {
            field: words.get(plugin[key], plugin[key]) for key, (field, words) in _SETTINGS.items() if key in plugin
        }
        wrong = [
            f"{field} {vf[field]} (asked: {value})"
            for field, value in wanted.items()
            if field in vf and vf[field] != value
        ]
        yield row(
            CLUSTER,
            "vf_settings",
            f"{pod}: {network} {_address(entry)}",
            not wrong,
            ", ".join(f"{field} {value}" for field, value in wanted.items()) or "nothing",
            ", ".join(wrong) or "so",
            "See journalctl for the CNI plugin, and let the pod start anew.",
        )


def machine_rows(machines: Iterable[Item], pods: Iterable[Item]) -> Iterator[CheckRow]:
    """Of each virtual machine with interfaces of the kind sriov."""
    launchers = {
        (pod["metadata"].get("labels") or {}).get(_MACHINE_LABEL): pod
        for pod in pods
        if (pod.get("status") or {}).get("phase") == "Running"
    }
    for machine in machines:
        metadata, spec, status = machine["metadata"], machine.get("spec") or {}, machine.get("status") or {}
        devices = (spec.get("domain") or {}).get("devices") or {}
        direct = [one for one in devices.get("interfaces") or () if "sriov" in one]
        if not direct or status.get("phase") in ("Succeeded", "Failed"):
            continue
        name = f"VMI {metadata.get('namespace', NAMESPACE)}/{metadata['name']}"
        states = {one.get("type"): one for one in status.get("conditions") or ()}
        ready = states.get("Ready") or {}
        holds = ready.get("status") == "True"
        yield row(
            CLUSTER,
            "machine",
            name,
            holds,
            "Ready",
            "Ready" if holds else str(ready.get("message") or "not yet"),
            "See kubectl describe vmi, and the rows request and device_info.",
        )
        launcher = launchers.get(metadata.get("uid"))
        for interface in direct:
            yield _interface(name, interface, status, launcher)


def _interface(machine: str, interface: Item, status: Item, launcher: Item | None) -> CheckRow:
    name = str(interface.get("name"))
    annotations = ((launcher or {}).get("metadata") or {}).get("annotations") or {}
    try:
        told = json.loads(annotations.get(INFO_ANNOTATION) or "{}").get("interfaces") or []
        address = next((_address(one) for one in told if one.get("network") == name), "")
    except (ValueError, AttributeError, TypeError):
        address = ""
    entry: Item = next((one for one in status.get("interfaces") or () if one.get("name") == name), {})
    sources = str(entry.get("infoSource", ""))
    wrong = [] if address else [f"no address in {INFO_ANNOTATION}"]
    wrong += [f"infoSource {sources or 'none'}"] if "domain" not in sources or "multus-status" not in sources else []
    mac = str(interface.get("macAddress") or "").replace("-", ":").lower()
    wrong += [f"MAC {entry.get('mac')}"] if mac and str(entry.get("mac", "")).lower() != mac else []
    return row(
        CLUSTER,
        "machine_interface",
        f"{machine}: {name}",
        not wrong,
        f"an address, infoSource with domain and multus-status{f', MAC {mac}' if mac else ''}",
        ", ".join(wrong) or address,
        "See the row network_status of its pod, and virt-launcher's log (hostdev).",
    )

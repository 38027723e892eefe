# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What DRA drivers offer of a node's functions: two that offer one give it to two pods.

Kubernetes' resource.k8s.io, v1 and the betas before it. A slice tells a device's PCI address as an attribute, whose
name is the driver's (resource.kubernetes.io/pciBusID, k8s.cni.cncf.io/deviceID, ...), or as its name with dashes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

VERSIONS = ("resource.k8s.io/v1", "resource.k8s.io/v1beta1")  # the newest first
SLICE, CLASS = "ResourceSlice", "DeviceClass"
NAMED = 3  # of many functions, how many a sentence names
_ADDRESS = re.compile(
    r"(?<![0-9a-z])([0-9a-f]{4,8})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[.-]([0-7])(?![0-9a-z])", re.IGNORECASE
)
REMEDY = "Take them out of that driver's configuration, or leave the device plugin out (sriov_device_plugin: false)."


def conflicts(
    slices: Sequence[Mapping[str, Any]],
    classes: Sequence[Mapping[str, Any]],
    node: str,
    managed: Iterable[str],
    resources: Iterable[str],
) -> list[str]:
    """Sentences about what would be offered twice on a node. managed: the PCI addresses of what policies are about."""
    return [*_same_functions(slices, node, set(managed)), *_same_names(slices, classes, node, resources)]


def namesakes(classes: Sequence[Mapping[str, Any]], resources: Iterable[str]) -> list[str]:
    """Sentences about device classes with a name of ours, which other nodes may offer: worth a word, and no fault."""
    return [
        f"DeviceClass {_name(one)} has the extended resource name {name}, which the device plugin offers too: "
        "a node can have it from one of the two alone."
        for one, name in _named(classes, resources)
    ]


def _same_functions(slices: Sequence[Mapping[str, Any]], node: str, managed: set[str]) -> Iterator[str]:
    for one in slices:
        if not _is_for(one, node):
            continue
        found = sorted({address for device in _devices(one) for address in _addresses(device)} & managed)
        if found:
            more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
            yield (
                f"ResourceSlice {_name(one)}: the DRA driver {_spec(one).get('driver')} offers "
                f"{', '.join(found[:NAMED])}{more}, which the device plugin of {node} offers too. {REMEDY}"
            )


def _same_names(
    slices: Sequence[Mapping[str, Any]], classes: Sequence[Mapping[str, Any]], node: str, resources: Iterable[str]
) -> Iterator[str]:
    drivers = sorted({str(_spec(one).get("driver")) for one in slices if _is_for(one, node)})
    for one, name in _named(classes, resources):
        selectors = json.dumps(_spec(one).get("selectors") or [])
        serving = [driver for driver in drivers if driver in selectors or not _spec(one).get("selectors")]
        if serving:
            yield (
                f"DeviceClass {_name(one)} has the extended resource name {name}, and {' and '.join(serving)} may "
                f"serve it on {node}, where the device plugin offers it too. Give the class another name, "
                "or the pool another resource_name."
            )


def _named(
    classes: Sequence[Mapping[str, Any]], resources: Iterable[str]
) -> Iterator[tuple[Mapping[str, Any], str]]:
    ours = set(resources)
    for one in classes:
        name = str(_spec(one).get("extendedResourceName") or "")
        if name in ours:
            yield one, name


def _spec(one: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = one.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _name(one: Mapping[str, Any]) -> str:
    return str((one.get("metadata") or {}).get("name"))


def _is_for(one: Mapping[str, Any], node: str) -> bool:
    """A slice of network-attached devices names no node, and has no function of one."""
    spec = _spec(one)
    if spec.get("perDeviceNodeSelection"):
        return any(device.get("nodeName") == node or device.get("allNodes") for device in _devices(one))
    return bool(spec.get("nodeName") == node or spec.get("allNodes"))


def _devices(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = _spec(one).get("devices") or []
    return [device for device in found if isinstance(device, Mapping)]


def _addresses(device: Mapping[str, Any]) -> set[str]:
    """The PCI addresses in a device's name and attributes; until v1beta1 these were one level deeper."""
    basic = device.get("basic")
    attributes = (basic if isinstance(basic, Mapping) else device).get("attributes") or {}
    texts = [str(device.get("name", ""))]
    texts += [value["string"] for value in attributes.values() if isinstance(value.get("string"), str)]
    return {
        f"{domain}:{bus}:{slot}.{function}".lower()
        for text in texts for domain, bus, slot, function in _ADDRESS.findall(text)
    }  # fmt: skip

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions of KubeVirt's kinds with the fields that our examples use, and no others: ours, not KubeVirt's own.

No registry that we may use has KubeVirt's definitions. source of names and types: KubeVirt 1.9, API reference of
kubevirt.io/v1 (VirtualMachineSpec, VirtualMachineInstanceSpec, DomainSpec, Devices, Interface, Network, Volume).
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
YES: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer"}
AMOUNT: Schema = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}


def fields(*required: str, **properties: Schema) -> Schema:
    """An object with these fields and no others."""
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def some(item: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": item}


AMOUNTS: Schema = {"type": "object", "additionalProperties": AMOUNT}
NOTHING = fields()
INTERFACE = fields("name", name=TEXT, masquerade=NOTHING, bridge=NOTHING, sriov=NOTHING, macAddress=TEXT, model=TEXT,
                   pciAddress=TEXT, bootOrder=NUMBER, tag=TEXT)  # fmt: skip
DISK = fields("name", name=TEXT, bootOrder=NUMBER, disk=fields(bus=TEXT, readonly=YES))
DOMAIN = fields(
    "devices",
    cpu=fields(cores=NUMBER, sockets=NUMBER, threads=NUMBER, model=TEXT, dedicatedCpuPlacement=YES,
               numa=fields(guestMappingPassthrough=NOTHING)),
    memory=fields(guest=AMOUNT, hugepages=fields(pageSize=TEXT)),
    devices=fields(disks=some(DISK), interfaces=some(INTERFACE), rng=NOTHING),
    resources=fields(requests=AMOUNTS, limits=AMOUNTS),
)  # fmt: skip
NETWORK = fields("name", name=TEXT, pod=NOTHING, multus=fields("networkName", networkName=TEXT, default=YES))
VOLUME = fields("name", name=TEXT, containerDisk=fields("image", image=TEXT, imagePullPolicy=TEXT),
                cloudInitNoCloud=fields(userData=TEXT, networkData=TEXT))  # fmt: skip
MACHINE = fields("domain", domain=DOMAIN, networks=some(NETWORK), volumes=some(VOLUME), evictionStrategy=TEXT,
                 nodeSelector={"type": "object", "additionalProperties": TEXT},
                 terminationGracePeriodSeconds=NUMBER)  # fmt: skip
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}
TEMPLATE = fields("spec", metadata=fields(labels=LABELS, annotations=LABELS), spec=MACHINE)
RUN = {**TEXT, "enum": ["Always", "Halted", "Manual", "RerunOnFailure", "Once", "WaitAsReceiver"]}
KINDS: dict[str, Schema] = {
    "VirtualMachine": fields("template", runStrategy=RUN, running=YES, template=TEMPLATE),
    "VirtualMachineInstance": MACHINE,
}


def definitions() -> list[dict[str, Any]]:
    """A CustomResourceDefinition for each kind."""
    return [_definition(kind, spec) for kind, spec in KINDS.items()]


def _definition(kind: str, spec: Schema) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    status: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "required": ["spec"], "properties": {"spec": spec, "status": status}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.kubevirt.io"},
        "spec": {"group": "kubevirt.io", "scope": "Namespaced", "names": names, "versions": [version]},
    }

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the inventory as objects of DANM, another meta plugin: its three kinds, for those who have it.

Nobody maintains it any more, and virtual machines of KubeVirt can't use its networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils.model.errors import InvalidSpecError, Mistake
from .network_types import DEFAULT
from .networks import name_of, parsed, resource_of
from .owned_objects import OWNER, OWNER_LABEL

API_VERSION = "danm.io/v1"
DANM_NET, TENANT, CLUSTER = "DanmNet", "TenantNetwork", "ClusterNetwork"
KINDS = (DANM_NET, TENANT, CLUSTER)
_LONGEST_ID = 10  # characters, of a network with a VLAN: it is part of an interface's name
# What DANM hands to a plugin; it has no place for any other field.
_FIELDS = ("name", "type", "network_namespace", "resource_name", "vlan", "ipam", "cni_version")


def objects(networks: Any, kind: str, prefix: str, places: Mapping[int, str] | None = None) -> list[dict[str, Any]]:
    """Each network as an object of a kind. Raises InvalidSpecError with every mistake, and all that DANM cannot do."""
    mistakes: list[Mistake] = []
    found = []
    for number, values in enumerate(parsed(networks, places)):
        path = (places or {}).get(number, f"sriov_networks[{number}]")
        mistakes += _mistakes(values, kind, path)
        found.append(_object(values, kind, prefix))
    if mistakes:
        raise InvalidSpecError(mistakes)
    return found


def _mistakes(values: Mapping[str, Any], kind: str, path: str) -> list[Mistake]:
    found = [Mistake(f"{path}.{field}", "is nothing that DANM hands on") for field in values if field not in _FIELDS]
    if values.get("type", DEFAULT) != DEFAULT:
        found.append(Mistake(f"{path}.type", f"expected {DEFAULT}, found {values['type']!r}"))
    if values.get("vlan") and kind == TENANT:
        found.append(Mistake(f"{path}.vlan", "a TenantNetwork gets its VLAN from DANM's TenantConfig, found one here"))
    elif values.get("vlan") and len(str(values.get("name"))) > _LONGEST_ID:
        found.append(Mistake(f"{path}.name", f"expected at most {_LONGEST_ID} characters of a network with a vlan"))
    if values.get("ipam") and set(values["ipam"]) - {"type", "subnet", "rangeStart", "rangeEnd"}:
        problem = "DANM gives addresses itself: expected type, subnet, rangeStart and rangeEnd alone"
        found.append(Mistake(f"{path}.ipam", problem))
    return found


def _object(values: Mapping[str, Any], kind: str, prefix: str) -> dict[str, Any]:
    namespace, name = name_of(values)
    options: dict[str, Any] = {"device_pool": resource_of(values, prefix)}
    ipam = values.get("ipam") or {}
    if values.get("vlan"):
        options["vlan"] = values["vlan"]
    if ipam.get("subnet"):
        options["cidr"] = ipam["subnet"]
    bounds = {ours: ipam[theirs] for ours, theirs in (("start", "rangeStart"), ("end", "rangeEnd")) if theirs in ipam}
    if bounds:
        options["allocation_pool"] = bounds
    metadata: dict[str, Any] = {"name": name, "labels": {OWNER_LABEL: OWNER}}
    if kind != CLUSTER:
        metadata["namespace"] = namespace
    spec = {"NetworkID": name, "NetworkType": "sriov", "Options": options}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as objects of DANM.

source: DANM's documentation of its API (danm.io/v1): NetworkID, NetworkType and Options; device_pool is the resource,
and mandatory for sriov; a TenantNetwork gets vlan from the TenantConfig; a ClusterNetwork has no namespace; a NetworkID
has at most 10 characters where a VLAN is set.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.filter.filters import danm_networks

NETWORK = {"name": "blue", "resource_name": "kernel", "network_namespace": "vms"}


@pytest.mark.parametrize("kind", ["DanmNet", "TenantNetwork", "ClusterNetwork"])
def test_each_kind(kind: str) -> None:
    ipam = {"type": "host-local", "subnet": "10.9.0.0/24", "rangeStart": "10.9.0.10", "rangeEnd": "10.9.0.90"}
    network = {**NETWORK, "ipam": ipam, **({} if kind == "TenantNetwork" else {"vlan": 5})}
    (found,) = danm_networks([network], kind)
    assert (found["apiVersion"], found["kind"]) == ("danm.io/v1", kind)
    assert found["metadata"].get("namespace") == (None if kind == "ClusterNetwork" else "vms")
    options = dict(found["spec"]["Options"])
    assert options.pop("vlan", None) == (None if kind == "TenantNetwork" else 5)
    assert options == {"device_pool": "baremetal.sriov/kernel", "cidr": "10.9.0.0/24",
                       "allocation_pool": {"start": "10.9.0.10", "end": "10.9.0.90"}}  # fmt: skip
    assert (found["spec"]["NetworkID"], found["spec"]["NetworkType"]) == ("blue", "sriov")


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"trust": "on"}, "DanmNet", "sriov_networks[0].trust: is nothing that DANM hands on"),
        ({"vlan": 5}, "TenantNetwork", "TenantConfig"),
        ({"vlan": 5, "name": "a-longer-name"}, "ClusterNetwork", "at most 10 characters"),
        ({"ipam": {"type": "static", "addresses": []}}, "DanmNet", "DANM gives addresses itself"),
        ({"vlan": 5000}, "DanmNet", "expected a whole number from 0 to 4094"),
        ({}, "Net", "expected one of DanmNet, TenantNetwork, ClusterNetwork"),
    ],
)
def test_what_danm_cannot_do(change: dict[str, Any], kind: str, words: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        danm_networks([{**NETWORK, **change}], kind)
    assert words in str(caught.value)

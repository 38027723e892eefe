# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's manifests, read as its users keep them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from ansible_collections.baremetal.sriov.plugins.plugin_utils import manifests, networks

POLICY = """
apiVersion: sriovnetwork.openshift.io/v1
kind: SriovNetworkNodePolicy
metadata:
  name: fast
  namespace: sriov-network-operator
spec:
  resourceName: fast_vfs
  nodeSelector:
    feature.node.kubernetes.io/network-sriov.capable: "true"
  priority: 10
  mtu: 9000
  numVfs: 6
  nicSelector:
    vendor: "8086"
    deviceID: "10c9"
    pfNames: ["enp1s0#0-3"]
    rootDevices: ["0000:01:00.0"]
    netFilter: ""
  deviceType: netdevice
  isRdma: false
  needVhostNet: true
  excludeTopology: true
  eSwitchMode: legacy
  externallyManaged: false
  linkType: eth
  vdpaType: ""
status: {}
"""
NETWORK = """
apiVersion: sriovnetwork.openshift.io/v1
kind: SriovNetwork
metadata: {name: blue, namespace: sriov-network-operator}
spec:
  resourceName: fast_vfs
  networkNamespace: tenants
  vlan: 5
  vlanQoS: 3
  vlanProto: 802.1AD
  spoofChk: "off"
  trust: "on"
  linkState: enable
  minTxRate: 10
  maxTxRate: 20
  capabilities: '{"mac": true}'
  ipam: '{"type": "static"}'
  metaPlugins: '{"type": "tuning"}, {"type": "vrf", "vrfname": "v"}'
  logLevel: debug
  logFile: /var/log/x
"""


def read(folder: Path, **texts: str) -> Any:
    """Everything in these files."""
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return manifests.read([str(folder)])


def test_every_field_of_a_policy(tmp_path: Path) -> None:
    """camelCase becomes ours; what is empty is left out."""
    (policy,) = read(tmp_path, a=POLICY).policies
    assert policy == {
        "name": "fast",
        "resource_name": "fast_vfs",
        "node_selector": {"labels": {"feature.node.kubernetes.io/network-sriov.capable": "true"}},
        "priority": 10,
        "mtu": 9000,
        "num_vfs": 6,
        "nic_selector": {
            "vendor": "8086",
            "device_id": "10c9",
            "pf_names": ["enp1s0#0-3"],
            "root_devices": ["0000:01:00.0"],
        },
        "device_type": "netdevice",
        "is_rdma": False,
        "need_vhost_net": True,
        "exclude_topology": True,
        "eswitch_mode": "legacy",
        "externally_managed": False,
        "link_type": "eth",
    }
    spec = node_spec([policy], labels={"feature.node.kubernetes.io/network-sriov.capable": "true"})
    assert [p["name"] for p in spec["policies"]] == ["fast"]
    assert node_spec([policy], labels={})["policies"] == []


def test_every_field_of_a_network(tmp_path: Path) -> None:
    """The CNI configuration has all of them."""
    found = read(tmp_path, a=NETWORK).networks
    (item,) = networks.network_attachments(found, "p")
    assert (item["metadata"]["namespace"], item["metadata"]["name"]) == ("tenants", "blue")
    plugin = json.loads(item["spec"]["config"])["plugins"][0]
    assert plugin == {
        "type": "sriov",
        "vlan": 5,
        "vlanQoS": 3,
        "vlanProto": "802.1ad",
        "spoofchk": "off",
        "trust": "on",
        "link_state": "enable",
        "min_tx_rate": 10,
        "max_tx_rate": 20,
        "capabilities": {"mac": True},
        "ipam": {"type": "static"},
        "logLevel": "debug",
        "logFile": "/var/log/x",
    }


def test_a_network_without_a_namespace_goes_where_the_resource_is(tmp_path: Path) -> None:
    """As the operator puts it."""
    found = read(tmp_path, a=NETWORK.replace("  networkNamespace: tenants\n", "")).networks
    assert found[0]["network_namespace"] == "sriov-network-operator"


def test_other_kinds_are_told_and_do_no_harm(tmp_path: Path) -> None:
    """Also other resources of the operator, and the policy that it makes for itself."""
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n"
    pools = "apiVersion: sriovnetwork.openshift.io/v1\nkind: SriovNetworkPoolConfig\nmetadata: {name: y}\n---\n"
    own = POLICY.replace("name: fast\n", "name: default\n")
    found = read(tmp_path, a=f"{other}{pools}{own}---\n{NETWORK}---\n")
    assert [note.partition(": ")[2].partition(" is not")[0] for note in found.notes] == [
        "ConfigMap x",
        "SriovNetworkPoolConfig y",
        "SriovNetworkNodePolicy default",
    ]
    assert not found.policies and len(found.networks) == 1


def test_lists_and_json(tmp_path: Path) -> None:
    """What kubectl get prints; files that are neither are not opened."""
    item = {"apiVersion": "sriovnetwork.openshift.io/v1", "kind": "SriovNetworkNodePolicy", "metadata": {"name": "j"}}
    item["spec"] = {"resourceName": "j", "numVfs": 1, "nicSelector": {"vendor": "8086"}}  # type: ignore[assignment]
    (tmp_path / "a.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [item]}))
    (tmp_path / "README.md").write_text("{ not yaml")
    assert [policy["name"] for policy in manifests.read([str(tmp_path)]).policies] == ["j"]


def test_every_mistake_in_all_files_names_its_object(tmp_path: Path) -> None:
    """File, kind, name and field."""
    with pytest.raises(InvalidSpecError) as caught:
        read(
            tmp_path,
            a=POLICY.replace("numVfs: 6", "numVfs: 0").replace("priority", "prioritaet"),
            b=NETWORK.replace("linkState: enable", "linkState: up"),
            c="a: [",
            d="just text",
            e=POLICY,
        )
    found = [m.path.rpartition("/")[2] for m in caught.value.mistakes]
    assert found == [
        "a.yaml: SriovNetworkNodePolicy fast: spec.numVfs",
        "a.yaml: SriovNetworkNodePolicy fast: spec.prioritaet",
        "b.yaml: SriovNetwork blue: spec.linkState",
        "c.yaml:1",
        "d.yaml: document 1",
        "e.yaml: SriovNetworkNodePolicy fast",
    ]
    with pytest.raises(InvalidSpecError, match="nothing there"):
        manifests.read([str(tmp_path / "none")])

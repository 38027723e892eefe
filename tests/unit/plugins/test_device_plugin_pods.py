# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin as pods, of policies: its own parsers read what is made for it.

Source: the selectors of the SR-IOV network device plugin, README (pfNames with #RANGE, drivers, isRdma).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.filter.workloads import device_plugin_objects
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from sriov_device_plugin import __main__ as program
from sriov_device_plugin.pool import config

KERNEL = {"name": "kernel", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 4,
          "is_rdma": True}  # fmt: skip
DPDK = {"name": "dpdk", "resource_name": "dpdk", "nic_selector": {"root_devices": ["0000:02:00.0#2-5"]}, "num_vfs": 7,
        "device_type": "vfio-pci", "exclude_topology": True}  # fmt: skip


def spec(*policies: dict[str, Any], **options: Any) -> dict[str, Any]:
    return node_spec(list(policies), **options)


def container(daemon_set: dict[str, Any]) -> dict[str, Any]:
    (found,) = daemon_set["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_policies_as_selectors() -> None:
    both = spec(KERNEL, DPDK, resource_prefix="example.com")
    config_map, daemon_set = device_plugin_objects({"n1": both, "n2": both}, image="x/y:1", pull_secrets=["registry"])
    text = config_map["data"]["config.json"]
    assert json.loads(text)["resourceList"] == [
        {"resourceName": "kernel", "selectors": [{"pfNames": ["enp1s0"], "isRdma": True}]},
        {"resourceName": "dpdk", "selectors": [{"rootDevices": ["0000:02:00.0#2-5"], "drivers": ["vfio-pci"]}],
         "excludeTopology": True},
    ]  # fmt: skip
    read = config.parse(text.encode(), "example.com")
    assert not read.warnings and [pool.resource_name for pool in read.pools] == [
        "example.com/kernel",
        "example.com/dpdk",
    ]
    assert container(daemon_set)["image"] == "x/y:1" and "affinity" not in daemon_set["spec"]["template"]["spec"]
    options = program._parser().parse_args(container(daemon_set)["args"])
    assert options.resource_prefix == "example.com" and options.config_file == "/etc/pcidp/config.json"
    for item in (config_map, daemon_set):
        assert item["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "baremetal.sriov"


def test_nodes_that_differ() -> None:
    config_map, daemon_set = device_plugin_objects({"n1": spec(KERNEL), "n2": spec(DPDK)}, namespace="sriov")
    assert list(config_map["data"]) == ["n1.json", "n2.json"] and config_map["metadata"]["namespace"] == "sriov"
    made = container(daemon_set)
    assert "--config-file=/etc/pcidp/$(NODE_NAME).json" in made["args"]
    assert made["env"] == [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]
    affinity = daemon_set["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [term["matchFields"][0]["values"] for term in terms] == [["n1"], ["n2"]]


def test_another_folder_of_the_kubelet() -> None:
    _map, daemon_set = device_plugin_objects({"n1": spec(KERNEL, kubelet_root_dir="/var/lib/k0s/kubelet")})
    made = container(daemon_set)
    assert made["args"][-1] == "--kubelet-root-dir=/var/lib/k0s/kubelet"
    assert "/var/lib/kubelet" not in json.dumps(daemon_set)
    again = device_plugin_objects({"n1": spec(KERNEL)})[1]
    assert "/var/lib/kubelet/device-plugins" in json.dumps(again), "what is shipped stays as it is"


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ({"n1": spec({**KERNEL, "nic_selector": {"vendor": "8086"}})}, "expected pf_names or root_devices"),
        ({"n1": spec(KERNEL), "n2": spec(KERNEL, resource_prefix="a.b")}, "one for all nodes of a DaemonSet"),
        ({}, "expected nodes with what each should be"),
        ([], "names of nodes and what each should be"),
    ],
)
def test_what_it_can_not_tell(specs: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        device_plugin_objects(specs)

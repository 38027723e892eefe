# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DRA driver that offers what the device plugin offers: found in the cluster, by plan, site and verify.

source: the API reference of resource.k8s.io v1 and v1beta1; KEP-5004 for the extended resource name.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils import dra

VFS = ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6"]
RESOURCES = {"baremetal.sriov/kernel": 4}
DRIVER = "sriovnetwork.k8snetworkplumbingwg.io"


def device(address: str, attribute: str = "resource.kubernetes.io/pciBusID") -> dict[str, Any]:
    return {"name": "vf", "attributes": {attribute: {"string": address}, "x/n": {"int": 7}, "x/b": {"bool": True}}}


def resource_slice(*devices: dict[str, Any], **spec: Any) -> dict[str, Any]:
    pool = {"name": "node1", "generation": 1, "resourceSliceCount": 1}
    return {"metadata": {"name": "s1"}, "spec": {"driver": DRIVER, "pool": pool, "devices": list(devices), **spec}}


def device_class(name: str = "baremetal.sriov/kernel", *expressions: str) -> dict[str, Any]:
    selectors = [{"cel": {"expression": text}} for text in expressions]
    return {"metadata": {"name": "vfs"}, "spec": {"extendedResourceName": name, "selectors": selectors}}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(resource_slice(device(VFS[1]), nodeName="node1"), id="standard-attribute"),
        pytest.param(resource_slice(device(VFS[1], "k8s.cni.cncf.io/deviceID"), nodeName="node1"), id="multus"),
        pytest.param(resource_slice(device(VFS[1].upper(), "dra.example/pciAddress"), nodeName="node1"), id="own"),
        pytest.param(resource_slice({"name": "0000-01-10-2"}, nodeName="node1"), id="by-its-name"),
        pytest.param(resource_slice({"name": "vf", "basic": {"attributes": device(VFS[1])["attributes"]}},
                                    nodeName="node1"), id="v1beta1"),
        pytest.param(resource_slice(device(VFS[1]), allNodes=True), id="all-nodes"),
        pytest.param(resource_slice({**device(VFS[1]), "nodeName": "node1"}, perDeviceNodeSelection=True),
                     id="node-by-device"),
    ],
)  # fmt: skip
def test_a_function_that_is_offered_twice(found: dict[str, Any]) -> None:
    (sentence,) = dra.conflicts([found], [], "node1", VFS, RESOURCES)
    assert "ResourceSlice s1" in sentence and DRIVER in sentence and VFS[1] in sentence
    assert sentence.endswith(dra.REMEDY)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(resource_slice(device(VFS[1]), nodeName="node2"), id="another-node"),
        pytest.param(resource_slice(device("0000:02:10.2"), nodeName="node1"), id="no-function-of-ours"),
        pytest.param(resource_slice(device("0000:01:10.21"), nodeName="node1"), id="no-address"),
        pytest.param(resource_slice({**device(VFS[1]), "nodeName": "node2"}, perDeviceNodeSelection=True),
                     id="other-node-by-device"),
        pytest.param({"metadata": {"name": "s1"}, "spec": {"driver": DRIVER, "nodeName": "node1"}}, id="no-devices"),
    ],
)  # fmt: skip
def test_what_is_none_of_ours(found: dict[str, Any]) -> None:
    assert dra.conflicts([found], [], "node1", VFS, RESOURCES) == []


def test_many_functions_are_one_sentence() -> None:
    found = resource_slice(*map(device, VFS), nodeName="node1")
    (sentence,) = dra.conflicts([found], [], "node1", VFS, RESOURCES)
    assert f"{', '.join(VFS[:3])} and 1 more" in sentence


@pytest.mark.parametrize(
    ("classes", "slices", "count"),
    [
        pytest.param([device_class()], [resource_slice(nodeName="node1")], 1, id="any-driver"),
        pytest.param([device_class("baremetal.sriov/kernel", f'device.driver == "{DRIVER}"')],
                     [resource_slice(nodeName="node1")], 1, id="its-driver"),
        pytest.param([device_class("baremetal.sriov/kernel", 'device.driver == "gpu.example"')],
                     [resource_slice(nodeName="node1")], 0, id="another-driver"),
        pytest.param([device_class()], [resource_slice(nodeName="node2")], 0, id="served-on-another-node"),
        pytest.param([device_class("example.com/gpu")], [resource_slice(nodeName="node1")], 0, id="another-name"),
    ],
)  # fmt: skip
def test_a_name_that_both_offer(classes: list[Any], slices: list[Any], count: int) -> None:
    found = dra.conflicts(slices, classes, "node1", VFS, RESOURCES)
    assert len(found) == count
    assert all("DeviceClass vfs" in sentence and "baremetal.sriov/kernel" in sentence for sentence in found)
    assert len(dra.namesakes(classes, RESOURCES)) == (classes[0]["spec"]["extendedResourceName"] in RESOURCES)

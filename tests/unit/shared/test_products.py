# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each product of our lists, by a tree as it makes it: kubelet folder, units, CNI folder, the way to its API server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import cni_dirs
from ansible_collections.baremetal.sriov.plugins.module_utils.model.goal import KUBELET_FOLDERS
from ansible_collections.baremetal.sriov.plugins.module_utils.usage.kubelet import allocations
from sriov_device_plugin.host.discovery import Scanner
from sriov_device_plugin.kubelet.registration import registration_dirs
from sriov_device_plugin.pool import config, pools
from support.bundle_host import BundleHost
from support.checkout import ROOT
from support.dp_host import FakeHost
from support.fake_tree import Tree
from support.products import PRODUCTS, Product

VARS = yaml.safe_load((ROOT / "roles/node/vars/main.yml").read_text())
UNITS = [word for word in VARS["node_kubelet_units"].replace("'", " ").split() if word.endswith(".service")]
EACH = [pytest.param(product, id=f"finding-dp-06-{product.name}") for product in PRODUCTS]


class Node(Tree):
    def __init__(self, base: Path, product: Product) -> None:
        self.base = base
        self.fill({path: content if content or path.endswith("/") else "\n" for path, content in product.tree.items()})


@pytest.mark.parametrize("product", EACH)
def test_its_cni_folder_is_found(tmp_path: Path, product: Product) -> None:
    Node(tmp_path, product)
    assert cni_dirs.bin_dir(BundleHost(tmp_path)) == product.cni


@pytest.mark.parametrize("product", EACH)
def test_our_boot_service_comes_before_its_kubelet(product: Product) -> None:
    assert set(product.units) <= set(UNITS)


def test_no_unit_is_listed_without_its_product() -> None:
    assert sorted(UNITS) == sorted({unit for product in PRODUCTS for unit in product.units})


def test_no_kubelet_folder_is_listed_without_its_product() -> None:
    assert set(KUBELET_FOLDERS) == {product.kubelet for product in PRODUCTS}


@pytest.mark.parametrize("product", EACH)
def test_what_its_pods_hold_is_seen_in_its_folder(tmp_path: Path, product: Product) -> None:
    node = Node(tmp_path, product)
    uid = "0f6c51a5-6d8b-4a5e-9b7c-2f0c9a1d3e4f"
    entry = {"PodUID": uid, "ContainerName": "c", "ResourceName": "a/b", "DeviceIDs": {"0": ["0000:01:10.0"]}}
    node.put(f"{product.kubelet}/device-plugins/kubelet_internal_checkpoint",
             json.dumps({"Data": {"PodDeviceEntries": [entry]}, "Checksum": 1}))  # fmt: skip
    node.put(f"sys/fs/cgroup/kubepods.slice/kubepods-pod{uid.replace('-', '_')}.slice/cgroup.events", "populated 1\n")
    assert list(allocations(BundleHost(tmp_path))) == ["0000:01:10.0"]
    assert registration_dirs(str(tmp_path) + product.kubelet)[0].endswith("plugins_registry")


@pytest.mark.parametrize("product", EACH)
def test_the_pf_that_leads_to_its_api_server_is_not_offered(tmp_path: Path, product: Product) -> None:
    """Whatever address its kubeconfig has: a load balancer's on the loopback, as with k3s, leads nowhere."""
    host = FakeHost(tmp_path)
    Node(tmp_path, product)
    host.add("0000:01:00.0", name="enp1s0")
    host.add("0000:02:00.0", name="enp2s0")
    host.addresses(("enp1s0", "2001:db8::7"))
    (loaded,) = config.parse(b'{"resourceList": [{"resourceName": "all", "selectors": {}}]}', "a.b").pools
    found = pools.assign([loaded], pools.scan([loaded], Scanner(str(tmp_path))))
    assert list(found["a.b/all"].members) == ["0000:02:00.0"]

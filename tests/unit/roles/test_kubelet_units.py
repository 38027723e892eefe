# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of the device plugin starts before the kubelet of each product."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.plugins.filter import core as filters
from jinja2.nativetypes import NativeEnvironment

from support.checkout import ROOT
from support.products import PRODUCTS, Product

UNITS = {unit for product in PRODUCTS for unit in product.units}


@pytest.mark.parametrize("product", [pytest.param(one, id=f"finding-dp-06-{one.name}") for one in PRODUCTS])
def test_our_device_plugin_comes_before_its_kubelet(product: Product) -> None:
    """So that its sockets are there when the kubelet looks: it admits the pods that a node had before a boot soon."""
    role = yaml.safe_load((ROOT / "roles/device_plugin/vars/main.yml").read_text())
    unit = (ROOT / "files/device_plugin/baremetal-sriov-device-plugin.service.in").read_text()
    values = {"lookup": lambda _kind, path: Path(path).read_text(), "role_path": str(ROOT / "roles/device_plugin")}
    environment = NativeEnvironment()
    environment.filters.update(filters.FilterModule().filters())
    template = environment.from_string(role["device_plugin_kubelet_units"])
    named = template.render(sriov_kubelet_unit="auto", **values)
    assert set(product.units) <= set(named.split()) == UNITS
    assert template.render(sriov_kubelet_unit="a.service", **values) == "a.service"
    section = unit.partition("[Service]")[0].splitlines()
    assert "Before=@KUBELET_UNIT@" in section
    assert "device_plugin_kubelet_units" in role["device_plugin_variables"]["KUBELET_UNIT"]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new device type of the device plugin: named by a configuration, found on the host, given to a container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sriov_device_plugin.errors import ConfigError
from sriov_device_plugin.host.discovery import Scanner
from sriov_device_plugin.pool import allocation, config, pools
from support.dp_host import FakeHost

NVME = "0000:05:00.0"


def parsed(kind: str) -> config.Config:
    entry = {"resourceName": "p", "deviceType": kind, "selectors": {"vendors": ["144d"]}}
    return config.parse(json.dumps({"resourceList": [entry]}).encode(), "intel.com")


def test_storage_device(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    host.add(NVME, driver="", ids="144d:a824", klass="0x010802")
    host.bind(NVME, "vfio-pci", group=7)
    host.add("0000:06:00.0", name="ens6", ids="144d:a824")
    loaded = parsed("storageDevice")
    devices = pools.scan(loaded.pools, Scanner(str(host.root)))
    members = pools.assign(loaded.pools, devices)["intel.com/p"].members
    assert list(members) == [NVME]
    grant = allocation.grant(loaded.pools[0], [members[NVME]], str(host.root))
    assert grant.envs["PCIDEVICE_INTEL_COM_P"] == NVME
    assert "/dev/vfio/7" in [node.host_path for node in grant.nodes]


def test_a_wrong_type() -> None:
    with pytest.raises(ConfigError, match="storageDevice"):
        parsed("tapeDevice")

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SR-IOV beyond one vendor's NIC: NVMe, pools of several vendors, RDMA, and what pods of VMs need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, absent, actions, drivers, make_host, present, snapshot

DISK = "0000:05:00.0"
NVME: dict[str, Any] = {
    "name": "disks",
    "resource_name": "disks",
    "nic_selector": {"root_devices": [DISK]},
    "num_vfs": 3,
    "device_type": "vfio-pci",
}


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """Two NICs and an NVMe controller with SR-IOV."""
    host = make_host(tmp_path)
    host.add_pf(DISK, "nvme0", driver="nvme", vendor="0x1b36")
    return host


def test_an_nvme_controller(host: FakeHost) -> None:
    """VFs made and bound without one step of a network; it is said that no device plugin offers them."""
    before = snapshot(host)
    outcome = present(host, [NVME, KERNEL])
    assert drivers(host, DISK) == ["vfio-pci"] * 3
    assert {s.kind for s in outcome.plan.steps if str(s.target).startswith(DISK)} == {"autoprobe", "num_vfs", "driver"}
    assert "is no NIC (PCI class 010802)" in outcome.plan.warnings[0]
    pools = json.loads(host.get("etc/pcidp/config.json"))["resourceList"]
    assert [pool["resourceName"] for pool in pools] == ["kernel"]
    assert outcome.facts()["resources"] == {"baremetal.sriov/kernel": 4}
    assert not present(host, [NVME, KERNEL]).plan.steps
    host.reboot()
    assert boot.main(host) == 0 and drivers(host, DISK) == ["vfio-pci"] * 3
    present(host, [{**NVME, "device_type": "netdevice", "num_vfs": 2}])
    assert drivers(host, DISK) == ["nvme"] * 2, "the kernel's own driver of an NVMe VF"
    absent(host)
    assert snapshot(host) == before


def test_an_nvme_controller_alone(host: FakeHost) -> None:
    """No configuration of the device plugin is written at all."""
    present(host, [NVME])
    assert not host.exists("/etc/pcidp/config.json")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"mtu": 9000}, "Take mtu and eswitch_mode out"),
        ({"eswitch_mode": "switchdev"}, "Take mtu and eswitch_mode out"),
        ({"vfs": [{"indices": 0, "vlan": 5}]}, "a network interface of the PF"),
    ],
)
def test_what_only_a_nic_has(host: FakeHost, more: dict[str, Any], text: str) -> None:
    """Refused before anything is changed."""
    host.pfs[DISK].eswitch = None
    with pytest.raises(RefusedError, match=text):
        present(host, [{**NVME, "device_type": "netdevice", **more}])
    assert host.numvfs(DISK) == 0


def test_one_pool_of_two_vendors(host: FakeHost) -> None:
    """Two policies, or one that selects both, share a resource."""
    host.add_pf("0000:06:00.0", "ens6", driver="ice", vendor="0x15b3")
    both = [
        {**DPDK, "name": "a", "nic_selector": {"vendor": "15b3"}, "num_vfs": 2},
        {**DPDK, "name": "b", "nic_selector": {"pf_names": ["enp1s0#0,2"]}, "num_vfs": 3},
    ]
    outcome = present(host, both)
    (pool,) = json.loads(host.get("etc/pcidp/config.json"))["resourceList"]
    assert pool["selectors"] == [{"rootDevices": [f"{PF1}#0,2", "0000:06:00.0"], "drivers": ["vfio-pci"]}]
    assert outcome.facts()["resources"] == {"baremetal.sriov/dpdk": 4}


def test_rdma_needs_an_rdma_device(host: FakeHost) -> None:
    """Said before VFs are made that no pod could use."""
    policy = {**KERNEL, "is_rdma": True}
    with pytest.raises(RefusedError, match=r"policy kernel: expected an RDMA device of 0000:01:00\.0.*mlx5_ib"):
        present(host, [policy])
    (host.base / f"sys/bus/pci/devices/{PF1}/infiniband/mlx5_0").mkdir(parents=True)
    present(host, [policy])
    (pool,) = json.loads(host.get("etc/pcidp/config.json"))["resourceList"]
    assert pool["selectors"] == [{"rootDevices": [PF1], "isRdma": True}]


def test_vhost_net_needs_its_modules(host: FakeHost) -> None:
    """Loaded now and at boot, so that /dev/vhost-net and /dev/net/tun are there; taken back with the policy."""
    host.available |= {"vhost_net", "tun"}
    before = snapshot(host)
    told = actions(present(host, [{**KERNEL, "need_vhost_net": True}]))
    assert any("vhost_net" in action for action in told)
    assert {"vhost_net", "tun"} <= set(host.get("etc/modules-load.d/baremetal-sriov.conf").split())
    assert not present(host, [{**KERNEL, "need_vhost_net": True}]).plan.steps
    absent(host)
    assert snapshot(host) == before

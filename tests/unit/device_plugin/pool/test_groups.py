# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VFs that share an IOMMU group: with vfio a container gets a group as a whole, or nothing of it."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest

from sriov_device_plugin.host.discovery import Scanner
from sriov_device_plugin.pool import config, explain, pools
from support.dp_daemon import Daemon
from support.dp_host import FakeHost
from support.fake_kubelet import FakeKubelet

PF, BRIDGE = "0000:01:00.0", "0000:00:01.0"
VFS = [f"0000:01:10.{n}" for n in (0, 2, 4, 6)]
ALL = {"resourceName": "vfio", "selectors": {"drivers": ["vfio-pci"]}}


@pytest.fixture
def vfio(host: FakeHost) -> FakeHost:
    """Four VFs bound to vfio-pci: two in group 7, below a bridge that is in it too, and two alone."""
    host.add(BRIDGE, klass="0x060400", driver="pcieport")
    host.add(PF, name="enp1s0", totalvfs=7)
    host.add_vfs(PF, 4, driver="vfio-pci")
    for address, group in zip((BRIDGE, *VFS), (7, 7, 7, 8, 9)):
        host.group(address, group)
    return host


def shares(host: FakeHost, *resources: dict[str, Any]) -> dict[str, pools.Share]:
    loaded = config.parse(json.dumps({"resourceList": resources}).encode(), "intel.com").pools
    return pools.assign(loaded, pools.scan(loaded, Scanner(str(host.root))))


def test_one_function_stands_for_its_group(vfio: FakeHost) -> None:
    share = shares(vfio, ALL)["intel.com/vfio"]
    assert list(share.members) == [VFS[0], *VFS[2:]]
    assert share.held_back == {VFS[1]: f"it goes with {VFS[0]}, which stands for IOMMU group 7"}


def test_a_group_in_two_pools_is_in_none(vfio: FakeHost) -> None:
    first = {"resourceName": "first", "selectors": {"pfNames": ["enp1s0#0"]}}
    found = shares(vfio, first, ALL)
    assert list(found["intel.com/first"].members) == []
    assert list(found["intel.com/vfio"].members) == VFS[2:]
    assert found["intel.com/vfio"].held_back == {
        VFS[1]: f"it shares IOMMU group 7 with {VFS[0]}, which is not in this pool"
    }


@pytest.mark.parametrize("driver", ["igb", "vfio-pci", ""])
def test_a_group_with_a_function_of_no_pool_is_never_offered(vfio: FakeHost, driver: str) -> None:
    """Its PF, say, on a platform without ACS; or a function of another class."""
    vfio.add("0000:01:00.1", klass="0x030000", driver=driver)
    vfio.group("0000:01:00.1", 7)
    share = shares(vfio, ALL)["intel.com/vfio"]
    assert list(share.members) == VFS[2:]
    assert set(share.held_back) == set(VFS[:2])


def test_a_member_with_a_kernel_driver_spoils_the_group(vfio: FakeHost) -> None:
    vfio.bind(VFS[1], "igbvf")
    share = shares(vfio, {"resourceName": "all", "selectors": {"pfNames": ["enp1s0"]}})["intel.com/all"]
    assert list(share.members) == VFS[1:]
    assert share.held_back == {VFS[0]: f"it shares IOMMU group 7 with {VFS[1]}, which is not bound to vfio-pci"}


def test_kernel_drivers_do_not_care_about_groups(vfio: FakeHost) -> None:
    for address in VFS:
        vfio.bind(address, "igbvf")
    assert list(shares(vfio, {"resourceName": "all", "selectors": {}})["intel.com/all"].members) == VFS


def test_explain_tells_the_group(vfio: FakeHost) -> None:
    loaded = config.parse(json.dumps({"resourceList": [ALL]}).encode(), "intel.com").pools
    lines = list(explain.explain(loaded, Scanner(str(vfio.root))))
    at = next(number for number, line in enumerate(lines) if line.startswith(VFS[1]))
    assert lines[at].endswith(": intel.com/vfio")
    assert lines[at + 1] == f"    not offered: it goes with {VFS[0]}, which stands for IOMMU group 7"
    assert len([line for line in lines if "not offered" in line]) == 1


def test_the_container_is_told_what_its_group_holds(vfio: FakeHost, daemon: Daemon) -> None:
    daemon.configure(ALL)
    daemon.start("--rescan-interval", "3600")
    with FakeKubelet(daemon.kubelet_root) as kubelet, kubelet.plugin(kubelet.registered().endpoint) as plugin:
        (answer,) = plugin.allocate([VFS[0]])
        assert answer.envs["PCIDEVICE_INTEL_COM_VFIO"] == VFS[0]
        info = json.loads(answer.envs["PCIDEVICE_INTEL_COM_VFIO_INFO"])
        assert info[VFS[0]]["vfio"]["group-devices"] == ",".join(VFS[:2])
        assert [node.host_path for node in answer.devices] == ["/dev/vfio/vfio", "/dev/vfio/7"]
        vfio.group(VFS[3], 8)
        with pytest.raises(grpc.RpcError, match="other functions share IOMMU group 8 now"):
            plugin.allocate([VFS[2]])

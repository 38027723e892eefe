# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device types beyond plain network functions: subfunctions, accelerators, RDMA, vDPA, DDP; and a new one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sriov_device_plugin.errors import DeviceChangedError
from sriov_device_plugin.host import ddp, rdma_vdpa
from sriov_device_plugin.host.discovery import Device, Scanner
from sriov_device_plugin.pool import allocation, config, device_info, device_types, pools
from sriov_device_plugin.pool.device_types import TYPES, DeviceType, fields
from support.dp_host import FakeHost
from support.vector_ids import vectors

PF, VF = "0000:01:00.0", "0000:01:10.0"


class Pool:
    """One pool over a fake host."""

    def __init__(self, host: FakeHost, selectors: Any, kind: str = "netDevice", **more: Any) -> None:
        entry = {"resourceName": "p", "deviceType": kind, "selectors": selectors, **more}
        loaded = config.parse(json.dumps({"resourceList": [entry]}).encode(), "intel.com")
        self.host, self.config = host, loaded.pools[0]
        devices = pools.scan(loaded.pools, Scanner(str(host.root)))
        self.members = pools.assign(loaded.pools, devices)["intel.com/p"].members

    def grant(self, *ids: str) -> allocation.Grant:
        return allocation.grant(self.config, [self.members[i] for i in ids], str(self.host.root))

    def info(self, *ids: str) -> Any:
        return json.loads(self.grant(*ids).envs["PCIDEVICE_INTEL_COM_P_INFO"])

    def nodes(self, *ids: str) -> list[str]:
        return [node.host_path for node in self.grant(*ids).nodes]


@pytest.fixture
def mlx(host: FakeHost) -> FakeHost:
    """A PF whose VF has an RDMA device."""
    host.add(PF, name="ens1", totalvfs=8, driver="mlx5_core", ids="15b3:1017", numa=1)
    host.add_vfs(PF, 2, driver="mlx5_core", ids="15b3:1018")
    host.rdma(VF, "mlx5_3", 4)
    return host


NODES = [f"/dev/infiniband/{name}" for name in ("issm4", "umad4", "uverbs4", "rdma_cm")]


@vectors("dp", 75, 28)
def test_rdma(mlx: FakeHost) -> None:
    pool = Pool(mlx, {"isRdma": True})
    assert list(pool.members) == [VF]
    assert pool.nodes(VF) == NODES
    assert pool.info(VF)[VF]["rdma"] == {
        "issm": NODES[0], "umad": NODES[1], "uverbs": NODES[2], "rdma_cm": NODES[3], "rdma_dev": "mlx5_3",
    }  # fmt: skip


@vectors("dp", 78)
def test_rdma_is_not_given_where_it_is_not_asked_for(mlx: FakeHost) -> None:
    pool = Pool(mlx, {})
    assert pool.nodes(VF) == []
    assert pool.info(VF) == {VF: {"generic": {"deviceID": VF}}}


@vectors("dp", 76, differs=True)
def test_two_rdma_devices_of_one_function_share_rdma_cm(mlx: FakeHost) -> None:
    """The Go plugin lists it twice here and drops one of them later."""
    mlx.rdma(VF, "mlx5_4", 5)
    nodes = Pool(mlx, {"isRdma": True}).nodes(VF)
    assert nodes.count("/dev/infiniband/rdma_cm") == 1
    assert {"/dev/infiniband/uverbs4", "/dev/infiniband/uverbs5"} < set(nodes)


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        pytest.param("", False, id="dp-vector-77-off"),
        # The Go plugin asks devlink for enable_rdma; the auxiliary device that it makes says the same.
        pytest.param("mlx5_core.rdma.1", True, id="dp-vector-77-on-differs"),
        pytest.param("ice.roce.3", True, id="dp-vector-77-ice-differs"),
        pytest.param("mlx5_core.eth.1", False, id="dp-vector-77-other"),
    ],
)
def test_rdma_that_a_pod_holds(host: FakeHost, entry: str, wanted: bool) -> None:
    host.add(PF, name="ens1", driver="mlx5_core")
    if entry:
        (host.pci(PF) / entry).mkdir()
    pool = Pool(host, {"isRdma": True})
    assert list(pool.members) == ([PF] if wanted else [])
    if wanted:
        assert pool.nodes(PF) == []
        assert pool.info(PF)[PF]["rdma"] == {}


def test_partition_keys_are_infinibands(mlx: FakeHost) -> None:
    assert list(Pool(mlx, {"pKeys": ["0xffff"]}).members) == []
    (mlx.root / "sys/class/net/ens1/type").write_text("32\n")
    mlx.netdev_to_pod(VF)
    assert list(Pool(mlx, {"pKeys": ["0xffff"]}).members) == [VF]


@vectors("dp", 80)
@pytest.mark.parametrize(
    ("driver", "wanted", "nodes"),
    [
        ("vhost_vdpa", {"vhost": [VF], "virtio": []}, ["/dev/vhost-vdpa-2"]),
        ("virtio_vdpa", {"vhost": [], "virtio": [VF]}, []),
        ("other", {"vhost": [], "virtio": []}, []),
        (None, {"vhost": [], "virtio": []}, []),
    ],
)
def test_vdpa(mlx: FakeHost, driver: str | None, wanted: dict[str, list[str]], nodes: list[str]) -> None:
    if driver:
        mlx.vdpa(VF, "vdpa2", driver, "vhost-vdpa-2")
    for kind, members in wanted.items():
        pool = Pool(mlx, {"vdpaType": kind})
        assert list(pool.members) == members
        if members:
            assert pool.nodes(VF) == nodes
            assert pool.info(VF)[VF].get("vdpa") == ({"mount": nodes[0]} if nodes else None)


@vectors("dp", 81)
def test_a_vdpa_device_of_no_known_kind(mlx: FakeHost) -> None:
    mlx.vdpa(VF, "vdpa2", "not supported")
    assert rdma_vdpa.vdpa_devices(str(mlx.root)) == {VF: rdma_vdpa.Vdpa("vdpa2")}
    (mlx.root / "sys/bus/vdpa/devices/loop").symlink_to("loop")
    (mlx.root / "sys/bus/vdpa/devices/file").write_text("")
    assert set(rdma_vdpa.vdpa_devices(str(mlx.root))) <= {VF, ""}


def test_vdpa_without_its_node_is_refused(mlx: FakeHost) -> None:
    mlx.vdpa(VF, "vdpa2", "vhost_vdpa")
    with pytest.raises(DeviceChangedError, match="is vhost_vdpa loaded"):
        Pool(mlx, {"vdpaType": "vhost"}).grant(VF)


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        pytest.param({"isRdma"}, {"type": "pci", "version": "1.1.0", "pci": {
            "pci-address": VF, "pf-pci-address": PF, "rdma-device": "mlx5_3"}}, id="dp-vector-84-rdma"),
        pytest.param({"vdpaType"}, {"type": "vdpa", "version": "1.1.0", "vdpa": {
            "pci-address": VF, "pf-pci-address": PF, "parent-device": "vdpa2", "driver": "vhost",
            "path": "/dev/vhost-vdpa-2"}}, id="dp-vector-84-vdpa"),
        pytest.param(set(), {"type": "pci", "version": "1.1.0", "pci": {
            "pci-address": VF, "pf-pci-address": PF}}, id="dp-vector-84-plain"),
    ],
)  # fmt: skip
def test_device_info(mlx: FakeHost, flags: set[str], wanted: Any) -> None:
    mlx.vdpa(VF, "vdpa2", "vhost_vdpa", "vhost-vdpa-2")
    device = Pool(mlx, {}).members[VF].device
    assert json.loads(device_info.render(device, flags)) == wanted


def test_iommufd_nodes_are_added_where_the_kernel_has_them(host: FakeHost) -> None:
    host.add(PF, driver="vfio-pci")
    host.group(PF, 7)
    (host.pci(PF) / "vfio-dev/vfio3").mkdir(parents=True)
    pool = Pool(host, {})
    assert pool.nodes(PF) == ["/dev/vfio/vfio", "/dev/vfio/7"]
    host.node("/dev/iommu")
    host.node("/dev/vfio/devices/vfio3")
    assert pool.nodes(PF) == ["/dev/vfio/vfio", "/dev/vfio/7", "/dev/iommu", "/dev/vfio/devices/vfio3"]
    assert pool.info(PF)[PF]["vfio"]["cdev-mount"] == "/dev/vfio/devices/vfio3"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("0000:12:34.0", ""), ("driver_name.type.id", ""), ("driver_name.type.-4", ""), ("driver_name.type.123", "type"),
     ("a..1", ""), ("a.b.1.2", ""), ("a.b.\u0661", "")],
    ids=lambda value: f"dp-vector-59-{value.encode('ascii', 'replace').decode()}",
)  # fmt: skip
def test_kinds_of_auxiliary_devices(name: str, wanted: str) -> None:
    assert rdma_vdpa.aux_kind(name) == wanted


@vectors("dp", 25)
def test_auxiliary_types_filter() -> None:
    """The Go plugin's own test has made-up types; its configuration takes sf alone, and so does ours."""
    test = fields.AUX_TYPES.compile(fields.AUX_TYPES.read, ["sf"])
    sf = Device(id="mlx5_core.sf.1", class_id="020000", aux_type="sf")
    assert test(sf) and not test(Device(id="x", class_id="020000"))


@vectors("dp", 63)
def test_subfunctions(mlx: FakeHost) -> None:
    """Three on the first function, none on the second, and none of what is no network function."""
    names = [mlx.subfunction(PF, number, sfnum=80 + number, name=f"ens1s{number}") for number in range(3)]
    mlx.add("0000:07:00.0", klass="0x070000")
    mlx.subfunction("0000:07:00.0", 9, sfnum=1)
    pool = Pool(mlx, {"auxTypes": ["sf"], "pfNames": ["ens1#80-81"], "rootDevices": [PF], "vendors": ["15b3"]},
                "auxNetDevice", additionalInfo={PF: {"a": "1"}})  # fmt: skip
    assert list(pool.members) == names[:2]
    first = pool.members[names[0]].device
    assert (first.numa_node, first.vf_index, first.net_name, first.pf_name) == (1, 80, "ens1s0", "ens1")
    assert pool.info(names[0]) == {names[0]: {"generic": {"deviceID": names[0]}, "extra": {"a": "1"}}}
    assert Scanner(str(mlx.root)).refresh(first) == first
    mlx.pci(PF).joinpath(names[0], "net").rename(mlx.root / "gone")
    mlx.pci(PF).joinpath(names[0], "sfnum").unlink()
    mlx.pci(PF).joinpath(names[0]).rmdir()
    assert Scanner(str(mlx.root)).refresh(first) is None


@vectors("dp", 67)
def test_subfunctions_without_a_number_or_an_interface(mlx: FakeHost) -> None:
    mlx.subfunction(PF, 0, sfnum=None, name="ens1s0")
    bare = mlx.subfunction(PF, 1, sfnum=5)
    pool = Pool(mlx, {"auxTypes": ["sf"]}, "auxNetDevice")
    assert list(pool.members) == [bare]
    assert pool.members[bare].device.net_name == ""
    assert pool.members[bare].device.link_type == "ether", "as its PF, so that a pod that holds it does not hide it"


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        pytest.param("uplink", "ens1", id="dp-vector-60-uplink"),
        pytest.param("fallback", "ens9", id="dp-vector-60-fallback"),
        pytest.param("none", "", id="dp-vector-60-none-differs"),
    ],
)
def test_names_of_the_pfs_of_subfunctions(host: FakeHost, case: str, wanted: str) -> None:
    """Without an interface the Go plugin drops the subfunction; ours keeps it, and pfNames does not match."""
    host.add(PF, driver="mlx5_core")
    if case == "uplink":
        host.netdev(PF, "ens0", phys_port_name="pf0sf1")
        host.netdev(PF, "ens1", phys_port_name="p0")
    if case == "fallback":
        host.netdev(PF, "ens9")
    sf = host.subfunction(PF, 0, sfnum=1)
    assert Pool(host, {"auxTypes": ["sf"]}, "auxNetDevice").members[sf].device.pf_name == wanted


@vectors("dp", 62)
def test_accelerators(host: FakeHost) -> None:
    """Those with a driver; of an odd class there is nothing to say."""
    host.add("0000:05:00.0", klass="0x120000", driver="vfio-pci")
    host.group("0000:05:00.0", 3)
    host.add("0000:06:00.0", klass="0x120000", driver="")
    host.add("0000:07:00.0", klass="junk")
    host.add(PF, name="ens1")
    pool = Pool(host, {"drivers": ["vfio-pci"]}, "accelerator")
    assert list(pool.members) == ["0000:05:00.0"]
    assert pool.nodes("0000:05:00.0") == ["/dev/vfio/vfio", "/dev/vfio/3"]
    assert not pool.config.device_type.device_info


@vectors("dp", 68, differs=True)
def test_types_do_not_take_each_others_devices(mlx: FakeHost) -> None:
    """In the Go plugin a constructor refuses the wrong type; ours never gets that far."""
    mlx.subfunction(PF, 0, sfnum=1)
    mlx.add("0000:05:00.0", klass="0x120000")
    assert VF in Pool(mlx, {}).members and "mlx5_core.sf.0" not in Pool(mlx, {}).members
    assert list(Pool(mlx, {}, "accelerator").members) == ["0000:05:00.0"]


def test_a_new_type_is_one_object_and_one_line(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    crypto = DeviceType("crypto", "10", (fields.VENDORS,), withheld=fields.no_driver)
    monkeypatch.setitem(device_types.TYPES, crypto.name, crypto)
    host.add("0000:05:00.0", klass="0x100000", driver="qat_4xxx")
    assert list(Pool(host, {"vendors": ["8086"]}, "crypto").members) == ["0000:05:00.0"]
    assert TYPES is device_types.TYPES


TOOL = """#!/bin/sh
{body}
"""
GOOD = '{"DDPInventory":{"DDPpackage":{"name":"GTP"}}}'
DEVLINK = '{"info":{"pci/0000:01:00.0":{"versions":{"running":{"fw.app.name":"ICE COMMS"}}}}}'


@pytest.mark.parametrize(
    ("program", "body", "wanted"),
    [
        pytest.param("ddptool", f"echo '{GOOD}'", "GTP", id="dp-vector-95-good"),
        pytest.param("ddptool", """echo '{"DDPInventory":{"device":"1572"}}'""", "", id="dp-vector-95-no-package"),
        pytest.param("ddptool", """echo '{"DDPInventory":{"error":"3"}}'""", "", id="dp-vector-95-error-object"),
        pytest.param("ddptool", """echo '{"DDPInventory":'""", "", id="dp-vector-95-broken"),
        pytest.param("ddptool", "", "", id="dp-vector-95-empty"),
        pytest.param("ddptool", f"echo '{GOOD}'; exit 127", "", id="dp-vector-95-status"),
        pytest.param("devlink", f"echo '{DEVLINK}'", "ICE COMMS", id="devlink"),
        pytest.param("none", "", "", id="neither-is-installed"),
    ],
)
def test_ddp(
    tmp_path: Path, host: FakeHost, monkeypatch: pytest.MonkeyPatch, program: str, body: str, wanted: str
) -> None:
    tool = tmp_path / program
    tool.write_text(TOOL.format(body=body))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ddp.Profiles().name(PF) == wanted
    host.add(PF, name="ens1")
    assert list(Pool(host, {"ddpProfiles": ["GTP", "ICE COMMS"]}).members) == ([PF] if wanted else [])


def test_ddp_is_asked_for_once_a_minute_and_only_where_wanted(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(ddp, "_ask", lambda command: asked.append(command[0]))
    host.add(PF, totalvfs=8)
    host.add_vfs(PF, 4)
    scanner = Scanner(str(host.root))
    scanner.scan(["02"])
    assert asked == []
    scanner.scan(["02"], profiles=True)
    scanner.scan(["02"], profiles=True)
    assert asked == ["devlink", "ddptool"]

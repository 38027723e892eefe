# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever sysfs, a configuration or a request may hold: an answer or a clear error, and never a hang or an end."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sriov_device_plugin.api import deviceplugin_pb2 as api
from sriov_device_plugin.errors import ConfigError, DevicePluginError
from sriov_device_plugin.host.discovery import Scanner
from sriov_device_plugin.kubelet.plugin_server import PoolServer, PoolService
from sriov_device_plugin.kubelet.renamed_allocations import RenamedAllocations
from sriov_device_plugin.pool import allocation, config, health, legacy_config, pools
from sriov_device_plugin.pool.explain import explain
from support.dp_host import FakeHost
from support.drawn import examples
from support.fake_kubelet import Plugin

PF = "0000:01:00.0"
VFS = [f"0000:01:10.{n}" for n in (0, 2, 4)]
EVERYTHING = [
    {"resourceName": "vhost", "selectors": {"vdpaType": "vhost"}},
    {"resourceName": "rdma", "selectors": {"isRdma": True, "needVhostNet": True}},
    {"resourceName": "keys", "selectors": {"pKeys": ["0x1"], "pfNames": ["enp1s0#0-1"]}},
    {"resourceName": "rest", "selectors": {}, "preferredAllocation": "packed"},
    {"resourceName": "sf", "deviceType": "auxNetDevice", "selectors": {"auxTypes": ["sf"]}},
    {"resourceName": "fpga", "deviceType": "accelerator", "selectors": {}},
]
CONFIGS = config.parse(json.dumps({"resourceList": EVERYTHING}).encode(), "intel.com").pools
SLOW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(25), deadline=None)

ENTRIES = [
    "vendor", "device", "class", "driver", "physfn", "virtfn0", "virtfn99999", "virtfnx", "net", "net/eth0", "uio",
    "uio/uio0", "iommu_group", "iommu_group/name", "infiniband", "infiniband/mlx5_0", "vfio-dev", "numa_node",
    "sriov_numvfs", "sriov_totalvfs", "mlx5_core.sf.1", "mlx5_core.sf.1/sfnum", "mlx5_core.sf.1/net", "virtio0",
    "virtio0/net", "acpi_index",
]  # fmt: skip
CONTENTS = st.one_of(
    st.binary(max_size=80).map(lambda content: ("file", content)),
    st.sampled_from([("folder", b""), ("loop", b""), ("dangling", b""), ("fifo", b""), ("huge", b"")]),
)


def put(path: Path, kind: str, content: bytes) -> None:
    """One entry of a broken sysfs; nothing where its folder is no folder."""
    if not path.parent.is_dir() or path.is_symlink() or path.exists():
        return
    if kind == "folder":
        path.mkdir()
    elif kind in ("loop", "dangling"):
        path.symlink_to(path.name if kind == "loop" else "../gone")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.write_bytes(content if kind == "file" else b"1" * 100_000)


@SLOW
@given(st.dictionaries(st.sampled_from(ENTRIES), CONTENTS, max_size=12), st.sampled_from(["0x020000", "0x120000"]))
def test_any_sysfs(tmp_path: Path, entries: dict[str, tuple[str, bytes]], klass: str) -> None:
    shutil.rmtree(tmp_path / "host", ignore_errors=True)
    host = FakeHost(tmp_path / "host")
    host.add("0000:02:00.0", name="enp2s0")
    victim = host.pci(PF)
    victim.mkdir()
    for name in sorted(entries):
        put(victim / name, *entries[name])
    put(victim / "class", "file", klass.encode())
    put(victim / "driver", "dangling", b"")
    scanner = Scanner(str(host.root))
    shares = pools.assign(CONFIGS, pools.scan(CONFIGS, scanner))
    links = health.Links(str(host.root), 0, 0, 0)
    members = [(name, member) for name, share in shares.items() for member in share.members.values()]
    assert "0000:02:00.0" in [member.device.id for _name, member in members], "another device is never hidden"
    links.observe([member.device for _name, member in members], 0)
    by_name = {pool.resource_name: pool for pool in CONFIGS}
    for name, member in members:
        health.problem(member.device, links)
        fresh = scanner.refresh(member.device)
        assert fresh is not None
        try:
            allocation.grant(by_name[name], [pools.Member(fresh, member.selector)], str(host.root))
        except DevicePluginError as error:
            assert member.device.id in str(error)
    assert all(explain(CONFIGS, scanner))


OLD_KEYS = st.sampled_from(["resourceList", "rootDevices", "sriovMode", "deviceType", "selectors"])
OLD_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["vfio", "netdevice", "02:00.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(OLD_KEYS, inner, max_size=4),
    max_leaves=12,
)
OLD_POOLS = st.lists(st.dictionaries(OLD_KEYS, OLD_VALUES, max_size=4), max_size=2)


@given(OLD_VALUES | st.fixed_dictionaries({"resourceList": OLD_POOLS}))
def test_any_old_configuration(document: Any) -> None:
    try:
        text, _notes = legacy_config.convert(json.dumps(document).encode())
    except ConfigError as error:
        assert error.problems
    else:
        assert len(json.loads(text)["resourceList"]) == len(document["resourceList"])


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugin]:
    """A pool of three VFs, served in this process."""
    folder = tmp_path_factory.mktemp("f")
    host = FakeHost(folder / "host")
    host.add(PF, name="enp1s0", totalvfs=7)
    host.add_vfs(PF, 3)
    (pool_config,) = (c for c in CONFIGS if c.name == "rest")
    scanner = Scanner(str(host.root))
    pool = pools.Pool(pool_config)
    pool.update(pool_config, pools.assign([pool_config], scanner.scan(["02"]))["intel.com/rest"].members)
    server = PoolServer(PoolService(pool, scanner, str(folder / "devinfo"), "", RenamedAllocations(str(folder))))
    server.start(str(folder / "s"))
    with Plugin(folder / "s") as client:
        yield client
    server.stop()


METHODS = [
    f"v1beta1.DevicePlugin/{name}"
    for name in ("GetDevicePluginOptions", "GetPreferredAllocation", "Allocate", "PreStartContainer", "Nothing")
]
METHODS += [f"pluginregistration.Registration/{name}" for name in ("GetInfo", "NotifyRegistrationStatus")]  # fmt: skip


@settings(max_examples=examples(60), deadline=None)
@given(st.sampled_from(METHODS), st.binary(max_size=300))
def test_any_bytes_as_a_request(plugin: Plugin, method: str, content: bytes) -> None:
    call = plugin.channel.unary_unary(f"/{method}", request_serializer=bytes, response_deserializer=bytes)
    try:
        call(content, timeout=10)
    except grpc.RpcError as error:
        assert error.code() != grpc.StatusCode.DEADLINE_EXCEEDED
        assert error.code() != grpc.StatusCode.UNAVAILABLE
    options = plugin.call("v1beta1.DevicePlugin/GetDevicePluginOptions", api.Empty(), api.DevicePluginOptions)
    assert options.get_preferred_allocation_available


IDS = st.lists(st.sampled_from(VFS) | st.text(max_size=70), max_size=6)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(IDS, max_size=4))
def test_any_ids_in_an_allocate(plugin: Plugin, containers: list[list[str]]) -> None:
    known = all(device_id in VFS for ids in containers for device_id in ids)
    try:
        answers = plugin.allocate(*containers)
    except grpc.RpcError as error:
        assert not known
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "has no device" in error.details()
    else:
        assert known
        assert [a.envs["PCIDEVICE_INTEL_COM_REST"] for a in answers] == [",".join(ids) for ids in containers]


@settings(max_examples=examples(40), deadline=None)
@given(IDS, IDS, st.integers(-(2**31), 2**31 - 1))
def test_any_preferred_allocation(plugin: Plugin, available: list[str], must: list[str], size: int) -> None:
    answer = plugin.preferred(available, must, size)
    assert len(answer) <= max(size, 0)
    assert set(answer) <= set(must) | (set(available) & set(VFS))


def test_ten_thousand_ids(plugin: Plugin) -> None:
    many = [f"0000:{n:04x}" for n in range(10_000)]
    with pytest.raises(grpc.RpcError) as caught:
        plugin.allocate(many)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert plugin.preferred([*many, VFS[1]], [], 5) == [VFS[1]]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Device nodes that sysfs suggests: a container gets those that are there, or a refusal that names what is missing."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest

from shared import pci
from sriov_device_plugin.errors import DeviceChangedError
from sriov_device_plugin.host import kernel_events
from sriov_device_plugin.host.device_nodes import Nodes
from sriov_device_plugin.host.discovery import Scanner
from sriov_device_plugin.pool import allocation, cdi, config, device_info, explain, pools
from support import dp_node_table as table
from support.dp_daemon import VFIO, Daemon
from support.dp_host import FakeHost
from support.fake_kubelet import FakeKubelet
from support.processes import eventually
from support.vector_ids import finding

PF, VF = "0000:01:00.0", "0000:01:10.0"


def put(host: FakeHost, path: str, kind: str) -> None:
    """Something in a device node's place."""
    place = host.root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == table.CHAR:
        host.node(path)
    elif kind == table.LINK:
        host.node(f"{path}-itself")
        place.symlink_to(f"{place.name}-itself")
    elif kind == table.FILE:
        place.touch()
    elif kind == table.DANGLING:
        place.symlink_to("gone")
    elif kind == table.FIFO:
        os.mkfifo(place)
    else:
        place.mkdir()


class Situation:
    """The host of one row of the table, and a pool over its function."""

    def __init__(self, host: FakeHost, row: table.Row) -> None:
        self.host, has = host, row.device
        host.add(PF, name="ens1", totalvfs=8, driver=has["driver"] if "sf" in has else "mlx5_core")
        self.id, kind = VF, "netDevice"
        if "sf" in has:
            self.id, kind = host.subfunction(PF, 0, sfnum=1), "auxNetDevice"
        elif "accelerator" in has:
            self.id, kind = "0000:05:00.0", "accelerator"
            host.add(self.id, klass="0x120000", driver=has["driver"])
        else:
            host.add_vfs(PF, 1, driver=has["driver"])
        folder = host.pci(PF) / self.id if "sf" in has else host.pci(self.id)
        if has["driver"] == "vfio-pci":
            host.group(self.id, 20, has.get("noiommu", False))
        for kind_of_node, key in (("vfio-dev", "vfio_dev"), ("uio", "uio")):
            if key in has:
                (folder / kind_of_node / has[key]).mkdir(parents=True)
        for name, classes in has.get("rdma", {}).items():
            (folder / "infiniband" / name).mkdir(parents=True)
            for node in classes:
                group = {"ucm": "cm", "issm": "mad", "umad": "mad", "uverbs": "verbs"}[node.rstrip("0123456789")]
                (host.root / f"sys/class/infiniband_{group}" / node).mkdir(parents=True)
                (host.root / f"sys/class/infiniband_{group}" / node / "ibdev").write_text(f"{name}\n")
        if has.get("rdma_capable"):
            (folder / "mlx5_core.rdma.0").mkdir()
        if "vdpa" in has:
            host.vdpa(VF, "vdpa2", *has["vdpa"])
        shutil.rmtree(host.root / "dev")
        for path, what in row.present.items():
            put(host, path, what)
        entry = {"resourceName": "p", "deviceType": kind, "selectors": {**row.selectors}}
        if kind == "netDevice":
            entry["selectors"]["pfNames"] = ["ens1"]
        self.configs = config.parse(json.dumps({"resourceList": [entry]}).encode(), "intel.com").pools
        devices = pools.scan(self.configs, Scanner(str(host.root)))
        self.members = pools.assign(self.configs, devices)["intel.com/p"].members

    def grant(self) -> allocation.Grant:
        return allocation.grant(self.configs[0], [self.members[self.id]], str(self.host.root))

    def health(self) -> dict[str, str]:
        return allocation.problems(self.members, Nodes(str(self.host.root)))

    def spec(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            cdi.render(self.configs[0], self.members.values(), str(self.host.root))
        )["devices"]
        return found


@pytest.mark.parametrize("row", [pytest.param(row, id=f"finding-dp-01-{row.id}") for row in table.ROWS])
def test_what_is_there_is_granted_and_what_is_missing_is_named(host: FakeHost, row: table.Row) -> None:
    """By Allocate, in the CDI spec, in the device's health and by --explain alike."""
    at = Situation(host, row)
    told = "\n".join(explain.explain(at.configs, Scanner(str(host.root))))
    if row.granted is not None:
        wanted = [(path, path) if isinstance(path, str) else path for path in row.granted]
        granted = at.grant()
        assert [(node.host_path, node.container_path) for node in granted.nodes] == wanted
        assert granted.with_nodes == ([at.id] if wanted else [])
        spec = [node["path"] for device in at.spec() for node in device["containerEdits"]["deviceNodes"]]
        assert spec == [inside for _outside, inside in wanted]
        mentioned = set(granted.envs["PCIDEVICE_INTEL_COM_P_INFO"].split('"'))
        assert {text for text in mentioned if text.startswith("/dev/")} <= set(spec)
        assert (at.health(), "unhealthy" in told) == ({}, False)
        return
    with pytest.raises(DeviceChangedError) as caught:
        at.grant()
    said = str(caught.value)
    assert said.startswith(f"{at.id} needs for ")
    for word in (*row.words, "expected a character device, found "):
        assert word in said
    (reason,) = at.health().values()
    assert said == f"{at.id} {reason}" and f"    unhealthy: {reason}" in told
    assert at.spec() == []


@finding("finding-dp-01-nothing-that-is-there-is-called-missing")
def test_nothing_that_is_there_is_called_missing(host: FakeHost) -> None:
    row = next(row for row in table.ROWS if row.id == "half-of-each-way")
    with pytest.raises(DeviceChangedError) as caught:
        Situation(host, row).grant()
    assert f"{table.VFIO} " not in str(caught.value) and f"{table.CDEV} " not in str(caught.value)


@pytest.mark.parametrize("kind", ["socket", "loop", "below-a-file"], ids=lambda kind: f"finding-dp-01-{kind}")
def test_whatever_else_is_in_a_nodes_place(host: FakeHost, short_path: Path, kind: str) -> None:
    """Said in words, and no exception of another kind."""
    nodes = Nodes(str(short_path))
    path = short_path / "dev/uio0"
    path.parent.mkdir()
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    elif kind == "loop":
        path.symlink_to("uio0")
    else:
        path.parent.rmdir()
        path.parent.touch()
    words = {"socket": "a socket", "loop": "symbolic links", "below-a-file": "Not a directory"}
    assert words[kind] in nodes.found("/dev/uio0")


@finding("finding-dp-01-device-info-names-no-missing-vdpa-node")
def test_device_info_names_no_missing_vdpa_node(host: FakeHost) -> None:
    row = next(row for row in table.ROWS if row.id == "vdpa-is-a-file")
    member = Situation(host, row).members[VF]
    assert "path" not in json.loads(device_info.render(member.device, member.selector.flags))["vdpa"]


@finding("finding-dp-01-cdi-names-the-node-behind-a-link")
def test_cdi_names_the_node_behind_a_link(host: FakeHost) -> None:
    """CDI's library looks at the path itself (lstat), unlike the runtimes with the nodes of Allocate."""
    (host.root / "dev/vfio-of-udev").touch()
    (host.root / "dev/uio3").symlink_to("vfio-of-udev")
    assert Nodes(str(host.root)).real("/dev/uio3") == "/dev/vfio-of-udev"
    (host.root / "dev/uio4").symlink_to("/dev/null")
    assert Nodes(str(host.root)).real("/dev/uio4") == "/dev/uio4", "outside of this root"
    assert Nodes("").real("/dev/null") == "/dev/null"


@pytest.mark.parametrize(
    ("mounts", "wanted"),
    [
        pytest.param("22 1 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw\n", False, id="finding-dp-01-host"),
        pytest.param("22 1 0:5 / /dev rw - tmpfs tmpfs rw\n23 22 0:6 / /dev rw - devtmpfs devtmpfs rw\n", False,
                     id="finding-dp-01-container-with-the-hosts-dev"),
        pytest.param("22 1 0:5 / /dev rw,nosuid - tmpfs tmpfs rw,size=64k\n", True, id="finding-dp-01-container"),
        pytest.param("22 1 0:5 / /dev\njunk\n\n", False, id="finding-dp-01-junk"),
    ],
)  # fmt: skip
def test_a_container_that_does_not_see_the_hosts_nodes_is_told(host: FakeHost, mounts: str, wanted: bool) -> None:
    (host.root / "proc/self").mkdir()
    (host.root / "proc/self/mountinfo").write_text(mounts)
    row = next(row for row in table.ROWS if row.id == "uio-missing")
    (reason,) = Situation(host, row).health().values()
    assert ("in a container mount the host's /dev" in reason) == wanted


@finding("finding-dp-01-nodes-of-many-rdma-devices-are-read-once")
def test_nodes_of_many_rdma_devices_are_read_once(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each device: N of them have 3 N nodes."""
    host.add(PF, name="ens1", totalvfs=64, driver="mlx5_core")
    for number, address in enumerate(host.add_vfs(PF, 32, driver="mlx5_core")):
        host.rdma(address, f"mlx5_{number}", number)
    entry = {"resourceName": "p", "selectors": {"isRdma": True}}
    configs = config.parse(json.dumps({"resourceList": [entry]}).encode(), "intel.com").pools
    members = pools.assign(configs, pools.scan(configs, Scanner(str(host.root))))["intel.com/p"].members
    asked: list[str] = []
    read = pci.read_text

    def count(path: str) -> str | None:
        asked.append(path)
        return read(path)

    monkeypatch.setattr(pci, "read_text", count)
    assert allocation.problems(members, Nodes(str(host.root))) == {}
    assert len(members) == 32 and len(asked) == 3 * 32


def health(stream: Any) -> list[str]:
    return [device.health[0] for device in next(stream).devices]


@finding("finding-dp-01-unhealthy-until-the-node-is-there")
def test_unhealthy_until_the_node_is_there(node: Daemon, kubelet: FakeKubelet, tmp_path: Path) -> None:
    """The kubelet hears of it before a pod fails, the log says it once, and the CDI spec follows."""
    group = node.host.root / "dev/vfio/20"
    group.unlink()
    node.start("--use-cdi", "--cdi-dir", str(tmp_path / "cdi"))
    with kubelet.plugin(kubelet.both_registered()["intel.com/vfio"]) as plugin:
        stream = plugin.watch()
        assert health(stream) == ["U", "H", "H", "H"]
        spec = tmp_path / "cdi/baremetal-sriov-intel.com-vfio.json"

        def named() -> list[str]:
            return [device["name"] for device in json.loads(spec.read_text())["devices"]]

        eventually(spec.exists, "the CDI spec")
        assert named() == VFIO[1:]
        with pytest.raises(grpc.RpcError) as caught:
            plugin.allocate([VFIO[1]], [VFIO[0]])
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert f"{VFIO[0]} needs for vfio-pci: /dev/vfio/20 (expected a character device" in caught.value.details()
        assert plugin.preferred(VFIO, [], 1) == [VFIO[0]], "the kubelet asks only about healthy devices"
        node.host.node("/dev/vfio/20")
        assert health(stream) == ["H"] * 4
        eventually(lambda: named() == VFIO, "the CDI spec follows")
        (granted,) = plugin.allocate([VFIO[0]])
        assert [device.name for device in granted.cdi_devices] == [f"intel.com/sriov-vfio={VFIO[0]}"]
        (node.host.root / "dev/vfio/21").unlink()
        assert health(stream) == ["H", "U", "H", "H"]
    assert node.stop() == 0
    assert node.logged().count("intel.com/vfio: 1 unhealthy: needs for vfio-pci: /dev/vfio/20 ") == 1
    assert node.logged().count("intel.com/vfio: all healthy") == 1


@finding("finding-dp-01-a-whole-pool-is-one-line")
def test_a_whole_pool_is_one_line(node: Daemon, kubelet: FakeKubelet) -> None:
    """What all lack is said once; of what each lacks for itself some are named."""
    for number in range(4):
        node.host.add(f"0000:09:00.{number}", driver="vfio-pci")
        node.host.group(f"0000:09:00.{number}", 40 + number)
    shutil.rmtree(node.host.root / "dev/vfio")
    node.configure(
        {"resourceName": "vhost", "selectors": {"pfNames": ["enp1s0"], "needVhostNet": True}},
        {"resourceName": "vfio", "selectors": {"drivers": ["vfio-pci"]}},
    )
    node.start()
    kubelet.both_registered()
    eventually(lambda: "and 3 more reasons" in node.logged(), "the line of the second pool")
    assert node.logged().count("intel.com/vhost: 4 unhealthy: needs for needVhostNet: /dev/vhost-net ") == 1
    assert node.logged().count("1 unhealthy: needs for vfio-pci") == 5


@pytest.mark.parametrize("subsystem", ["misc", "infiniband_verbs", "vfio", "uio"], ids=lambda s: f"finding-dp-01-{s}")
def test_the_kernels_messages_about_nodes_matter(subsystem: str) -> None:
    assert kernel_events._matters(f"add@/devices/virtual/x\0SUBSYSTEM={subsystem}\0".encode())

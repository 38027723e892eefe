# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container gets: environment, device nodes, device-info files."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shared.places import device_info_name
from sriov_device_plugin.errors import DeviceChangedError
from sriov_device_plugin.host.discovery import Device, Scanner
from sriov_device_plugin.pool import allocation, config, device_info, pools
from sriov_device_plugin.pool.pools import Member
from support.dp_host import FakeHost
from support.vector_ids import vectors

PF = "0000:01:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"


class Setup:
    """A host with one PF and two VFs, and one pool over them."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host
        host.add(PF, name="enp1s0", totalvfs=7)
        host.add_vfs(PF, 2)
        self.pool: dict[str, Any] = {"resourceName": "vf", "selectors": {}}

    def config(self) -> config.PoolConfig:
        content = json.dumps({"resourceList": [self.pool]}).encode()
        return config.parse(content, "intel.com").pools[0]

    def grant(self, *ids: str) -> allocation.Grant:
        devices = Scanner(str(self.host.root)).scan(["02"])
        members = pools.assign([self.config()], devices)["intel.com/vf"].members
        return allocation.grant(self.config(), [members[i] for i in ids], str(self.host.root))

    def info(self, *ids: str) -> Any:
        return json.loads(self.grant(*ids).envs["PCIDEVICE_INTEL_COM_VF_INFO"])


@pytest.fixture
def setup(host: FakeHost) -> Setup:
    return Setup(host)


def paths(grant: allocation.Grant) -> list[tuple[str, str]]:
    return [(node.host_path, node.container_path) for node in grant.nodes]


VFIO = ("/dev/vfio/vfio", "/dev/vfio/vfio")


@vectors("dp", 74, 78, 83)
def test_kernel_driver(setup: Setup) -> None:
    """No nodes, and the generic entry alone."""
    assert setup.grant(VF0).nodes == []
    assert setup.info(VF0) == {VF0: {"generic": {"deviceID": VF0}}}


@pytest.mark.parametrize("group", [pytest.param(0, id="dp-vector-69"), pytest.param(1, id="dp-vector-50-iommu")])
def test_vfio(setup: Setup, group: int) -> None:
    setup.host.bind(VF0, "vfio-pci", group=group)
    node = f"/dev/vfio/{group}"
    assert paths(setup.grant(VF0)) == [VFIO, (node, node)]
    assert setup.info(VF0) == {
        VF0: {"generic": {"deviceID": VF0}, "vfio": {"mount": "/dev/vfio/vfio", "dev-mount": node}}
    }


@vectors("dp", 50)
def test_vfio_without_an_iommu(setup: Setup) -> None:
    """The control node keeps its name."""
    setup.host.bind(VF0, "vfio-pci", group=1, noiommu=True)
    assert paths(setup.grant(VF0)) == [VFIO, ("/dev/vfio/noiommu-1", "/dev/vfio/1")]
    assert setup.info(VF0)[VF0]["vfio"]["dev-mount"] == "/dev/vfio/1"


@vectors("dp", 70)
def test_two_vfio_devices_share_the_control_node(setup: Setup) -> None:
    setup.host.bind(VF0, "vfio-pci", group=0)
    setup.host.bind(VF1, "vfio-pci", group=1)
    assert paths(setup.grant(VF0, VF1)) == [VFIO, ("/dev/vfio/0",) * 2, ("/dev/vfio/1",) * 2]


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        # The Go plugin hands out /dev/vfio/vfio alone; ours refuses what could not be used.
        pytest.param("vfio-pci", "in no IOMMU group", id="dp-vector-71-differs"),
        pytest.param("igb_uio", "has no uio device", id="dp-vector-51-missing"),
    ],
)
def test_a_node_that_cannot_be_told(setup: Setup, driver: str, words: str) -> None:
    setup.host.bind(VF0, driver)
    with pytest.raises(DeviceChangedError, match=f"{VF0} is bound to {driver} .*{words}"):
        setup.grant(VF0)


@vectors("dp", 72)
def test_the_group_is_read_at_each_call(setup: Setup) -> None:
    setup.host.bind(VF0, "vfio-pci", group=5)
    scanner = Scanner(str(setup.host.root))
    device = next(d for d in scanner.scan(["02"]) if d.id == VF0)
    setup.host.group(VF0, 10)
    again = scanner.refresh(device)
    assert again is not None and again.iommu_group == "10"


@pytest.mark.parametrize("driver", ["uio", "igb_uio", "uio_pci_generic"], ids=lambda d: f"dp-vector-73-{d}")
def test_uio(setup: Setup, driver: str) -> None:
    """The variable names the node at the first call already; uio_pci_generic is known."""
    setup.host.bind(VF0, driver)
    setup.host.uio(VF0, "uio0")
    assert setup.info(VF0)[VF0]["uio"] == {"mount": "/dev/uio0"}
    assert paths(setup.grant(VF0)) == [("/dev/uio0", "/dev/uio0")]


@pytest.mark.parametrize("wanted", [True, False], ids=["dp-vector-79-with", "dp-vector-79-without"])
def test_vhost_net(setup: Setup, wanted: bool) -> None:
    setup.host.bind(VF0, "vfio-pci", group=3)
    for path in (allocation.VHOST_NET, allocation.TUN):
        setup.host.node(path)
    setup.pool["selectors"] = {"needVhostNet": wanted}
    assert len(setup.grant(VF0).nodes) == (4 if wanted else 2)
    assert set(setup.info(VF0)[VF0]) == {"generic", "vfio", *(["vhost"] if wanted else [])}


def test_vhost_net_without_the_module_is_refused(setup: Setup) -> None:
    """The Go plugin starts the pod without the nodes that its pool asks for."""
    setup.pool["selectors"] = {"needVhostNet": True}
    with pytest.raises(DeviceChangedError, match=f"{VF0} needs for needVhostNet: /dev/vhost-net .*modprobe vhost_net"):
        setup.grant(VF0)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param({"*": {"a": "1"}}, {"a": "1"}, id="dp-vector-82-all"),
        pytest.param({"*": {"a": "1"}, VF0: {"a": "2"}}, {"a": "2"}, id="dp-vector-82-specific"),
        pytest.param({"*": {"a": "1"}, VF0: {"b": "2"}}, {"a": "1", "b": "2"}, id="dp-vector-82-merged"),
        pytest.param({VF1: {"a": "1"}}, {}, id="dp-vector-82-other"),
        pytest.param(None, None, id="dp-vector-82-none"),
    ],
)
def test_additional_info(setup: Setup, given: Any, wanted: Any) -> None:
    setup.pool["additionalInfo"] = given
    assert setup.info(VF0)[VF0].get("extra") == wanted


@pytest.mark.parametrize(
    ("prefix", "name", "wanted"),
    [
        pytest.param("intel.com", "sriov", "PCIDEVICE_INTEL_COM_SRIOV", id="dp-vector-94"),
        pytest.param(
            "openshift.io",
            "cnsbc-vfio-int",
            "PCIDEVICE_OPENSHIFT_IO_CNSBC-VFIO-INT",
            id="dp-vector-94-hyphen",
        ),
    ],
)
def test_names_of_variables(setup: Setup, prefix: str, name: str, wanted: str) -> None:
    setup.pool.update(resourceName=name, resourcePrefix=prefix)
    members = [Member(Device(id=i, class_id="020000"), setup.config().selectors[0]) for i in (VF1, VF0)]
    envs = allocation.grant(setup.config(), members).envs
    assert set(envs) == {wanted, f"{wanted}_INFO"}
    assert envs[wanted] == f"{VF1},{VF0}"


def test_the_info_variable_is_compact_and_sorted(setup: Setup) -> None:
    setup.host.bind(VF0, "vfio-pci", group=145)
    assert setup.grant(VF0).envs["PCIDEVICE_INTEL_COM_VF_INFO"] == (
        '{"0000:01:10.0":{"generic":{"deviceID":"0000:01:10.0"},'
        '"vfio":{"dev-mount":"/dev/vfio/145","mount":"/dev/vfio/vfio"}}}'
    )


@vectors("dp", 84)
def test_device_info_files(tmp_path: Path) -> None:
    """Of format 1.1.0."""
    folder = tmp_path / "devinfo" / "dp"
    vf = Device(id="0000:05:00.2", class_id="020000", pf_address="0000:05:00.0")
    device_info.write(str(folder), "intel.com/intelVFs", vf)
    (path,) = folder.iterdir()
    assert path.name == "intel.com-intelVFs-0000:05:00.2-device.json"
    assert json.loads(path.read_text()) == {
        "type": "pci",
        "version": "1.1.0",
        "pci": {"pci-address": "0000:05:00.2", "pf-pci-address": "0000:05:00.0"},
    }
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o644, 0o755)
    before = path.stat().st_mtime_ns
    device_info.write(str(folder), "intel.com/intelVFs", vf)
    assert path.stat().st_mtime_ns == before


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    """The main thread, after a start, and an Allocate."""

    def write(number: int) -> None:
        pf = f"0000:05:00.{number % 2}"  # two contents, so that there is always something to write
        device_info.write(str(tmp_path), "a.b/c", Device(id=VF0, class_id="020000", pf_address=pf))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(400)))
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text())["pci"]["pci-address"] == VF0


def test_a_read_only_or_wrong_device_info_file_is_replaced(tmp_path: Path) -> None:
    """The Go plugin leaves files of mode 0444."""
    path = tmp_path / device_info_name("a.b/c", VF0)
    path.write_text("{}")
    path.chmod(0o444)
    device_info.write(str(tmp_path), "a.b/c", Device(id=VF0, class_id="020000"))
    assert json.loads(path.read_text())["pci"] == {"pci-address": VF0}
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]

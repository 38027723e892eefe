# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What running pods need stays when the configuration no longer names it: registration, CDI devices, a PF's name."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from sriov_device_plugin.host.discovery import Scanner
from sriov_device_plugin.kubelet.memory import Memory
from support.dp_daemon import KERNEL, PF1, POOLS, VFIO, Daemon
from support.dp_host import FakeHost
from support.fake_kubelet import FakeKubelet, next_ids
from support.processes import eventually
from support.vector_ids import finding

OLD, NEW = {**POOLS[1], "resourceName": "old"}, {**POOLS[1], "resourceName": "new"}


def hold(answer: Any, resource: str, *ids: str) -> None:
    """A pod p in namespace n has these."""
    answer.pod_resources.add(name="p", namespace="n").containers.add(name="c").devices.add(
        resource_name=resource, device_ids=ids
    )


def reload(node: Daemon, *resources: dict[str, Any]) -> None:
    node.configure(*resources)
    node.process.send_signal(signal.SIGHUP)


@pytest.mark.parametrize("restarts", [pytest.param(False, id="finding-dp-05-reload"),
                                      pytest.param(True, id="finding-dp-05-restart")])  # fmt: skip
def test_an_old_name_stays_until_no_pod_holds_a_device_under_it(
    node: Daemon, kubelet: FakeKubelet, pod_resources: Any, tmp_path: Path, restarts: bool
) -> None:
    arguments = ("--use-cdi", "--cdi-dir", str(tmp_path / "cdi"))
    spec = tmp_path / "cdi" / "baremetal-sriov-intel.com-old.json"
    node.configure(OLD)
    node.start(*arguments)
    assert kubelet.registered().resource_name == "intel.com/old"
    eventually(spec.exists, "the CDI file")
    hold(pod_resources, "intel.com/old", VFIO[1])
    if restarts:
        assert node.stop() == 0
        node.configure(NEW)
        node.start(*arguments)
    else:
        reload(node, NEW)
    names = kubelet.both_registered() if restarts else {kubelet.registered().resource_name: "intel.com_new.sock"}
    assert "intel.com/new" in names
    with kubelet.plugin("intel.com_old.sock") as old, kubelet.plugin("intel.com_new.sock") as new:
        stream, left = new.watch(), old.watch()
        assert (next_ids(stream), next_ids(left)) == ([v for v in VFIO if v != VFIO[1]], [])
        assert "intel.com/old: no longer configured; kept with an empty list, since pod n/p" in node.logged()
        assert VFIO[1] in [device["name"] for device in json.loads(spec.read_text())["devices"]]
        pod_resources.Clear()
        assert next_ids(stream) == VFIO
    eventually(lambda: not spec.exists(), "the CDI file goes with the last pod")
    eventually(lambda: not (kubelet.folder / "intel.com_old.sock").exists(), "so does the socket")
    assert node.stop() == 0


@finding("finding-dp-05-moved-device")
def test_a_device_that_a_pod_holds_stays_in_the_cdi_file(
    node: Daemon, kubelet: FakeKubelet, pod_resources: Any, tmp_path: Path
) -> None:
    """Its pool goes on without it; the pod's container is started again by the device's name."""
    spec = tmp_path / "cdi" / "baremetal-sriov-intel.com-old.json"
    node.configure(OLD)
    node.start("--use-cdi", "--cdi-dir", str(spec.parent))
    kubelet.registered()

    def named() -> list[str]:
        return [device["name"] for device in json.loads(spec.read_text())["devices"]] if spec.exists() else []

    eventually(lambda: named() == VFIO, "the CDI file")
    hold(pod_resources, "intel.com/old", VFIO[1])
    before = json.loads(spec.read_text())["devices"][1]
    for address in VFIO[1:3]:
        node.host.bind(address, "igbvf")
    eventually(lambda: named() == [VFIO[0], VFIO[3], VFIO[1]], "the one that nobody holds is gone")
    assert json.loads(spec.read_text())["devices"][2] == before
    pod_resources.Clear()
    eventually(lambda: named() == [VFIO[0], VFIO[3]], "so is the other once its pod is")


@finding("finding-dp-05-lost-memory")
def test_a_cdi_file_tells_its_resource(node: Daemon, pod_resources: Any, tmp_path: Path) -> None:
    """Where what we remember was lost with its disk."""
    spec = tmp_path / "cdi" / "baremetal-sriov-intel.com-old.json"
    spec.parent.mkdir()
    spec.write_text(json.dumps({"cdiVersion": "0.5.0", "kind": "intel.com/sriov-old", "devices": []}))
    junk = spec.with_name("baremetal-sriov-junk.json")
    junk.write_text("junk")
    hold(pod_resources, "intel.com/old", VFIO[1])
    node.start("--use-cdi", "--cdi-dir", str(spec.parent))
    eventually(lambda: not junk.exists(), "what no pod needs is removed")
    assert spec.exists()


@finding("finding-dp-17")
def test_a_pfs_name_is_known_after_our_restart(node: Daemon, kubelet: FakeKubelet) -> None:
    """Its interface is in a pod meanwhile."""
    node.configure(POOLS[0])
    node.start()
    kubelet.registered()
    assert node.stop() == 0
    node.host.netdev_to_pod(PF1)
    node.start()
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        assert next_ids(plugin.watch()) == KERNEL


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"junk", id="finding-dp-17-junk"),
        pytest.param(b"[]", id="finding-dp-17-list"),
        pytest.param(b'{"format": 2, "pf_names": {"0000:01:00.0": "eth0"}}', id="finding-dp-17-format"),
        pytest.param(b'{"format": 1, "pf_names": {"0000:01:00.0": 3, "x": "y"}, "resources": 5}',
                     id="finding-dp-17-types"),
        pytest.param(b"[" * 100_000, id="finding-dp-17-deep"),
        pytest.param(b" " * (2 << 20), id="finding-dp-17-large"),
    ],
)  # fmt: skip
def test_what_is_no_memory_of_ours_is_not_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "memory.json").write_bytes(content)
    found = Memory(str(tmp_path))
    assert (found.pf_names, found.resources) == ({}, set())
    found.save({PF1: "eth0"}, ["a/b"])
    again = Memory(str(tmp_path))
    assert (again.pf_names, again.resources) == ({PF1: "eth0"}, {"a/b"})


@finding("finding-dp-14")
def test_a_large_iommu_group_is_read_once(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    from shared import pci

    host.add(PF1, name="enp1s0", totalvfs=64)
    for address in (vfs := host.add_vfs(PF1, 60, driver="vfio-pci")):
        host.group(address, 7)
    asked: list[str] = []
    real = pci.class_id
    monkeypatch.setattr(pci, "class_id", lambda root, address: asked.append(address) or real(root, address))
    found = [device for device in Scanner(str(host.root)).scan(["02"]) if device.pf_address]
    assert all(set(device.group_mates) == set(vfs) - {device.id} for device in found)
    assert len(asked) <= 4 * len(vfs)


@finding("finding-dp-20")
@pytest.mark.parametrize("selector", [{}, {"vendors": ["8086"]}])
def test_the_nic_of_the_nodes_address_is_in_no_pool(
    node: Daemon, kubelet: FakeKubelet, selector: dict[str, Any]
) -> None:
    """No default route is there; its address is enough."""
    node.host.add("0000:07:00.0", name="mgmt0")
    node.host.addresses(("mgmt0", "2001:db8::22"))
    node.configure({"resourceName": "all", "selectors": selector})
    node.start()
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        assert next_ids(plugin.watch()) == [*KERNEL, *VFIO]
    assert "the host uses its interface mgmt0 (the address 2001:db8::22/64)" in node.logged()

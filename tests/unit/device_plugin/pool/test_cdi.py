# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CDI: spec files, annotations, and the names in the answer to Allocate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sriov_device_plugin import files
from sriov_device_plugin.pool import cdi, config
from support.dp_daemon import Daemon
from support.fake_kubelet import FakeKubelet, next_ids
from support.processes import eventually
from support.vector_ids import vectors

PF = "0000:01:00.0"
KERNEL, VFIO = "0000:01:10.0", "0000:01:10.2"
KIND = "intel.com/sriov-vf"


@pytest.fixture
def node(daemon: Daemon) -> Daemon:
    """One VF of each kind: a kernel driver has no device nodes."""
    daemon.host.add(PF, name="enp1s0", totalvfs=7)
    daemon.host.add_vfs(PF, 2)
    daemon.host.bind(VFIO, "vfio-pci", 20)
    daemon.configure({"resourceName": "vf", "selectors": {}})
    return daemon


def spec(folder: Path) -> Any:
    (path,) = folder.glob("[!.]*")
    assert path.stat().st_mode & 0o777 == 0o644
    return json.loads(path.read_text())


@vectors("dp", 91)
def test_annotations() -> None:
    assert cdi.annotation("example.com/net", ["0000:00:00.1"]) == (
        "cdi.k8s.io/example.com_net",
        "example.com/net=0000:00:00.1",
    )


def test_a_long_kind_gets_a_short_key_of_its_own() -> None:
    keys = {cdi.annotation(f"{'p' * 60}.example/sriov-{name}", ["x"])[0] for name in "ab"}
    assert len(keys) == 2
    assert all(len(key) <= len("cdi.k8s.io/") + 63 for key in keys)


@vectors("dp", 89, 90)
def test_allocate_names_what_the_spec_holds(node: Daemon, kubelet: FakeKubelet, tmp_path: Path) -> None:
    """Two pools of one prefix have kinds of their own, so the kubelet can't mix up their annotations."""
    folder = tmp_path / "cdi"
    folder.mkdir()
    stale, foreign = folder / "baremetal-sriov-intel.com-gone.json", folder / "vendor.yaml"
    stale.write_text("{}")
    foreign.write_text("x")
    node.start("-use-cdi", "--cdi-dir", str(folder))
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == [KERNEL, VFIO]
        eventually(lambda: not stale.exists(), "the file of a pool of before is removed")
        assert foreign.read_text() == "x", "another one's file"
        foreign.unlink()
        nodes = [{"path": p, "hostPath": p, "permissions": "rw"} for p in ("/dev/vfio/vfio", "/dev/vfio/20")]
        assert spec(folder) == {
            "cdiVersion": "0.5.0",
            "kind": KIND,
            "devices": [{"name": VFIO, "containerEdits": {"deviceNodes": nodes}}],
        }
        both, kernel = plugin.allocate([KERNEL, VFIO], [KERNEL])
        assert dict(both.annotations) == {"cdi.k8s.io/intel.com_sriov-vf": f"{KIND}={VFIO}"}
        assert [device.name for device in both.cdi_devices] == [f"{KIND}={VFIO}"]
        assert not both.devices and not both.mounts
        assert both.envs["PCIDEVICE_INTEL_COM_VF"] == f"{KERNEL},{VFIO}"
        assert not kernel.annotations and not kernel.cdi_devices and not kernel.devices
        assert len(plugin.allocate()) == 0
        node.host.remove(KERNEL)
        node.host.group(VFIO, 21)
        assert next_ids(stream) == [VFIO]
        eventually(lambda: "/dev/vfio/21" in json.dumps(spec(folder)), "the spec follows the group")
    assert node.stop() == 0
    assert spec(folder)["kind"] == KIND, "containers that run may be started again by their names"


def test_no_iommu_nodes_have_another_path_outside(node: Daemon, kubelet: FakeKubelet, tmp_path: Path) -> None:
    node.host.bind(VFIO, "vfio-pci", 3, noiommu=True)
    node.start("--use-cdi=true", "--cdi-dir", str(tmp_path))
    kubelet.registered()
    eventually(lambda: list(tmp_path.glob("baremetal*")), "the spec")
    edits = json.loads(next(tmp_path.glob("baremetal*")).read_text())["devices"][0]["containerEdits"]
    assert [(n["hostPath"], n["path"]) for n in edits["deviceNodes"]][1] == ("/dev/vfio/noiommu-3", "/dev/vfio/3")


def test_a_pool_without_nodes_has_no_file(tmp_path: Path) -> None:
    loaded = config.parse(b'{"resourceList": [{"resourceName": "p", "selectors": {}}]}', "intel.com")
    (pool,) = loaded.pools
    target = Path(cdi.path(str(tmp_path), pool))
    target.write_text("old")
    cdi.write(str(tmp_path), pool, [], "")
    cdi.write(str(tmp_path), pool, [], "")
    assert not target.exists()


def test_a_failed_replacement_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "spec"
    target.mkdir()
    with pytest.raises(OSError):
        files.replace(str(target), "x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["spec"]

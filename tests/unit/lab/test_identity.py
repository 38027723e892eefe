# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The early service that makes a node of the image: run on a folder in the root's place."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sriovlab import image

SCRIPT = image.GUEST / "usr/local/lib/lab/identity.py"


def make_root(folder: Path, number: str) -> Path:
    """A folder with what the service finds on node `number`."""
    raw = folder / "sys/firmware/qemu_fw_cfg/by_name/opt/lab/node/raw"
    raw.parent.mkdir(parents=True)
    raw.write_text(number)
    shutil.copytree(image.GUEST / "etc", folder / "etc")
    (folder / "proc/sys/kernel").mkdir(parents=True)
    (folder / "run").mkdir()
    (folder / "etc/kubernetes/nodes").mkdir()
    for name in image.NODES:
        config = folder / f"etc/kubernetes/nodes/{name}.conf"
        config.write_text(f"config of {name}\n")
        config.chmod(0o600)
    shutil.copy(folder / "etc/kubernetes/nodes/node1.conf", folder / "etc/kubernetes/kubelet.conf")
    return folder


def run(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), str(root)], capture_output=True, text=True, check=False
    )


def etc(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time and content of each file."""
    found = [path for path in (root / "etc").rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_the_image_is_node1_and_stays_so(tmp_path: Path) -> None:
    root = make_root(tmp_path, "1")
    before = etc(root)
    done = run(root)
    assert done.returncode == 0, done.stderr
    assert etc(root) == before
    assert (root / "run/lab/control-plane").exists()
    assert (root / "run/lab/node.env").read_text() == "NODE=node1\nNODE_IP=10.99.0.1\n"


@pytest.mark.parametrize("number", [2, 3])
def test_a_worker_has_a_name_addresses_and_the_way_to_the_others(tmp_path: Path, number: int) -> None:
    root = make_root(tmp_path, str(number))
    done = run(root)
    assert done.returncode == 0, done.stderr
    assert (root / "proc/sys/kernel/hostname").read_text() == f"node{number}"
    assert (root / "etc/hostname").read_text() == f"node{number}\n"
    assert (root / "run/lab/node.env").read_text() == f"NODE=node{number}\nNODE_IP=10.99.0.{number}\n"
    assert not (root / "run/lab/control-plane").exists()
    network = (root / "run/systemd/network/20-cluster.network").read_text()
    assert f"MACAddress=52:54:00:5a:02:0{number}\n" in network
    assert f"Address=10.99.0.{number}/24\n" in network
    routes = [f"Gateway=10.99.0.{other}\nDestination=10.244.{other - 1}.0/24\n" for other in (1, 2, 3)]
    assert [route in network for route in routes] == [other != number for other in (1, 2, 3)]
    assert "Destination=10.96.0.0/16\n" in network, "a host without a default route finds ClusterIPs"
    folder = root / "etc/cni/net.d"
    bridge = json.loads((folder / "10-bridge.conflist").read_text())
    assert bridge["plugins"][0]["ipam"]["ranges"] == [[{"subnet": f"10.244.{number - 1}.0/24"}]]
    assert json.loads((folder / "00-multus.conf").read_text())["delegates"] == [bridge]
    config = root / "etc/kubernetes/kubelet.conf"
    assert config.read_text() == f"config of node{number}\n"
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_second_boot_writes_nothing_below_etc(tmp_path: Path) -> None:
    root = make_root(tmp_path, "2")
    assert run(root).returncode == 0
    before = etc(root)
    assert run(root).returncode == 0
    assert etc(root) == before


@pytest.mark.parametrize("number", ["0", "4", "", "node2"])
def test_an_unknown_number_is_refused(tmp_path: Path, number: str) -> None:
    root = make_root(tmp_path, number)
    before = etc(root)
    done = run(root)
    assert done.returncode == 1
    assert "opt/lab/node: expected 1, 2 or 3, found" in done.stderr
    assert etc(root) == before


def test_a_machine_without_the_number_is_refused(tmp_path: Path) -> None:
    root = make_root(tmp_path, "1")
    shutil.rmtree(root / "sys")
    done = run(root)
    assert done.returncode == 1 and "opt/lab/node: expected 1, 2 or 3, found nothing" in done.stderr


def test_all_that_is_the_control_planes_waits_for_its_mark() -> None:
    units = image.GUEST / "etc/systemd/system"
    mark = "ConditionPathExists=/run/lab/control-plane\n"
    marked = {path.stem for path in units.glob("*.service") if mark in path.read_text()}
    assert marked == {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds which device: --holders, pods that have finished, and --explain as the daemon's own pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sriov_device_plugin.kubelet.pod_resources import known
from support.dp_daemon import KERNEL, PLUGIN, POOLS, VFIO, Daemon
from support.dp_host import FakeHost
from support.fake_kubelet import GROUPS, UID, pod_lister, response
from support.vector_ids import finding

OTHER = "ffffffff-6d8b-4a5e-9b7c-2f0c9a1d3e4f"


def run(node: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-I", str(PLUGIN / "run.py"), "--config-file", str(node.config), "--root", str(node.host.root),
        "--kubelet-root-dir", str(node.kubelet_root), *arguments,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def checkpoint(folder: Path, *entries: tuple[str, str, str]) -> None:
    """(pod's UID, resource, device) of each."""
    path = folder / "device-plugins" / "kubelet_internal_checkpoint"
    path.parent.mkdir(exist_ok=True)
    content = [{"PodUID": uid, "ContainerName": "c", "ResourceName": name, "DeviceIDs": {"0": [device]}}
               for uid, name, device in entries]  # fmt: skip
    path.write_text(json.dumps({"Data": {"PodDeviceEntries": content}, "Checksum": 1}))
    for uid, _name, _device in entries:
        (folder / "pods" / uid).mkdir(parents=True, exist_ok=True)


def test_holders_as_json(node: Daemon, pod_resources: Any) -> None:
    container = pod_resources.pod_resources.add(name="p", namespace="n").containers.add(name="c")
    container.devices.add(resource_name="intel.com/kernel", device_ids=[KERNEL[2], KERNEL[0]])
    checkpoint(node.kubelet_root, (UID, "intel.com/vfio", VFIO[0]))
    done = run(node, "--holders")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"format": 1, "complete": True, "holders": [
        {"resource": "intel.com/kernel", "device": KERNEL[0], "pod": "n/p", "container": "c"},
        {"resource": "intel.com/kernel", "device": KERNEL[2], "pod": "n/p", "container": "c"},
        {"resource": "intel.com/vfio", "device": VFIO[0], "pod": UID, "container": ""},
    ]}  # fmt: skip


def test_what_nobody_knows_is_no_empty_list(node: Daemon) -> None:
    assert run(node, "--holders").returncode == 0, "no kubelet was ever here"
    path = node.kubelet_root / "device-plugins" / "kubelet_internal_checkpoint"
    path.parent.mkdir()
    path.write_text("junk")
    done = run(node, "--holders")
    assert done.returncode == 1 and json.loads(done.stdout)["complete"] is False
    assert "no checkpoint of it that can be read" in done.stderr


def running(host: FakeHost, group: str, populated: str = "1") -> None:
    host.put(f"sys/fs/cgroup/{group}/cgroup.events", f"populated {populated}\nfrozen 0\n")


@pytest.mark.parametrize("group", [pytest.param(g, id=f"finding-dp-16-group-{n}") for n, g in enumerate(GROUPS)])
@pytest.mark.parametrize("by", ["checkpoint", "kubelet"])
def test_a_finished_pod_holds_nothing(host: FakeHost, short_path: Path, group: str, by: str) -> None:
    """It is not deleted: its folder and logs are there, the kubelet's note names it, an older kubelet does too."""
    checkpoint(short_path, (UID, "a/b", "x"), (OTHER, "a/b", "y"))
    for uid, name in ((UID, "finished"), (OTHER, "runs")):
        host.put(f"var/log/pods/n_{name}_{uid}/c/0.log", "")
    running(host, group.replace(UID, OTHER).replace(UID.replace("-", "_"), OTHER.replace("-", "_")))
    answer = response()
    if by == "kubelet":
        for name, device in (("finished", "x"), ("runs", "y")):
            answer.pod_resources.add(name=name, namespace="n").containers.add(name="c").devices.add(
                resource_name="a/b", device_ids=[device]
            )
        with pod_lister(short_path, lambda request, context: answer):
            found = known(str(short_path), str(host.root))
    else:
        found = known(str(short_path), str(host.root))
    assert list(found.holders) == [("a/b", "y")] and found.is_complete
    running(host, group)
    assert set(known(str(short_path), str(host.root)).holders) == {("a/b", "x"), ("a/b", "y")}
    running(host, group, "0")
    assert set(known(str(short_path), str(host.root)).holders) == {("a/b", "y")}


@pytest.mark.parametrize("what", [pytest.param("logs", id="finding-dp-16-about-to-start"),
                                  pytest.param("groups", id="finding-dp-16-groups-unseen")])  # fmt: skip
def test_what_can_not_be_told_counts_as_held(host: FakeHost, short_path: Path, what: str) -> None:
    """A pod that is about to start has neither logs nor a control group; in a container no groups are seen."""
    checkpoint(short_path, (UID, "a/b", "x"))
    if what == "logs":
        running(host, GROUPS[0].replace(UID.replace("-", "_"), OTHER.replace("-", "_")))
    else:
        host.put(f"var/log/pods/n_p_{UID}/c/0.log", "")
    assert list(known(str(short_path), str(host.root)).holders) == [("a/b", "x")]


@finding("finding-dp-09-held")
def test_explain_says_what_the_daemon_withholds(node: Daemon, pod_resources: Any) -> None:
    container = pod_resources.pod_resources.add(name="p", namespace="n").containers.add(name="c")
    container.devices.add(resource_name="intel.com/old", device_ids=[KERNEL[1]])
    node.host.link("enp2s0", "down")
    node.host.put(f"var/lib/cni/sriov/withheld/{KERNEL[2]}", '{"format": 1, "cause": "no MAC"}')
    node.host.put("run/baremetal-sriov/device-plugin/withdrawn.json",
                  json.dumps({"format": 1, "withdrawn": [{"device": KERNEL[3]}]}))  # fmt: skip
    node.host.add("0000:06:00.0", klass="0x010802", driver="nvme")
    done = run(node, "--explain")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()

    def below(address: str) -> str:
        (number,) = (n for n, line in enumerate(lines) if line.startswith(address))
        return lines[number + 1].strip()

    assert below(KERNEL[1]) == "not offered: pod n/p holds it as intel.com/old"
    assert below(KERNEL[2]) == "unhealthy: withheld: no MAC"
    assert below(KERNEL[3]) == "not offered: it is withdrawn"
    assert below(VFIO[0]) == "unhealthy: no link on its PF enp2s0"
    assert below("0000:06:00.0") == "no deviceType covers its class 010802"
    assert not [line for line in run(node, "--explain", "--no-link-health").stdout.splitlines() if "no link" in line]


@finding("finding-dp-09-link-health")
def test_explain_knows_which_pools_look_at_links(node: Daemon) -> None:
    node.host.link("enp2s0", "down")
    node.configure(POOLS[0], {**POOLS[1], "linkHealth": False})
    assert "unhealthy" not in run(node, "--explain").stdout

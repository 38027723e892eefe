# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin as pods, in the service's place: its image on containerd, its manifest as shipped, the kubelet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import chain
import pytest
import yaml
from chain import PLUGIN, wait_allocatable
from pod import Pod
from standalone import WANTED

from devtool import images
from sriovlab.guest import Lab

MANIFEST = chain.ROOT / "files" / "device_plugin" / "daemonset.yml"
PATHS = {"ConfigMap": "/api/v1", "DaemonSet": "/apis/apps/v1"}
CTR = ["ctr", "-n", "k8s.io"]
DEVICE_INFO = "/var/run/k8s.cni.cncf.io/devinfo/dp"
SECONDS = 240.0  # for a pod of an image that is new on the node


def path_of(item: dict[str, Any]) -> tuple[str, str]:
    """Where objects of an item's kind are, and its name."""
    kind, metadata = item["kind"], item["metadata"]
    return f"{PATHS[kind]}/namespaces/{metadata['namespace']}/{kind.lower()}s", metadata["name"]


class DaemonSet:
    """The manifest's two objects, and the pod that the controller makes of them on this node."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.items: list[dict[str, Any]] = yaml.safe_load(MANIFEST.read_text())["items"]
        (self.labels,) = (item["spec"]["selector"]["matchLabels"] for item in self.items if item["kind"] == "DaemonSet")

    def apply(self) -> None:
        """Make both objects, and wait until the pod's readiness probe is content: registered with the kubelet."""
        for item in self.items:
            self.lab.api("POST", path_of(item)[0], item)
        self.lab.wait_for("the pod to be ready", lambda: self.ready() == 1, SECONDS, every=1.0)

    def ready(self) -> int:
        """How many of its pods are ready."""
        (path,) = ("/".join(path_of(item)) for item in self.items if item["kind"] == "DaemonSet")
        return int(self.lab.api("GET", path)["status"].get("numberReady", 0))

    def pods(self) -> list[dict[str, Any]]:
        """Its pods, as the API has them."""
        ((name, value),) = self.labels.items()
        path = f"/api/v1/namespaces/kube-system/pods?labelSelector={name}%3D{value}"
        found: list[dict[str, Any]] = self.lab.api("GET", path)["items"]
        return found

    def log(self) -> str:
        """What its only container has said."""
        (pod,) = self.pods()
        folder = f"kube-system_{pod['metadata']['name']}_{pod['metadata']['uid']}"
        return self.lab.run(["sh", "-c", 'cat "$1"/device-plugin/*.log', "log", f"/var/log/pods/{folder}"]).stdout

    def registrations(self, pool: str) -> int:
        """How often the kubelet has taken a pool since the container was started."""
        return self.log().count(f"{chain.PREFIX}/{pool}: registered with the kubelet")

    def delete(self) -> None:
        """Remove both objects and wait until the pod is gone."""
        for item in self.items:
            self.lab.api("DELETE", "/".join(path_of(item)))
        self.lab.wait_for("the pod to go", lambda: not self.pods(), SECONDS, every=1.0)


def known_images(lab: Lab) -> set[str]:
    """Names that containerd has for images; the kubelet's interface to it adds one of its own for each."""
    return set(lab.run([*CTR, "images", "ls", "--quiet"]).stdout.split())


def remove_images(lab: Lab, but: set[str]) -> None:
    """Leave only those names."""
    lab.run([*CTR, "images", "rm", *sorted(known_images(lab) - but)])


@pytest.fixture(scope="module")
def daemon_set(lab: Lab) -> Iterator[DaemonSet]:
    """The service stopped and nothing offered; then the image and the manifest. All as before at the end."""
    running = DaemonSet(lab)
    archive = images.cached().read_bytes()
    with ExitStack() as back:
        back.callback(chain.wait_offered, lab, WANTED)
        back.callback(lab.run, ["systemctl", "start", PLUGIN])
        lab.run(["systemctl", "stop", PLUGIN])
        back.callback(remove_images, lab, but=known_images(lab))
        lab.run([*CTR, "images", "import", "-"], input=archive, timeout=300.0)
        wait_allocatable(lab, {})
        back.callback(running.delete)
        running.apply()
        yield running


def test_the_pod_offers_all_vfs_and_the_service_does_not(lab: Lab, daemon_set: DaemonSet) -> None:
    wait_allocatable(lab, WANTED)
    assert chain.unit(lab, PLUGIN, "ActiveState")["ActiveState"] == "inactive"
    assert [daemon_set.registrations(pool) for pool in WANTED] == [1, 1]


def test_it_runs_the_image_that_was_built_without_a_capability(lab: Lab, daemon_set: DaemonSet) -> None:
    (pod,) = daemon_set.pods()
    (status,) = pod["status"]["containerStatuses"]
    assert status["image"] == f"{images.NAME}:{images.version()}"
    task = lab.run([*CTR, "tasks", "ls"]).stdout
    (pid,) = [line.split()[1] for line in task.splitlines() if line.startswith(status["containerID"].split("//")[1])]
    shown = dict(line.split(":\t", 1) for line in lab.read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    assert {int(shown[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (shown["NoNewPrivs"], shown["Seccomp"]) == ("1", "2")


def test_a_pod_gets_what_it_asks_for(lab: Lab, daemon_set: DaemonSet) -> None:
    before = {vf["address"]: vf["group"] for pf in chain.PFS for vf in chain.vfs(lab, pf)}
    pod = Pod(lab, "of-daemonset", {"kernel": 1, "dpdk": 1})
    try:
        pod.create()
        for pool in WANTED:
            (device,) = pod.devices(pool)
            assert device in before
            info = json.loads(lab.read(f"{DEVICE_INFO}/{chain.PREFIX}-{pool}-{device}-device.json"))
            assert info["pci"]["pci-address"] == device
        (device,) = pod.devices("dpdk")
        assert set(pod.execute(["ls", "/dev/vfio"]).split()) == {"vfio", before[device]}
    finally:
        pod.delete()


def test_the_kubelet_restarts(lab: Lab, daemon_set: DaemonSet) -> None:
    """Through the folders that it mounts it finds the new sockets; the pod is the same."""
    (before,) = daemon_set.pods()
    lab.run(["systemctl", "restart", "kubelet.service"])
    lab.wait_for("both pools", lambda: [daemon_set.registrations(pool) for pool in WANTED] == [2, 2], SECONDS)
    wait_allocatable(lab, WANTED)
    (after,) = daemon_set.pods()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert [status["restartCount"] for status in after["status"]["containerStatuses"]] == [0]

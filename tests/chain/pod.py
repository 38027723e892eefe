# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods with VFs on the emulated node, which Multus attaches to networks, and the networks that tests define."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import chain

from sriovlab.guest import Lab

IMAGE = "localhost/busybox:lab"
PODS = "/api/v1/namespaces/default/pods"
NETWORKS = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions"
ANNOTATION = "k8s.v1.cni.cncf.io"
CACHED_CALL = "/run/chain-cached-call.py"
SECONDS = 180.0


@dataclass(frozen=True)
class Attachment:
    """One network of a pod, as its annotation has it."""

    network: str  # the NetworkAttachmentDefinition
    interface: str = "net1"
    mac: str = ""  # where the network's configuration says that it takes one

    def as_dict(self) -> dict[str, str]:
        """Its entry in the annotation."""
        entry = {"name": self.network, "interface": self.interface}
        return {**entry, "mac": self.mac} if self.mac else entry


@dataclass(frozen=True)
class Extras:
    """What a pod has besides its VFs; volume sources by their path in the container."""

    resources: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, dict[str, Any]] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


def _folder(path: str) -> dict[str, Any]:
    return {"hostPath": {"path": path, "type": "Directory"}}


# The node's own programs, its Python among them, since there is no image that has them. Read-only.
PROGRAMS = {"/usr": _folder("/usr"), "/lib": _folder("/usr/lib"), "/lib64": _folder("/usr/lib64")}
PYTHON = "/usr/bin/python3"


class Pod:
    """One busybox pod that waits. It has no privilege."""

    def __init__(
        self,
        lab: Lab,
        name: str,
        pools: dict[str, int],
        extras: Extras | None = None,
        networks: Sequence[Attachment] = (),
    ) -> None:
        self.lab = lab
        self.name = name
        self.pools = pools
        self.extras = extras or Extras()
        self.networks = networks

    def create(self) -> Pod:
        """Ask the API for the pod and wait until it runs."""
        self.begin()
        return self.wait()

    def begin(self) -> None:
        """Ask the API for the pod."""
        resources = {f"{chain.PREFIX}/{pool}": str(count) for pool, count in self.pools.items()}
        resources.update(self.extras.resources)
        volumes = list(enumerate(self.extras.volumes.items()))
        networks = json.dumps([network.as_dict() for network in self.networks])
        annotations = {f"{ANNOTATION}/networks": networks} if self.networks else {}
        labels = {"app": self.name, **self.extras.labels}
        self.lab.api("POST", PODS, {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": self.name, "annotations": annotations, "labels": labels},
            "spec": {
                "nodeSelector": {"kubernetes.io/hostname": self.lab.name},
                "containers": [{
                    "name": "main", "image": IMAGE, "imagePullPolicy": "Never",
                    "command": ["/bin/busybox", "sleep", "86400"],
                    "resources": {"requests": resources, "limits": resources},
                    "securityContext": {"capabilities": {"add": list(self.extras.capabilities)}},
                    "volumeMounts": [{"name": f"v{number}", "mountPath": path, "readOnly": "hostPath" in source}
                                     for number, (path, source) in volumes],
                }],
                "volumes": [{"name": f"v{number}", **source} for number, (_path, source) in volumes],
                "dnsPolicy": "Default", "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 1, "tolerations": [{"operator": "Exists"}],
            },
        })  # fmt: skip

    def wait(self) -> Pod:
        """Wait until it runs."""
        self.lab.wait_for(f"pod {self.name} to run", self._runs, SECONDS, every=1.0)
        return self

    def _runs(self) -> bool:
        status = self.lab.api("GET", f"{PODS}/{self.name}")["status"]
        assert status.get("phase") != "Failed", (
            f"pod {self.name}: {status.get('reason')}: {status.get('message')}"
        )
        return bool(status.get("phase") == "Running")

    def container(self) -> str:
        """containerd's id of the pod's container."""
        status = self.lab.api("GET", f"{PODS}/{self.name}")["status"]
        name: str = status["containerStatuses"][0]["containerID"]
        return name.rpartition("/")[2]

    def execute(self, argv: Sequence[str], check: bool = True, timeout: float = 60.0) -> str:
        """Run a program of busybox in the pod's container, with the container's environment; its output."""
        ident = f"chain-{time.monotonic_ns()}"
        done = self.lab.run(["ctr", "-n", "k8s.io", "tasks", "exec", "--exec-id", ident, self.container(),
                             "/bin/busybox", *argv], check=check, timeout=timeout)  # fmt: skip
        return done.stdout + ("" if check else done.stderr)

    def environment(self) -> dict[str, str]:
        """The container's environment."""
        return dict(line.split("=", 1) for line in self.execute(["env"]).splitlines() if "=" in line)

    def devices(self, pool: str) -> list[str]:
        """PCI addresses that the pod's environment names for a resource pool."""
        value = self.environment()[
            f"PCIDEVICE_{chain.PREFIX}_{pool}".upper().replace(".", "_").replace("-", "_")
        ]
        return value.split(",")

    def attached(self, interface: str = "net1") -> dict[str, Any]:
        """What Multus says of an attachment in the pod's network-status. Raises KeyError where it says nothing."""
        annotations = self.lab.api("GET", f"{PODS}/{self.name}")["metadata"]["annotations"]
        entries = {entry.get("interface"): entry for entry in json.loads(annotations[f"{ANNOTATION}/network-status"])}
        found: dict[str, Any] = entries[interface]
        return found

    def sandbox(self) -> str:
        """containerd's id of the pod's sandbox, which is the CNI plugins' container."""
        argv = ["ctr", "-n", "k8s.io", "containers", "info", self.container()]
        annotations: dict[str, str] = json.loads(self.lab.run(argv).stdout)["Spec"]["annotations"]
        return annotations["io.kubernetes.cri.sandbox-id"]

    def cached_call(self, command: str, former: str = "") -> tuple[list[str], str]:
        """The command line and the input of a CHECK, or of a DEL for a former sandbox, with what Multus kept of ADD."""
        return ["python3", "-I", CACHED_CALL, command, self.sandbox(), "net1", *([former] if former else [])], ""

    def delete(self) -> None:
        """Delete, and wait until the pod is gone."""
        self.end()
        self.wait_gone()

    def end(self) -> None:
        """Ask the API to delete it."""
        self.lab.api("DELETE", f"{PODS}/{self.name}")

    def wait_gone(self) -> None:
        """Wait until the API knows it no more."""
        self.lab.wait_for(
            f"pod {self.name} to go",
            lambda: self.lab.api("GET", f"{PODS}/{self.name}") is None,
            SECONDS,
            every=1.0,
        )


def install_cached_call(lab: Lab) -> None:
    """Put the program for CHECK and DEL by hand on the node, where no snapshot looks."""
    lab.put((chain.ROOT / "tests" / "chain" / "cached_call.py").read_bytes(), CACHED_CALL)


def define_network(lab: Lab, name: str, pool: str, config: dict[str, Any], resource: str | None = None) -> None:
    """Make a NetworkAttachmentDefinition for the VFs of a resource pool; resource: another resource, "" for none."""
    whole = {"cniVersion": "1.0.0", "name": name, "type": "sriov", **config}
    named = f"{chain.PREFIX}/{pool}" if resource is None else resource
    annotations = {f"{ANNOTATION}/resourceName": named} if named else {}
    lab.api("POST", NETWORKS, {
        "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": name, "annotations": annotations}, "spec": {"config": json.dumps(whole)},
    })  # fmt: skip


def forget_network(lab: Lab, name: str) -> None:
    """Delete a definition."""
    lab.api("DELETE", f"{NETWORKS}/{name}")


@contextlib.contextmanager
def gone_at_the_end(lab: Lab, pods: Sequence[Pod], networks: Iterable[str] = ()) -> Iterator[None]:
    """Delete pods, wait until all are gone, and delete their networks, whatever happened."""
    try:
        yield
    finally:
        for pod in pods:
            pod.end()
        for pod in pods:
            pod.wait_gone()
        for network in networks:
            forget_network(lab, network)

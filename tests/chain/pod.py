# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods with VFs on the emulated node, and the stand-in for Multus that attaches them to networks."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import chain

from sriovlab.guest import Lab

IMAGE = "localhost/busybox:lab"
PODS = "/api/v1/namespaces/default/pods"
STAND_IN = "/run/chain-multus-standin.py"
SECONDS = 180.0


@dataclass(frozen=True)
class Attachment:
    """One network of a pod: its resource pool, the interface in the pod, and the CNI configuration."""

    pool: str
    interface: str
    config: dict[str, Any]


@dataclass(frozen=True)
class Extras:
    """What a pod has besides its VFs: resources, volume sources by their path in the container, capabilities."""

    resources: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, dict[str, Any]] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()


def _folder(path: str) -> dict[str, Any]:
    return {"hostPath": {"path": path, "type": "Directory"}}


# The node's own programs, its Python among them, since there is no image that has them. Read-only.
PROGRAMS = {"/usr": _folder("/usr"), "/lib": _folder("/usr/lib"), "/lib64": _folder("/usr/lib64")}
PYTHON = "/usr/bin/python3"


class Pod:
    """One busybox pod that waits, and what was attached to it. It has no privilege."""

    def __init__(self, lab: Lab, name: str, pools: dict[str, int], extras: Extras | None = None) -> None:
        self.lab = lab
        self.name = name
        self.pools = pools
        self.extras = extras or Extras()
        self._attached: list[Attachment] = []

    def create(self) -> Pod:
        """Ask the API for the pod and wait until it runs."""
        self.begin()
        return self.wait()

    def begin(self) -> None:
        """Ask the API for the pod."""
        resources = {f"{chain.PREFIX}/{pool}": str(count) for pool, count in self.pools.items()}
        resources.update(self.extras.resources)
        volumes = list(enumerate(self.extras.volumes.items()))
        self.lab.api("POST", PODS, {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name},
            "spec": {
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

    def attach(self, attachment: Attachment) -> dict[str, Any]:
        """CNI ADD as Multus would call it; the plugin's result."""
        self._attached.append(attachment)
        return self._stand_in("ADD", attachment)

    def check(self, attachment: Attachment) -> None:
        """CNI CHECK."""
        self._stand_in("CHECK", attachment)

    def detach(self) -> None:
        """CNI DEL for everything that was attached, the last first."""
        while self._attached:
            self._stand_in("DEL", self._attached[-1])
            self._attached.pop()

    def stand_in(self, command: str, attachment: Attachment) -> list[str]:
        """The stand-in's command line."""
        return ["python3", "-I", STAND_IN, command, "--namespace", "default", "--pod", self.name,
                "--ifname", attachment.interface,
                "--resource", f"{chain.PREFIX}/{attachment.pool}"]  # fmt: skip

    def _stand_in(self, command: str, attachment: Attachment) -> dict[str, Any]:
        done = self.lab.run(self.stand_in(command, attachment), input=json.dumps(attachment.config))
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return found

    def delete(self) -> None:
        """Detach, delete, and wait until the pod is gone."""
        self.detach()
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


def install_stand_in(lab: Lab) -> None:
    """Put the stand-in for Multus on the node, where no snapshot looks."""
    source = chain.ROOT / "tests" / "lab" / "multus_standin.py"
    lab.put(source.read_bytes(), STAND_IN)


def cni_config(lab: Lab, network: str) -> dict[str, Any]:
    """The CNI configuration that a NetworkAttachmentDefinition of the cluster holds."""
    path = f"/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions/{network}"
    found: dict[str, Any] = json.loads(lab.api("GET", path)["spec"]["config"])
    return found

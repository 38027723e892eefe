# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a simulated kubelet tells of its node and of its pods."""

from __future__ import annotations

import ipaddress
import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

MACHINE = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "500Gi", "hugepages-1Gi": "16Gi", "pods": "250"}
NODE_NETWORK, POD_NETWORK = ipaddress.ip_address("10.64.0.1"), ipaddress.ip_address("10.128.0.1")
KILLED, ENDED = 137, 0  # exit statuses of a container that outlives its grace, and of one that does not
_NODES, _PODS = itertools.count(), itertools.count()


def now() -> str:
    """The time, as leases have it."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def second() -> str:
    """The time, as everything else has it."""
    return now()[:19] + "Z"


@dataclass
class Node:
    """A node. pods: those that the API server has for it, by their UIDs; restarted: those to start anew; ending: since
    when its kubelet knows that a pod is to end, by a clock of its own.
    """

    name: str
    version: str
    resources: dict[str, str | None] = field(default_factory=dict)
    silent: bool = False
    boot_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    machine_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    address: str = field(default_factory=lambda: str(NODE_NETWORK + next(_NODES)))
    lease: dict[str, Any] = field(default_factory=dict)
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    restarted: set[str] = field(default_factory=set)
    ending: dict[str, float] = field(default_factory=dict)

    @property
    def user(self) -> str:
        return f"system:node:{self.name}"

    def body(self) -> dict[str, Any]:
        """The node as its kubelet registers it."""
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        return {"metadata": {"name": self.name, "labels": labels}, "status": self.status()}

    def status(self, shutdown: bool = False) -> dict[str, Any]:
        """Its whole status, as a patch, too."""
        resources = {**MACHINE, **self.resources}
        info = {
            "bootID": self.boot_id, "machineID": self.machine_id, "systemUUID": self.machine_id,
            "kernelVersion": "6.1.0-18-amd64", "osImage": "Debian GNU/Linux 12 (bookworm)",
            "containerRuntimeVersion": "containerd://2.1.0", "kubeletVersion": self.version, "kubeProxyVersion": "",
            "operatingSystem": "linux", "architecture": "amd64",
        }  # fmt: skip
        return {
            "capacity": resources,
            "allocatable": resources,
            "conditions": self._conditions(shutdown),
            "addresses": [
                {"type": "InternalIP", "address": self.address},
                {"type": "Hostname", "address": self.name},
            ],
            "nodeInfo": info,
        }

    def offer(self, amounts: Mapping[str, int | None]) -> None:
        """Take over amounts of resources; None: there are none any more, which patches say from then on."""
        self.resources.update({name: None if amount is None else str(amount) for name, amount in amounts.items()})

    def lease_body(self) -> dict[str, Any]:
        """Its lease, renewed, over the last one."""
        meta = self.lease.get("metadata") or {"name": self.name, "namespace": "kube-node-lease"}
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": now()}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}

    def _conditions(self, shutdown: bool) -> list[dict[str, str]]:
        ready = _condition("Ready", True, "KubeletReady", "kubelet is posting ready status")
        if shutdown:
            ready = _condition("Ready", False, "KubeletNotReady", "node is shutting down")
        pressures = [
            _condition(f"{what}Pressure", False, "KubeletHasEnough", "enough") for what in ("Memory", "Disk", "PID")
        ]
        return [{**one, "lastHeartbeatTime": second()} for one in (*pressures, ready)]


def _condition(kind: str, good: bool, reason: str = "", message: str = "") -> dict[str, str]:
    said = {"reason": reason, "message": message} if reason else {}
    return {"type": kind, "status": str(good), "lastTransitionTime": second(), **said}


def is_up(pod: Mapping[str, Any]) -> bool:
    """Whether a pod is Running and Ready, as the API server has it."""
    status = pod["status"]
    ready = [item for item in status.get("conditions", []) if item["type"] == "Ready"]
    return status.get("phase") == "Running" and [item["status"] for item in ready] == ["True"]


def running(pod: Mapping[str, Any], node: Node, restart: bool) -> dict[str, Any]:
    """The status of a pod that runs; all its containers, for the first time or once more."""
    spec, status, uid = pod["spec"], pod["status"], pod["metadata"]["uid"]
    address = status.get("podIP") or (node.address if spec.get("hostNetwork") else str(POD_NETWORK + next(_PODS)))
    before = {item["name"]: item["restartCount"] for item in status.get("containerStatuses", [])}
    states = [
        _container(item, uid, {"running": {"startedAt": second()}}, before.get(item["name"], -1) + restart, True)
        for item in spec["containers"]
    ]
    conditions = [
        _condition(kind, True) for kind in ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
    ]
    return {
        "phase": "Running",
        "startTime": status.get("startTime") or second(),
        "hostIP": node.address,
        "hostIPs": [{"ip": node.address}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": conditions,
        "containerStatuses": states,
    }


def stopped(pod: Mapping[str, Any], code: int) -> dict[str, Any]:
    """The last status of a pod that is deleted, whose containers have ended with this exit status."""
    uid, reason = pod["metadata"]["uid"], "Error" if code else "Completed"
    ended = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": second()}}
    before = {item["name"]: item["restartCount"] for item in pod["status"].get("containerStatuses", [])}
    states = [
        _container(item, uid, ended, before.get(item["name"], 0), False) for item in pod["spec"]["containers"]
    ]
    conditions = [_condition(kind, False, "PodCompleted") for kind in ("ContainersReady", "Ready")]
    return {"phase": "Failed" if code else "Succeeded", "conditions": conditions, "containerStatuses": states}


def _container(
    item: Mapping[str, Any], uid: str, state: dict[str, Any], restarts: int, good: bool
) -> dict[str, Any]:
    number = max(0, restarts)
    return {
        "name": item["name"], "image": item["image"], "imageID": item["image"], "state": state, "ready": good,
        "started": good, "restartCount": number, "containerID": f"containerd://{uid}-{item['name']}-{number}",
    }  # fmt: skip

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes that serve: a Deployment whose pods hold VFs under a budget, and the playbook site over both."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import chain
import standalone
from changing import KERNEL

from sriovlab.guest import Lab

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
PODS = "/api/v1/namespaces/default/pods"
NAME, LEAST = "served", 1
FAILURE = "baremetal.sriov/roll-failure"
DRAINS: dict[str, Any] = {"sriov_drain_ok": True, "sriov_networks_enabled": False, "sriov_drain_timeout": 300}
REBOOTS: dict[str, Any] = {**DRAINS, "sriov_reboot_ok": True}


def start() -> list[Lab]:
    """Two fresh nodes, of which the first carries the control plane, with the VFs of one policy."""
    standalone.start(pristine=True, nodes=2)
    run = chain.playbook("site", wanted(4))
    if run.status:
        raise RuntimeError(run.output)
    return Lab.nodes()


def wanted(count: int, **more: Any) -> dict[str, Any]:
    """Extra variables: so many VFs."""
    return {"sriov_policies": [{**KERNEL, "num_vfs": count}], "sriov_networks_enabled": False, **more}


@contextlib.contextmanager
def deployment(lab: Lab) -> Iterator[None]:
    """Two pods, each on a node of its own, of which one at least has to run."""
    labels = {"app": NAME}
    resource = {f"{chain.PREFIX}/kernel": "1"}
    container = {"name": "main", "image": "localhost/busybox:lab", "imagePullPolicy": "Never",
                 "command": ["/bin/busybox", "sleep", "86400"],
                 "resources": {"requests": resource, "limits": resource}}  # fmt: skip
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}]}}  # fmt: skip
    spec = {"containers": [container], "affinity": apart, "terminationGracePeriodSeconds": 1, "dnsPolicy": "Default",
            "automountServiceAccountToken": False,
            "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]}  # fmt: skip
    lab.api("POST", DEPLOYMENTS, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME}, "spec": {
        "replicas": 2, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec}}})  # fmt: skip
    lab.api("POST", BUDGETS, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": NAME},
                              "spec": {"minAvailable": LEAST, "selector": {"matchLabels": labels}}})  # fmt: skip
    try:
        lab.wait_for("both pods", lambda: available(lab) == 2, 240, every=2.0)
        yield
    finally:
        lab.api("DELETE", f"{BUDGETS}/{NAME}")
        lab.api("DELETE", f"{DEPLOYMENTS}/{NAME}")


def available(lab: Lab) -> int:
    """How many pods of the Deployment are available."""
    return int(lab.api("GET", f"{DEPLOYMENTS}/{NAME}")["status"].get("availableReplicas", 0))


def uids(lab: Lab) -> set[str]:
    """Its pods."""
    return {item["metadata"]["uid"] for item in lab.api("GET", f"{PODS}?labelSelector=app%3D{NAME}")["items"]}


@contextlib.contextmanager
def minimum_kept(lab: Lab) -> Iterator[None]:
    """Sampled each second: the budget's minimum is there. An API server that reboots gives no sample."""
    ended, seen = threading.Event(), []

    def look() -> None:
        while not ended.wait(1.0):
            with contextlib.suppress(Exception):  # the API server may be on the node that reboots
                seen.append(available(lab))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert seen and min(seen) >= LEAST, seen


def node(lab: Lab, name: str) -> dict[str, Any]:
    """A node as the API has it."""
    found: dict[str, Any] = lab.api("GET", f"/api/v1/nodes/{name}")
    return found


def cordoned(lab: Lab) -> list[str]:
    """The nodes that take no pods."""
    return [item["metadata"]["name"] for item in lab.api("GET", "/api/v1/nodes")["items"]
            if item["spec"].get("unschedulable")]  # fmt: skip


def counts(labs: list[Lab]) -> list[int]:
    """VFs of the first PF, node by node."""
    return [chain.num_vfs(lab)["enp1s0"] for lab in labs]


def begun(variables: dict[str, Any]) -> subprocess.Popen[str]:
    """Site, for whoever kills it."""
    inventories = os.environ["SRIOV_CHAIN_INVENTORY"].split(":")
    argv = [sys.executable, "-m", "ansible.cli.playbook", *(f"--inventory={item}" for item in inventories),
            f"{chain.PREFIX}.site", "--extra-vars", json.dumps(variables)]  # fmt: skip
    silent = subprocess.DEVNULL
    return subprocess.Popen(argv, stdout=silent, stderr=silent, text=True, start_new_session=True)

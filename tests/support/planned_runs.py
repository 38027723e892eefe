# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of plan and site over one node of a native API server: what was foretold, and what was written there."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from support.cluster.server import ApiServer
from support.playbook_runs import Controller, Run

NODE = {"changed": False, "drain_required": False, "refused": [], "reboot_required": False, "resources": {"p": 1},
        "plan": {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}}  # fmt: skip
_HERE = {"ansible_python_interpreter": sys.executable}
_FLANNEL = base64.b64encode(b'{"name": "net", "plugins": [{"type": "bridge"}]}').decode()
_USER = "planner"
# What a run writes besides: its Lease, and the API server's answers about rights.
_BESIDE = ("leases", "selfsubjectaccessreviews")
# Kind of a step -> resource and name of the object that it writes.
_WRITTEN: Mapping[str, Callable[[str], tuple[str, str]]] = {
    "kubernetes_object": lambda target: (f"{target.split()[0].lower()}s", target.split()[1].split("/")[-1]),
    "network_attachment": lambda target: ("network-attachment-definitions", target.split("/")[-1]),
    "custom_resource_definition": lambda target: ("customresourcedefinitions", target),
    "node_label": lambda target: ("nodes", target.split()[1]),
    "node_slice": lambda _target: ("configmaps", "baremetal-sriov-slices"),
}


def objects(steps: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Resource and name of what steps of the cluster's part write."""
    return {_WRITTEN[step["kind"]](step["target"]) for step in steps}


class PlannedRuns:
    """node1 has a default network, and nothing to do by itself; calls are those of a user of this class alone."""

    def __init__(self, controller: Controller, server: ApiServer, **given: Any) -> None:
        self.controller, self.server = controller, server
        controller.seconds = 600  # some wait for pods
        self.given = {"sriov_kubeconfig": str(server.user(_USER, groups=["system:masters"])),
                      "sriov_device_plugin": False, "sriov_plan_output": "plan.json", "sriov_ready_timeout": 60,
                      **given}  # fmt: skip
        self.asked = 0  # of the API server, by the last plan
        controller.answer("sriov_node", **NODE)
        controller.answer("find", changed=False, matched=0, files=[{"path": "/etc/cni/net.d/10-bridge.conflist"}])
        controller.answer("slurp", changed=False, content=_FLANNEL, encoding="base64")
        controller.answer("sriov_bundle", changed=False, python={}, plan=NODE["plan"])
        controller.answer("file", changed=False)
        controller.answer("command", changed=False, stdout="[]", stderr="", rc=0)

    def run(self, book: str, *words: str, **more: Any) -> Run:
        """A playbook, over node1."""
        return self.controller.run(f"baremetal.sriov.{book}", *words, extra={**self.given, **more}, local=_HERE)

    def plan(self, status: int = 0, **more: Any) -> dict[str, Any]:
        """The document of a plan, which writes nothing."""
        mark = self.server.mark()
        run = self.run("plan", **more)
        assert run.status == status, run.output
        calls = self.server.audit(since=mark, user=_USER)
        assert not [record for record in calls if record.writes]
        self.asked = len([record for record in calls if record.resource])
        found: dict[str, Any] = json.loads(self.controller.get("plan.json"))
        return found

    def steps(self, **more: Any) -> list[dict[str, Any]]:
        """Of the one cluster, and of the node's labels."""
        told = self.plan(**more)
        (cluster,) = told["clusters"].values()
        return [*cluster["plan"]["steps"], *told["nodes"]["node1"]["plan"]["steps"]]

    def written(self, book: str, *words: str, **more: Any) -> set[tuple[str, str]]:
        """What a run wrote, as the API server saw it: resource and name."""
        mark = self.server.mark()
        run = self.run(book, *words, **more)
        assert run.status == 0, run.output
        records = self.server.audit(since=mark, user=_USER, writes=True)
        return {(one.resource, one.name) for one in records if one.resource not in _BESIDE}

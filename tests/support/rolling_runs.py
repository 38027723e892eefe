# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook site over simulated nodes: Ansible's own run, a real API server, and nodes with a test's answers."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import availability
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.api import path_of
from support.checkout import ROOT
from support.cluster.calls import USER
from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer
from support.playbook_runs import Controller, Run

EMPTY: dict[str, Any] = {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}
STEP = {"kind": "num_vfs", "target": "0000:01:00.0", "action": "set num_vfs", "reason": "asked", "before": 0,
        "after": 4, "stage": "now", "needs": []}  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    "ping": {"ping": "pong"},
    "setup": {
        "ansible_facts": {
            "ansible_distribution": "Debian", "ansible_distribution_version": "12", "ansible_os_family": "Debian"
        }
    },
    "find": {"files": [{"path": "/sbin/shutdown"}], "matched": 1},
    "systemd_service": {"changed": False, "status": {"ActiveState": "active"}},
    "sriov_bundle": {"changed": False, "python": {}},
}  # fmt: skip


def planned(drain: str = "", reboot: bool = False, steps: bool = True) -> dict[str, Any]:
    """An answer of sriov_node. drain: NAMESPACE/NAME of a pod that holds a VF."""
    plan = {**EMPTY, "steps": [STEP] if steps else [], "reboot_required": reboot, "drain_required": bool(drain)}
    refused = [f"0000:01:00.0: found needs drain: VF 0 (0000:01:10.0) by pod {drain}, container main."] if drain else []
    return {
        "changed": steps, "plan": plan, "reboot_required": reboot, "drain_required": bool(drain), "refused": refused,
        "resources": {}, "skipped_policies": {},
    }  # fmt: skip


DONE = planned(steps=False)


class RollingRuns(Controller):
    """A controller whose hosts are simulated nodes with kubelets."""

    def __init__(self, folder: Path, kubelets: Kubelets, kubeconfig: Path) -> None:
        super().__init__(folder)
        self.kubelets = kubelets
        self.own: dict[str, dict[str, Any]] = {}  # host -> variables of its own
        self.variables: dict[str, Any] = {
            "ansible_connection": "simulated_node", "ansible_python_interpreter": "/usr/bin/python3",
            "simulated_folder": str(folder), "sriov_kubeconfig": str(kubeconfig), "sriov_device_plugin": False,
            "sriov_cni": False, "sriov_networks_enabled": False, "sriov_history": str(folder / "history.json"),
            "sriov_ready_timeout": 60, "sriov_reboot_timeout": 60, "sriov_gate_timeout": 20,
        }  # fmt: skip
        connections = ROOT / "tests/support/ansible_connections"
        self.put("ansible.cfg", f"[defaults]\nconnection_plugins = {connections}\npipelining = true\nforks = 10\n")
        for name, one in ANSWERS.items():
            self.put(f"answers/{name}", json.dumps([one]))

    def node(self, host: str, *answers: dict[str, Any]) -> None:
        """What sriov_node answers on a host, call by call."""
        self.put(f"answers/{host}/sriov_node", json.dumps(list(answers)))

    def reboots_once(self, host: str) -> None:
        """A node that needs a reboot, and nothing more after it."""
        self.node(host, planned(reboot=True))
        self.after_boot(host, DONE)
        self.real(f"boots/{host}").unlink(missing_ok=True)

    def after_boot(self, host: str, answer: dict[str, Any]) -> None:
        """What sriov_node answers on a host once that has rebooted."""
        self.put(f"answers/{host}/sriov_node.boot2", json.dumps([answer]))

    def site(self, hosts: list[str], *words: str, book: str = "site", **extra: Any) -> Run:
        """Run it, while reboots of nodes are seen by the cluster."""
        here = {"ansible_python_interpreter": sys.executable}
        with self._reboots():
            given = {host: {**self.variables, **self.own.get(host, {})} for host in hosts}
            return self.run(f"baremetal.sriov.{book}", *words, hosts=given, extra=extra, local=here)

    @contextmanager
    def _reboots(self) -> Iterator[None]:
        self.put("reboots", "")
        self.put("node-calls", "")
        ended = threading.Event()

        def follow() -> None:
            seen = 0
            while not ended.is_set():
                lines = self.get("reboots").splitlines()
                for host in lines[seen:]:
                    self.kubelets.reboot(host, 0.5)
                seen = len(lines)
                time.sleep(0.1)

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def most_at_once(patches: list[str], names: list[str]) -> int:
    """How many nodes were cordoned at the same time. Of each the first patch cordons, and the second gives it back."""
    seen: dict[str, int] = {}
    most = 0
    for name in patches:
        if name in names:
            seen[name] = seen.get(name, 0) + 1
            most = max(most, sum(count == 1 for count in seen.values()))
    return most


def cordons(server: ApiServer, mark: int) -> list[str]:
    """The nodes that were patched, in order: each is cordoned first and given back last; labels come after all."""
    return [one.name for one in server.audit(mark, user=USER, verb="patch", resource="nodes", writes=True)]


def marks(server: ApiServer, name: str) -> set[str]:
    """Which of our annotations about a turn a node carries."""
    found = availability.annotations_of(server.api.request("GET", path_of(name)))
    return set(found) & {availability.MARK, availability.FAILURE}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of nodes in a cluster: what kubectl waits for, what a second run leaves, and that teardown takes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sriovlab import peers
from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer, Settings
from support.playbook_runs import Controller

pytestmark = pytest.mark.timeout(900, func_only=True)

HERE = {"ansible_python_interpreter": sys.executable}
PLAN = {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}
NODE = {"changed": False, "plan": PLAN, "drain_required": False, "refused": [], "reboot_required": False,
        "resources": {"baremetal.sriov/kernel": 4}, "skipped_policies": {}, "pfs": [], "iommu": {}}  # fmt: skip
ROW = {"check": "pf_link", "target": "0000:01:00.0", "outcome": "passed", "expected": "up", "found": "up", "remedy": ""}
DOWN = {**ROW, "outcome": "failed", "found": "down", "remedy": "Set it up."}
MAPS = "/api/v1/namespaces/kube-system/configmaps"


def looked(row: dict[str, Any]) -> dict[str, Any]:
    conditions = [{"type": "Configured", "status": "True", "reason": "Succeeded", "message": ""}]
    state = {"interfaces": [], "sync_status": "Succeeded", "last_sync_error": "", "conditions": conditions}
    return {"changed": False, "state": state, "checks": [row], "resources": NODE["resources"]}


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """What these tests need of a cluster."""
    return Settings(controllers=(), scheduler=False)


def waits(server: ApiServer, name: str, path: str) -> int:
    """How `kubectl wait` ends: a user's own way to wait for a node."""
    program = peers.built(peers.KUBERNETES).program("kubectl")
    if not program.exists():
        pytest.skip("kubectl is not among the programs of Kubernetes that are given")
    user = str(server.user("waiter", groups=["system:masters"]))
    argv = [program, "--kubeconfig", user, "--namespace", "kube-system", "wait", f"configmap/{name}",
            f"--for=jsonpath={path}", "--timeout=2s"]  # fmt: skip
    return subprocess.run(argv, capture_output=True, check=False, timeout=60).returncode


def test_a_state_from_its_first_to_its_last_day(api_server: ApiServer, kubelets: Kubelets, tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    kubelets.add(["node1"], resources={"baremetal.sriov/kernel": 4})
    controller.answer("sriov_node", **NODE)
    controller.answer("sriov_node_state", **looked(DOWN))
    given = {"sriov_kubeconfig": str(api_server.user("verifier", groups=["system:masters"])), "sriov_cni": False,
             "sriov_verify_junit": "verify.xml", "sriov_verify_output": "verify.json",
             "sriov_state_config_maps": True, "sriov_device_plugin": False, "sriov_ready_timeout": 20}  # fmt: skip
    run = controller.run("baremetal.sriov.verify", extra=given, local=HERE, seconds=600)
    assert run.status == 2 and "-> Set it up." in run.output, run.output
    suite = ElementTree.fromstring(controller.get("verify.xml").partition("\n")[2])
    assert suite.get("failures") == "1", controller.get("verify.xml")
    assert json.loads(controller.get("verify.json"))["states"]["node1"]["sync_status"] == "Succeeded"
    name = "baremetal-sriov-state-node1"
    assert api_server.api.request("GET", f"{MAPS}/{name}")["data"]["Ready"] == "False"
    assert waits(api_server, name, "{.data.syncStatus}=Succeeded") == 0
    assert waits(api_server, name, "{.data.Ready}=True") != 0
    controller.answer("sriov_node_state", **looked(ROW))
    run = controller.run("baremetal.sriov.verify", extra=given, local=HERE, seconds=600)
    assert run.status == 0, run.output
    assert waits(api_server, name, "{.data.Ready}=True") == 0
    again = controller.run("baremetal.sriov.verify", extra=given, local=HERE, seconds=600)
    assert again.status == 0 and again.recap["node1"] == (0, 0), again.output
    run = controller.run("baremetal.sriov.teardown", "--tags", "networks", extra=given, local=HERE, seconds=600)
    assert run.status == 0 and api_server.api.request("GET", f"{MAPS}/{name}") is None, run.output

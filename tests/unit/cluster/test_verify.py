# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook verify in front of an API server: its table, its files, and a state; more is in the lab's group."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer, Settings
from support.playbook_runs import Controller

pytestmark = pytest.mark.timeout(240, func_only=True)

HERE = {"ansible_python_interpreter": sys.executable}
PLAN = {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}
NODE = {"changed": False, "plan": PLAN, "drain_required": False, "refused": [], "reboot_required": False,
        "resources": {"baremetal.sriov/kernel": 4}, "skipped_policies": {}, "pfs": [], "iommu": {}}  # fmt: skip
DOWN = {"check": "pf_link", "target": "0000:01:00.0", "outcome": "failed", "expected": "up", "found": "down",
        "remedy": "Set it up."}  # fmt: skip
MAPS = "/api/v1/namespaces/kube-system/configmaps"


def looked(row: dict[str, Any]) -> dict[str, Any]:
    conditions = [{"type": "Configured", "status": "True", "reason": "Succeeded", "message": ""}]
    state = {"interfaces": [], "sync_status": "Succeeded", "last_sync_error": "", "conditions": conditions}
    return {"changed": False, "state": state, "checks": [row], "resources": NODE["resources"]}


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """What these tests need of a cluster."""
    return Settings(controllers=(), scheduler=False)


def test_the_table_the_files_and_the_state(api_server: ApiServer, kubelets: Kubelets, tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    kubelets.add(["node1"], resources={"baremetal.sriov/kernel": 4})
    controller.answer("sriov_node", **NODE)
    controller.answer("sriov_node_state", **looked(DOWN))
    given = {"sriov_kubeconfig": str(api_server.user("verifier", groups=["system:masters"])), "sriov_cni": False,
             "sriov_verify_junit": "verify.xml", "sriov_verify_output": "verify.json",
             "sriov_state_config_maps": True, "sriov_device_plugin": False, "sriov_ready_timeout": 20}  # fmt: skip
    run = controller.run("baremetal.sriov.verify", extra=given, local=HERE)
    assert run.status == 2 and "-> Set it up." in run.output, run.output
    suite = ElementTree.fromstring(controller.get("verify.xml").partition("\n")[2])
    assert suite.get("failures") == "1", controller.get("verify.xml")
    assert json.loads(controller.get("verify.json"))["states"]["node1"]["sync_status"] == "Succeeded"
    name = "baremetal-sriov-state-node1"
    assert api_server.api.request("GET", f"{MAPS}/{name}")["data"]["Ready"] == "False"

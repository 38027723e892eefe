# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook verify without a cluster: its table and files; with one it is tried in the lab's group of clusters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from support.playbook_runs import Controller

PLAN = {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}
NODE = {"changed": False, "plan": PLAN, "drain_required": False, "refused": [], "reboot_required": False,
        "resources": {"baremetal.sriov/vms": 4}, "skipped_policies": {}, "pfs": [], "iommu": {}}  # fmt: skip
ROW = {"check": "pf_link", "target": "0000:01:00.0", "outcome": "passed", "expected": "up", "found": "up", "remedy": ""}
DOWN = {**ROW, "outcome": "failed", "found": "down", "remedy": "Set it up."}
OWN = {"sriov_device_plugin": False, "sriov_cni": False, "sriov_verify_junit": "verify.xml",
       "sriov_verify_output": "verify.json"}  # fmt: skip


def looked(row: dict[str, Any]) -> dict[str, Any]:
    conditions = [{"type": "Configured", "status": "True", "reason": "Succeeded", "message": ""}]
    state = {"interfaces": [], "sync_status": "Succeeded", "last_sync_error": "", "conditions": conditions}
    return {"changed": False, "state": state, "checks": [row], "resources": NODE["resources"]}


@pytest.mark.parametrize(("row", "status", "failures"), [(ROW, 0, "0"), (DOWN, 2, "1")], ids=["passed", "failed"])
def test_the_table_and_the_files(tmp_path: Path, row: dict[str, Any], status: int, failures: str) -> None:
    controller = Controller(tmp_path, with_others=False)
    controller.answer("sriov_node", **NODE)
    controller.answer("sriov_node_state", **looked(row))
    run = controller.run("baremetal.sriov.verify", extra=OWN)
    assert run.status == status and run.calls == ("sriov_node", "sriov_node_state"), run.output
    assert ("-> Set it up." in run.output) == bool(status)
    suite = ElementTree.fromstring(controller.get("verify.xml").partition("\n")[2])
    assert (suite.get("tests"), suite.get("failures")) == ("2", failures)
    assert json.loads(controller.get("verify.json"))["states"]["node1"]["sync_status"] == "Succeeded"


def test_a_node_that_does_not_answer_is_a_check_that_failed(tmp_path: Path) -> None:
    """Both of its modules fail; the files are written nevertheless."""
    controller = Controller(tmp_path, with_others=False)
    run = controller.run("baremetal.sriov.verify", extra=OWN)
    assert run.status == 2, run.output
    assert 'failures="1"' in controller.get("verify.xml") and "an answer of the node" in controller.get("verify.xml")

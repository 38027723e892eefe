# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts without Kubernetes: the role node alone, and the playbooks without a cluster, as docs/hosts.md has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.checkout import ROOT
from support.playbook_runs import Controller

BLOCKS = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/hosts.md").read_text(), re.M | re.S)
VARIABLES, PLAY, TAKE_OVER = (yaml.safe_load(block) for block in BLOCKS)
PLAN = {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}
ANSWER = {"changed": False, "plan": PLAN, "drain_required": False, "refused": [], "reboot_required": False,
          "resources": {"baremetal.sriov/vms": 8}, "skipped_policies": {}, "pfs": [], "iommu": {}}  # fmt: skip
ID = "hosts-without-kubernetes"


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    """Without the collection kubernetes.core."""
    found = Controller(tmp_path, with_others=False)
    found.answer("sriov_node", **ANSWER)
    found.answer("sriov_bundle", changed=False, plan=PLAN, reboot_required=False, missing=[])
    return found


@pytest.mark.parametrize("what", [pytest.param("role", id=ID)])
def test_the_role_alone(controller: Controller, what: str) -> None:
    """Two calls to the host, and none to anything else."""
    controller.put(f"{what}.yml", yaml.safe_dump([{**PLAY[0], "hosts": "sriov_nodes", "become": False}]))
    run = controller.run(f"{what}.yml", hosts={"hypervisor": VARIABLES})
    assert run.status == 0, run.output
    assert run.calls == ("sriov_bundle", "sriov_node"), run.output


@pytest.mark.parametrize("playbook", ["plan", "site", "teardown"])
def test_the_playbooks(controller: Controller, playbook: str) -> None:
    """No module but ours is called, and none for the device plugin or the CNI plugin; site verifies at its end. The
    page's list of files passes the check of all variables, too.
    """
    values: dict[str, Any] = {**VARIABLES, **TAKE_OVER}
    run = controller.run(f"baremetal.sriov.{playbook}", hosts={"hypervisor": values})
    assert run.status == 0, run.output
    assert set(run.calls) <= {"sriov_bundle", "sriov_node"} and "sriov_node" in run.calls, run.output

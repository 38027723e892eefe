# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role bios as a play runs it: all BMCs in one call, one result for each host, no password anywhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from support.bmc.expected import ALL_ON, SENT
from support.bmc.fake import PASSWORD, USER, FakeBmc
from support.bmc.runs import sent
from support.bmc.server import Farm
from support.playbook_runs import Controller

PLAY = """
- hosts: sriov_nodes
  gather_facts: false
  become: true
  roles: [baremetal.sriov.bios]
- hosts: sriov_nodes
  gather_facts: false
  roles: [baremetal.sriov.bios]
"""


def test_one_call_for_all_hosts(tmp_path: Path) -> None:
    bmcs = {"node1": FakeBmc("dell"), "node2": FakeBmc("hpe"), "node3": FakeBmc("ami")}
    controller = Controller(tmp_path)
    controller.put("bios.yml", PLAY)
    with Farm() as farm:
        hosts: dict[str, dict[str, Any]] = {
            name: {"sriov_bmc_address": farm.add(bmc), "sriov_bmc_username": USER, "sriov_bmc_password": PASSWORD,
                   "sriov_bmc_validate_certs": False, "sriov_bios": ALL_ON}
            for name, bmc in bmcs.items()
        }  # fmt: skip
        hosts["node2"]["sriov_bios_attributes"] = {"AssetTagProtection": "Locked"}
        local = {"ansible_python_interpreter": sys.executable}
        extra = {"sriov_bios_record": str(tmp_path / "record")}
        run = controller.run("bios.yml", "-vvv", hosts={**hosts, "node4": {}}, extra=extra, local=local)
    assert {name: sent(bmc) for name, bmc in bmcs.items()} == {
        "node1": [SENT["dell"]], "node2": [], "node3": [SENT["ami"]]
    }  # fmt: skip
    # Changed in the first play, and not in the second.
    assert run.recap == {"node1": (1, 0), "node2": (0, 1), "node3": (1, 0), "node4": (0, 0)}, run.output
    assert "AssetTagProtection: expected an attribute that may be changed" in run.failures["node2"]
    assert PASSWORD not in run.output and run.calls == ()
    assert all(bmc.sessions == {} and bmc.resets == [] and bmc.most_sessions == 1 for bmc in bmcs.values())
    assert "stage 'Enabled'" in run.output and "1 step, one reboot, no drain" in run.output

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a BIOS that is off to VFs that Kubernetes offers, by one reset that the BMC carries out.

The tests stand in the order in which they run.
"""

from __future__ import annotations

from typing import Any

import chain
import standalone

from sriovlab.guest import Lab
from support.bmc.lab import IOMMU, LabBmc

GROUPS = "/sys/kernel/iommu_groups"


def groups(lab: Lab) -> int:
    return len(lab.run(["ls", GROUPS], check=False).stdout.split())


def test_preflight_names_what_is_off(lab: Lab, bmc: LabBmc, access: dict[str, Any]) -> None:
    run = chain.playbook("plan", access, "--tags", "preflight")
    assert run.status == 0 and groups(lab) == 0, run.output
    assert f"The BMC tells that {IOMMU} is 'Disable'" in " ".join(run.output.split())
    assert bmc.writes == [] and bmc.resets == []


def test_the_plan_foretells_the_reset(lab: Lab, bmc: LabBmc, access: dict[str, Any]) -> None:
    run = chain.playbook("plan", access)
    assert IOMMU in run.output and "BIOS:" in run.output and bmc.writes == [], run.output


def test_provision_stages_resets_once_and_configures(bmc: LabBmc, access: dict[str, Any]) -> None:
    run = chain.playbook("provision", access)
    bmc.wires.wait()
    lab = Lab.from_state()
    assert run.status == 0, run.output
    assert bmc.resets == ["ForceRestart"] and bmc.current[IOMMU] == "Enable"
    assert bmc.sessions == {} and bmc.most_sessions <= 1
    assert groups(lab) > 0
    chain.wait_allocatable(lab, standalone.WANTED)


def test_a_second_run_does_nothing(lab: Lab, bmc: LabBmc, access: dict[str, Any]) -> None:
    boot, writes = lab.boot_id(), len(bmc.writes)
    run = chain.playbook("provision", access)
    assert run.status == 0 and run.recap["node1"]["changed"] == 0, run.output
    assert (lab.boot_id(), len(bmc.writes), len(bmc.resets)) == (boot, writes, 1)

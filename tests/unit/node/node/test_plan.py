# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's concerns within the plan for a whole node."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.baremetal.sriov.plugins.module_utils.model.goal import Goal, ModuleGoal, NodeOptions
from ansible_collections.baremetal.sriov.plugins.module_utils.model.state import NodeState
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import Iommu, KernelArguments, Modules
from ansible_collections.baremetal.sriov.plugins.module_utils.node.plan import make_plan
from support.fake_boot import GrubHost


def test_the_command_line_gets_the_iommus_the_built_in_modules_and_the_users_arguments(tmp_path: Path) -> None:
    host = GrubHost(tmp_path)
    host.put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\n")
    host.put("/sys/module/vfio_pci/uevent", "")  # no initstate: built in
    goal = Goal(
        options=NodeOptions(kernel_arguments=("intel_iommu=on,sm_on", "hugepages=8")),
        iommu=True,
        modules=(ModuleGoal("vfio-pci", (("disable_idle_d3", "1"),), True),),
    )
    concerns = [concern(host, goal, NodeState()) for concern in (KernelArguments, Modules, Iommu)]
    first, last = make_plan(goal, NodeState(), concerns).steps
    assert first.after == ["iommu=pt", "intel_iommu=on,sm_on", "hugepages=8", "vfio-pci.disable_idle_d3=1"]
    assert (last.kind, last.after) == ("reboot", first.after)

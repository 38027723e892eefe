# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that does not come back stops the roll: it stays cordoned and says why, the other one is untouched."""

from __future__ import annotations

import chain
import rolling
from changing import words

from sriovlab.guest import Lab

ARGUMENT = {"sriov_kernel_arguments": ["nosmt"], "sriov_ready_timeout": 120}


def test_a_node_that_does_not_come_back_stops_the_roll(nodes: list[Lab]) -> None:
    """The kubelet of the worker, which goes before the control plane, does not start."""
    first, second = nodes
    boots = [lab.boot_id() for lab in nodes]
    second.run(["systemctl", "mask", "kubelet"])
    run = chain.playbook("site", rolling.wanted(4, **rolling.REBOOTS, **ARGUMENT))
    assert run.status == 2 and "no other node starts" in words(run), run.output
    assert first.boot_id() == boots[0] and second.boot_id() != boots[1]
    assert rolling.cordoned(first) == ["node2"]
    assert rolling.node(first, "node2")["metadata"]["annotations"][rolling.FAILURE]
    assert "nosmt" not in first.read("/proc/cmdline")

    second.run(["systemctl", "unmask", "kubelet"])
    second.run(["systemctl", "start", "kubelet"])
    run = chain.playbook("site", rolling.wanted(4, **rolling.REBOOTS, **ARGUMENT))
    assert run.status == 0, run.output
    assert rolling.cordoned(first) == [] and all("nosmt" in lab.read("/proc/cmdline") for lab in nodes)
    assert rolling.counts(nodes) == [4, 4]

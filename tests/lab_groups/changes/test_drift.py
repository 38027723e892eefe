# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift made by hand on a configured node: restored by the timer's unit, and left alone while the node is paused.

The tests stand in the order in which they run: each begins where the one before it ended.
"""

from __future__ import annotations

import json
from typing import Any

import chain
from changing import NODE, drivers, set_count, site, words

from sriovlab.guest import Lab

COMMAND, UNIT = "/usr/local/sbin/baremetal-sriov", "baremetal-sriov-drift.service"
WHOLE = {"enp1s0": ["igbvf"] * 4, "enp2s0": ["vfio-pci"] * 7}


def status(lab: Lab, *, differs: bool) -> dict[str, Any]:
    """What the node's command says; its exit status tells whether something differs."""
    shown = lab.run(["sh", "-c", f"{COMMAND} status --json; echo $?"]).stdout.rstrip()
    text, _newline, code = shown.rpartition("\n")
    assert code == str(int(differs)), shown
    found: dict[str, Any] = json.loads(text)
    return found


def test_what_is_lost_comes_back(lab: Lab) -> None:
    """All VFs of one PF, and the driver of a VF of the other; each is a line in the journal."""
    site({"sriov_drift": "restore"}, *NODE)
    set_count(lab, "enp1s0", 0)
    lost = chain.vfs(lab, "enp2s0")[2]["address"]
    lab.run(["sh", "-c", f"echo {lost} > /sys/bus/pci/drivers/vfio-pci/unbind"])
    assert status(lab, differs=True)["differences"]
    lab.run(["systemctl", "start", UNIT])
    assert drivers(lab) == WHOLE
    found = status(lab, differs=False)
    assert (found["repairs"], found["drift"]) == (2, "restore")
    journal = lab.run(["journalctl", "-b", "-u", UNIT, "-o", "cat", "--no-pager"]).stdout
    assert "0000:01:00.0: create 4 VFs: done" in journal and "0000:02:00.0 vf 2: bind vfio-pci: done" in journal
    assert "baremetal_sriov_drift_repairs_total 2" in lab.read("/run/baremetal-sriov/metrics/drift.prom")
    chain.wait_allocatable(lab, {"kernel": 4, "dpdk": 7}, 180)


def test_a_paused_node_is_left_alone_and_offers_what_it_has(lab: Lab) -> None:
    """By the timer's unit and by that of the boot, until the pause ends."""
    lab.run([COMMAND, "pause", "--reason", "a test"])
    set_count(lab, "enp1s0", 0)
    for unit in (UNIT, "baremetal-sriov-node.service", "baremetal-sriov-hotplug@0000:01:00.0.service"):
        lab.run(["systemctl", "restart", unit])
    assert drivers(lab) == {**WHOLE, "enp1s0": []}
    assert chain.offered(lab)["dpdk"] == 7
    plan = chain.playbook("plan", {"sriov_drift": "restore"})
    assert "the node is paused by the file /etc/baremetal-sriov/pause" in words(plan)
    lab.run([COMMAND, "resume"])
    assert drivers(lab) == WHOLE and not status(lab, differs=False)["paused"]["by_file"]
    chain.wait_allocatable(lab, {"kernel": 4, "dpdk": 7}, 180)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_wait_for_free on a real node: a pod keeps its VF, no other pod gets one, and the timer's unit does the rest."""

from __future__ import annotations

import json

import chain
from changing import NODE, policies, site, words
from pod import Pod, gone_at_the_end

from sriovlab.guest import Lab

UNIT, COMMAND = "baremetal-sriov-drift.service", "/usr/local/sbin/baremetal-sriov"
WANTED = {**policies({"name": "kernel", "num_vfs": 6}), "sriov_wait_for_free": True}


def test_the_change_is_made_when_the_pod_has_gone(lab: Lab) -> None:
    pod = Pod(lab, "holder", {"kernel": 1})
    with gone_at_the_end(lab, [pod]):
        pod.create()
        run = site(WANTED, *NODE)
        assert "its change waits until nobody has its VFs" in words(run)
        assert chain.num_vfs(lab)["enp1s0"] == 4
        chain.wait_allocatable(lab, {"dpdk": 7}, 60)
        status = json.loads(lab.run([COMMAND, "status", "--json"]).stdout)
        assert len(status["waits_for_free"]) >= 1 and status["differences"] == []
        lab.run(["systemctl", "start", UNIT])
        assert chain.num_vfs(lab)["enp1s0"] == 4
    lab.run(["systemctl", "start", UNIT])
    assert chain.num_vfs(lab)["enp1s0"] == 6
    chain.wait_allocatable(lab, {"kernel": 6, "dpdk": 7}, 120)
    journal = lab.run(["journalctl", "-b", "-u", UNIT, "-o", "cat", "--no-pager"]).stdout
    assert "0000:01:00.0: create 6 VFs: done" in journal
    site(policies(), *NODE)
    chain.wait_allocatable(lab, {"kernel": 4, "dpdk": 7}, 120)

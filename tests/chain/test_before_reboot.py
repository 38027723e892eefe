# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before the plain reboot: three pods get VFs, and keep them until the power goes."""

from __future__ import annotations

import admissions
import chain
import rebooting
import soak_pods
from plugin import JOURNAL, files

from sriovlab.guest import Lab

SCOPES = "/run/systemd/system/cri-containerd-.scope.d"


def test_pods_hold_vfs(lab: Lab) -> None:
    # The first process of these pods' containers does not hear SIGTERM: systemd would wait 90 s for it at the shutdown.
    lab.run(["mkdir", "-p", SCOPES])
    lab.put(b"[Scope]\nTimeoutStopSec=5s\n", f"{SCOPES}/chain.conf")
    lab.run(["systemctl", "daemon-reload"])
    rebooting.define(lab)
    pods = rebooting.pods(lab)
    for pod in pods:
        pod.begin()
    for pod in pods:
        pod.wait()
    assert len(files(lab, JOURNAL)) == len(pods)
    chain.note("before_reboot", {
        "boot_id": lab.boot_id(),
        "containers": {pod.name: pod.container() for pod in pods},
        "sandboxes": {pod.name: pod.sandbox() for pod in pods},
    })  # fmt: skip


def test_pods_live_through_a_restart_of_the_kubelet(lab: Lab) -> None:
    noted = chain.noted("before_reboot")["containers"]
    before = soak_pods.kubelet(lab)
    lab.run(["systemctl", "restart", "kubelet.service"], timeout=180.0)
    times = soak_pods.registered(lab, before)
    assert [admissions.fault(one) for one in times] == [""] * len(times), times
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})
    assert {pod.name: pod.container() for pod in rebooting.pods(lab)} == noted, "the same containers run on"

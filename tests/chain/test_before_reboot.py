# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before the plain reboot: three pods get VFs, and keep them until the power goes."""

from __future__ import annotations

import chain
import rebooting
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

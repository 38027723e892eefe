# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's services die or restart, again and again: the node must offer the same VFs again each time."""

from __future__ import annotations

import random
import sys
import time

import chain
from loop import main
from standalone import WANTED

from sriovlab.guest import Lab

PLUGIN = "baremetal-sriov-device-plugin.service"
DISTURBANCES = {
    "the kubelet restarts": ["systemctl", "restart", "kubelet.service"],
    "the device plugin restarts": ["systemctl", "restart", PLUGIN],
    "the device plugin is killed": ["systemctl", "kill", "--signal=KILL", PLUGIN],
    "the device plugin reloads": ["systemctl", "reload", PLUGIN],
}


def restarts(lab: Lab, count: int, rng: random.Random) -> None:
    """Disturb one service at a time. Raises LabError where the node does not come back to what it offered."""
    for number in range(1, count + 1):
        what, command = rng.choice(sorted(DISTURBANCES.items()))
        started = time.monotonic()
        lab.run(command)
        lab.wait_for("the device plugin to run", lambda: chain.unit(lab, PLUGIN, "SubState")["SubState"] == "running")
        chain.wait_offered(lab, WANTED)
        print(f"{number}/{count}: {what}; {WANTED} offered again after {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(__doc__, restarts))

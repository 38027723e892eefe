# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's services die or restart, again and again: the node must offer the same VFs again each time."""

from __future__ import annotations

import json
import random
import sys
import time

import chain
from loop import main
from standalone import WANTED

from sriovlab.guest import Lab
from sriovlab.progress import LabError

PLUGIN = "baremetal-sriov-device-plugin.service"
CHECKPOINT = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"
DISTURBANCES = {
    "the kubelet restarts": ["systemctl", "restart", "kubelet.service"],
    "the device plugin restarts": ["systemctl", "restart", PLUGIN],
    "the device plugin is killed": ["systemctl", "kill", "--signal=KILL", PLUGIN],
    "the device plugin reloads": ["systemctl", "reload", PLUGIN],
}


def known(lab: Lab) -> dict[str, list[str]]:
    """Pool -> ids of the healthy devices that the kubelet knows, from its checkpoint."""
    registered = json.loads(lab.read(CHECKPOINT))["Data"]["RegisteredDevices"]
    found = {pool: registered.get(f"{chain.PREFIX}/{pool}") or [] for pool in WANTED}
    return {pool: sorted(ids) for pool, ids in found.items()}


def compare(before: dict[str, list[str]], after: dict[str, list[str]]) -> tuple[int, int]:
    """How many devices are lost, and how many are there twice, in one pool or in two."""
    wanted = {device for ids in before.values() for device in ids}
    found = [device for ids in after.values() for device in ids]
    return len(wanted - set(found)), len(found) - len(set(found))


def restarts(lab: Lab, count: int, rng: random.Random) -> None:
    """Disturb one service at a time, each kind `count` times. Raises LabError for what does not come back."""
    before, done = known(lab), 0
    if {pool: len(ids) for pool, ids in before.items()} != WANTED:
        raise LabError(f"the kubelet knows {before}; expected {WANTED} before anything is disturbed")
    for _round in range(count):
        for what, command in rng.sample(sorted(DISTURBANCES.items()), len(DISTURBANCES)):
            started = time.monotonic()
            lab.run(command)
            lab.wait_for(
                "the device plugin to run", lambda: chain.unit(lab, PLUGIN, "SubState")["SubState"] == "running"
            )
            chain.wait_offered(lab, WANTED)
            # The kubelet writes its checkpoint when it hears of a change, a moment before it tells the API server.
            lost, doubled = compare(before, known(lab))
            if lost or doubled:
                raise LabError(f"{what}: {lost} devices lost, {doubled} doubled: {before} became {known(lab)}")
            done += 1
            taken = time.monotonic() - started
            print(f"{done}/{count * len(DISTURBANCES)}: {what}; {WANTED} offered after {taken:.1f} s", flush=True)
    print(f"{count} times each of {len(DISTURBANCES)} kinds: 0 devices lost, 0 doubled", flush=True)


if __name__ == "__main__":
    sys.exit(main(__doc__, restarts, 100))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubelet and device plugin restart, die and reload, links and VFs go and come back: no device is lost or doubled.

A pod has a VF all the while; at the end another one takes all the rest.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import chain
import service_restarts
from loop import main
from pod import Pod
from standalone import WANTED

from sriovlab.guest import Lab
from sriovlab.progress import LabError

PROGRAM = "/run/soak-service-restarts.py"
HELD = {"dpdk": 1}  # a kernel VF would vanish in the pod's hands
LINK, VFS = ("enp2s0", "dpdk"), ("enp1s0", "kernel")


def state(lab: Lab) -> dict[str, Any]:
    """What each disturbance is to leave as it is. Raises LabError where the kubelet does not know all devices."""
    found: dict[str, Any] = json.loads(lab.run(["python3", "-I", PROGRAM, "show"]).stdout)
    if {name: len(ids) for name, ids in found["known"].items()} != {_resource(pool): n for pool, n in WANTED.items()}:
        raise LabError(f"the kubelet knows {found['known']}; expected {WANTED} before anything is disturbed")
    for what, (pf, pool) in (("link", LINK), ("vfs", VFS)):
        found[what] = [chain.PFS[pf], _resource(pool)]
    return found


def _resource(pool: str) -> str:
    return f"{chain.PREFIX}/{pool}"


def rounds(lab: Lab, count: int, rng: random.Random) -> None:
    """Each kind of disturbance `count` times. After each round the API server, too, must be told of all devices."""
    before, kinds = state(lab), len(service_restarts.KINDS)
    for number in range(1, count + 1):
        started = time.monotonic()
        told = json.dumps({**before, "seed": rng.randrange(2**31)})
        done = lab.run(["python3", "-I", PROGRAM], input=told, timeout=kinds * service_restarts.SECONDS)
        chain.wait_allocatable(lab, WANTED)
        print(f"{done.stdout}round {number}/{count}: {WANTED} offered, {time.monotonic() - started:.1f} s", flush=True)


def restarts(lab: Lab, count: int, rng: random.Random) -> None:
    """All rounds, and who gets what. Raises LabError for what does not come back."""
    lab.put(Path(service_restarts.__file__).read_bytes(), PROGRAM)
    holder = Pod(lab, "soak-holder", HELD)
    rest = Pod(lab, "soak-rest", {pool: number - HELD.get(pool, 0) for pool, number in WANTED.items()})
    try:
        for pod in (rest, holder):
            pod.delete()  # of a loop that was killed
        holder.create()
        first = {pool: holder.devices(pool) for pool in HELD}
        rounds(lab, count, rng)
        rest.create()
        given = [device for pool in WANTED for device in [*first.get(pool, []), *rest.devices(pool)]]
        if len(set(given)) != sum(WANTED.values()) or len(given) != len(set(given)):
            raise LabError(f"two pods that take all of {WANTED} have {given}")
    finally:
        rest.delete()
        holder.delete()
    kinds = len(service_restarts.KINDS)
    print(f"{count} times each of {kinds} kinds: 0 devices lost, 0 doubled, none given twice", flush=True)


if __name__ == "__main__":
    sys.exit(main(__doc__, restarts, 100))

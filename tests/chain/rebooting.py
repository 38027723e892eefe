# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods that live through the chain's plain reboot, for the module before it and the module after it."""

from __future__ import annotations

import json

from plugin import NETWORKS
from pod import Attachment, Pod

from sriovlab.guest import Lab

NETWORK = "rebooting"
LEASES = f"{NETWORKS}/{NETWORK}"
MAC = "02:00:00:00:dd:{:02x}"
# The pod whose DEL is called before its new ADD; the one whose DEL comes too late; one with a vfio VF.
IN_TIME, LATE, USERSPACE = "reboot-in-time", "reboot-late", "reboot-userspace"


def pods(lab: Lab) -> list[Pod]:
    """All three."""
    return [Pod(lab, IN_TIME, {"kernel": 1}), Pod(lab, LATE, {"kernel": 1}), Pod(lab, USERSPACE, {"dpdk": 1})]


def attachment(pod: Pod, number: int) -> Attachment:
    """What the pod with this number gets; everything that has to be given back."""
    (pool,) = pod.pools
    config = {"cniVersion": "1.0.0", "name": NETWORK, "type": "sriov", "vlan": 200 + number, "trust": "on",
              "mac": MAC.format(number), "ipam": {"type": "host-local", "subnet": "198.51.100.0/24"}}  # fmt: skip
    return Attachment(pool, "net1", config)


def calls(command: str, among: list[Pod]) -> list[tuple[list[str], str]]:
    """The stand-in's calls for pods, numbered in this order."""
    made = [(pod, attachment(pod, number)) for number, pod in enumerate(among)]
    return [(pod.stand_in(command, wanted), json.dumps(wanted.config)) for pod, wanted in made]


def saved(name: str) -> str:
    """Where the stand-in keeps what a DEL needs."""
    return f"/run/multus-standin/default_{name}_net1.json"

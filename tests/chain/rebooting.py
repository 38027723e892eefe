# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods that live through the chain's plain reboot, for the module before it and the module after it."""

from __future__ import annotations

from plugin import NETWORKS
from pod import Attachment, Pod, define_network

from sriovlab.guest import Lab

NETWORK = "rebooting"  # its configuration's name: the pods share its addresses
LEASES = f"{NETWORKS}/{NETWORK}"
MAC = "02:00:00:00:dd:{:02x}"
# Name -> resource pool: two with a kernel VF, one with a vfio VF. Their networks have their names.
PODS = {"reboot-first": "kernel", "reboot-second": "kernel", "reboot-userspace": "dpdk"}


def pods(lab: Lab) -> list[Pod]:
    """All three; each network has everything that has to be restored."""
    return [Pod(lab, name, {pool: 1}, networks=[Attachment(name, mac=MAC.format(number))])
            for number, (name, pool) in enumerate(PODS.items())]  # fmt: skip


def define(lab: Lab) -> None:
    """Make their networks."""
    for number, (name, pool) in enumerate(PODS.items()):
        ipam = {"type": "host-local", "subnet": "198.51.100.0/24"}
        config = {"name": NETWORK, "vlan": 200 + number, "trust": "on", "capabilities": {"mac": True}, "ipam": ipam}
        define_network(lab, name, pool, config)

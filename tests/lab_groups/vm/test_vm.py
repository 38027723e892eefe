# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU in a pod, with the VF that Allocate gave it by vfio: the guest tells its id and MAC, and has an answer.

The answer is that of a pod with a VF of the other PF, over the wire between both.
"""

from __future__ import annotations

from collections.abc import Iterator

import machine
import pytest
from pod import Attachment, Extras, Pod, define_network, gone_at_the_end

from sriovlab.guest import Lab

pytestmark = pytest.mark.timeout(1500, func_only=True)

GUEST, PEER = "vm-guest", "vm-peer"
MAC = "02:00:00:00:f2:01"
VENDOR, DEVICE = "0x8086", "0x10ca"  # igb's VF
SECONDS = 1200.0  # an emulated machine within an emulated one
EXTRAS = Extras(
    resources={"memory": "512Mi"},
    volumes={machine.FOLDER: {"hostPath": {"path": machine.FOLDER, "type": "Directory"}}},
    capabilities=("IPC_LOCK",),  # the guest's memory is pinned
)


@pytest.fixture(scope="module")
def console(lab: Lab) -> Iterator[str]:
    """What the guest has printed."""
    machine.bring(lab)
    peer = Pod(lab, "vm-peer", {"kernel": 1}, networks=[Attachment(PEER)])
    guest = Pod(lab, "vm-guest", {"dpdk": 1}, EXTRAS, [Attachment(GUEST, mac=MAC)])
    try:
        with gone_at_the_end(lab, [guest, peer], [GUEST, PEER]):
            address = {"type": "static", "addresses": [{"address": f"{machine.PEER}/24"}]}
            define_network(lab, GUEST, "dpdk", {"vlan": 0, "capabilities": {"mac": True}, "ipam": {}})
            define_network(lab, PEER, "kernel", {"vlan": 0, "ipam": address})
            peer.create()
            guest.create()
            (function,) = guest.devices("dpdk")
            words = " ".join(f"'{word}'" for word in machine.command(function))
            yield guest.execute(["sh", "-c", f"exec {words} 2>&1"], check=False, timeout=SECONDS)
    finally:
        lab.run(["rm", "-rf", machine.FOLDER], check=False)


def test_the_guest_comes_to_its_end(console: str) -> None:
    assert machine.BEGIN in console and machine.END in console, console[-3000:]


def test_it_has_the_vf(console: str) -> None:
    assert f"id {VENDOR} {DEVICE}" in console, console[-3000:]


def test_it_has_the_mac_of_its_network(console: str) -> None:
    assert f"mac {MAC}" in console, console[-3000:]


def test_a_ping_is_answered_by_a_pod_on_the_other_pf(console: str) -> None:
    assert f"bytes from {machine.PEER}" in console, console[-3000:]

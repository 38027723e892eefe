# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bonded PFs get, change and give back VFs; a change of their number takes effect with a reboot, before the network.

The tests stand in the order in which they run: each begins where the one before it ended.
"""

from __future__ import annotations

from typing import Any

import chain
from bonding import wait_bonded
from changing import drivers, policies, words

from sriovlab.guest import Lab


def wanted(kernel: int, dpdk: int) -> dict[str, Any]:
    """Both PFs with the user's word, and numbers of VFs."""
    return policies({"name": "kernel", "num_vfs": kernel, "allow_in_use": True},
                    {"name": "dpdk", "num_vfs": dpdk, "allow_in_use": True})  # fmt: skip


def test_without_the_users_word_it_is_refused(bonded: Lab) -> None:
    run = chain.playbook("plan", policies())
    assert run.status != 0
    assert "a port of the bond bond0 with the address 192.0.2.1/24" in words(run) and "allow_in_use" in words(run)


def test_first_vfs_come_and_the_bond_stays(bonded: Lab) -> None:
    """Over the reboot that the IOMMU's arguments need."""
    boot = bonded.boot_id()
    run = chain.playbook("site", {**wanted(4, 7), "sriov_reboot_ok": True})
    assert run.status == 0, run.output
    assert bonded.boot_id() != boot
    assert drivers(bonded) == {"enp1s0": ["igbvf"] * 4, "enp2s0": ["vfio-pci"] * 7}
    wait_bonded(bonded)
    chain.wait_allocatable(bonded, {"kernel": 4, "dpdk": 7}, 180)


def test_another_number_waits_for_a_reboot(bonded: Lab) -> None:
    """Nothing changes without the word for one; with it the early unit makes them before the bond is there."""
    boot = bonded.boot_id()
    refused = chain.playbook("site", {**wanted(2, 3), "sriov_reboot_ok": False})
    assert refused.status != 0 and "bond0" in words(refused)
    assert chain.num_vfs(bonded) == {"enp1s0": 4, "enp2s0": 7} and bonded.boot_id() == boot
    run = chain.playbook("site", {**wanted(2, 3), "sriov_reboot_ok": True})
    assert run.status == 0, run.output
    assert bonded.boot_id() != boot
    assert drivers(bonded) == {"enp1s0": ["igbvf"] * 2, "enp2s0": ["vfio-pci"] * 3}
    wait_bonded(bonded)
    chain.wait_allocatable(bonded, {"kernel": 2, "dpdk": 3}, 180)


def test_the_rerun_changes_nothing(bonded: Lab) -> None:
    boot = bonded.boot_id()
    run = chain.playbook("site", {**wanted(2, 3), "sriov_reboot_ok": True})
    assert run.status == 0 and run.recap["node1"]["changed"] == 0, run.output
    assert bonded.boot_id() == boot


def test_they_are_given_back(bonded: Lab) -> None:
    run = chain.playbook("teardown", {"sriov_reboot_ok": True})
    assert run.status == 0, run.output
    assert chain.num_vfs(bonded) == {"enp1s0": 0, "enp2s0": 0}
    wait_bonded(bonded)

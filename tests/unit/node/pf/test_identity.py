# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which NIC a PF was: what is recorded of one is not another's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, present, somebody_makes

ORIGINAL = "var/lib/baremetal-sriov/original.json"


def swap(host: FakeHost, mac: str = "52:54:00:00:00:99", device: str = "0x1521") -> None:
    """Another NIC in PF1's slot, after a power cycle."""
    host.reboot()
    host.nets["enp1s0"].mac = mac
    host.put(f"sys/bus/pci/devices/{PF1}/device", device + "\n")


def test_a_swapped_nic_is_said_and_gets_nothing_back(host: FakeHost) -> None:
    """Its policy is applied to it; at teardown it gets its own original."""
    somebody_makes(host, 2)
    present(host, [KERNEL])
    swap(host)
    checked = present(host, [KERNEL], check=True)
    (warning,) = checked.plan.warnings
    assert f"{PF1} (enp1s0): another NIC than at our first change: it was 8086:10c9 with" in warning
    assert "52:54:00:00:00:99" in warning
    present(host, [KERNEL])
    assert not present(host, [KERNEL]).plan.warnings and host.numvfs(PF1) == 4
    absent(host)
    assert host.numvfs(PF1) == 0, "the two VFs were the first NIC's"


def test_a_swapped_nic_that_no_policy_names(host: FakeHost) -> None:
    """Nothing is done to it, and it is said."""
    somebody_makes(host, 2)
    present(host, [KERNEL])
    swap(host)
    outcome = present(host, [], policies_may_be_empty=True)
    assert "nothing is given back to it" in outcome.plan.warnings[0]
    assert host.numvfs(PF1) == 0 and not present(host, []).plan.steps


def test_a_swapped_nic_that_the_boot_service_meets(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not set up by its place alone; the other PF is; the next run by a person says it and sets it up."""
    present(host, [KERNEL, DPDK])
    swap(host)
    assert boot.main(host) == 1
    told = capsys.readouterr().err
    assert "<3>" in told and "found another NIC than at our first change: it was 8086:10c9 with the MAC" in told
    assert host.numvfs(PF1) == 0 and host.numvfs(PF2) == 7
    assert "another NIC than at our first change" in present(host, [KERNEL, DPDK]).plan.warnings[0]
    host.reboot()
    assert boot.main(host) == 0 and host.numvfs(PF1) == 4


def test_a_bond_changes_the_mac_address_of_its_ports(host: FakeHost) -> None:
    """The NIC's own stays, so it is no swap; nor where its driver tells none."""
    present(host, [KERNEL])
    host.nets["enp1s0"].permanent = host.nets["enp1s0"].mac
    host.nets["enp1s0"].mac = "52:54:00:00:00:aa"
    assert not present(host, [KERNEL]).plan.warnings


def test_a_mac_address_that_is_not_the_nics_own(host: FakeHost) -> None:
    """Drawn at each boot, or set by the administrator: it tells nothing."""
    host.put("sys/class/net/enp1s0/addr_assign_type", "1\n")
    present(host, [KERNEL])
    assert "mac" not in json.loads(host.get(ORIGINAL))["identities"][PF1]
    host.nets["enp1s0"].mac = "52:54:00:00:00:ab"
    assert not present(host, [KERNEL]).plan.warnings


def test_a_nic_that_was_moved_is_found_by_its_mac_address(host: FakeHost) -> None:
    """The refusal says where it is now; nobody follows it on a guess."""
    policy: dict[str, Any] = {**KERNEL, "nic_selector": {"root_devices": [PF1]}}
    present(host, [policy])
    mac = host.nets["enp1s0"].mac
    host.reboot()
    host.base.joinpath(f"sys/bus/pci/devices/{PF1}").rename(host.base / "gone")
    del host.pfs[PF1], host.nets["enp1s0"]
    host.add_pf("0000:03:00.0", "enp3s0", mac=mac)
    with pytest.raises(RefusedError) as caught:
        present(host, [policy])
    assert f"the NIC that was there (MAC address {mac}) is now at 0000:03:00.0 (enp3s0)" in str(caught.value)
    assert boot.main(host) == 1 and host.numvfs("0000:03:00.0") == 0


def test_a_nic_that_tells_no_mac_address_is_known_by_its_kind(host: FakeHost) -> None:
    """Another of the same kind can't be told from it."""
    host.put("sys/class/net/enp1s0/addr_assign_type", "1\n")
    present(host, [KERNEL])
    swap(host, device="0x10c9")
    assert not present(host, [KERNEL], check=True).plan.warnings
    swap(host)
    (warning,) = present(host, [KERNEL], check=True).plan.warnings
    assert "it was 8086:10c9, and is 8086:1521; its policy is for it now" in warning

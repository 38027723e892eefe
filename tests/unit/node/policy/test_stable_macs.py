# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MAC addresses of VFs that are the same after each boot, made of the NIC's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.resolve import stable_mac
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, make_host, present, snapshot

STABLE = {**KERNEL, "stable_macs": True, "vfs": [{"indices": 2, "mac": "02:00:00:00:aa:02"}]}
OWN = "52:54:00:00:00:01"


def test_the_same_after_a_boot_and_given_back(tmp_path: Path) -> None:
    """A VF whose MAC address the user chose keeps that; a policy without the word changes none."""
    host = make_host(tmp_path)
    before = snapshot(host)
    present(host, [STABLE, DPDK])
    wanted = [stable_mac(OWN, 0), stable_mac(OWN, 1), "02:00:00:00:aa:02", stable_mac(OWN, 3)]
    drawn = host.pfs[PF2].settings[0]["mac"]
    assert [host.pfs[PF1].settings[index]["mac"] for index in range(4)] == wanted
    assert host.nets["enp1s0v0"].mac == wanted[0], "the interface has it, too"
    assert drawn == "02:00:02:00:00:00", "as the fake's kernel draws them"
    assert not present(host, [STABLE, DPDK]).plan.steps
    host.reboot()
    assert boot.main(host) == 0
    assert [host.pfs[PF1].settings[index]["mac"] for index in range(4)] == wanted
    absent(host)
    assert snapshot(host) == before


def test_another_nic_gives_others_and_one_without_an_address_none(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    host.put("sys/class/net/enp1s0/addr_assign_type", "1\n")
    with pytest.raises(RefusedError, match=r"MAC address of 0000:01:00\.0 \(enp1s0\)'s own.*give each VF a mac"):
        present(host, [STABLE])
    assert stable_mac(OWN, 0) == stable_mac(OWN.upper(), 0)


@given(st.lists(st.tuples(st.from_regex(r"\A52:54:00(:[0-9a-f]{2}){3}\Z"), st.integers(0, 255)), unique=True))
def test_every_address_is_one_of_a_single_station_and_local(pairs: list[tuple[str, int]]) -> None:
    """And no two are alike."""
    found = [stable_mac(mac, index) for mac, index in pairs]
    assert all(int(mac[:2], 16) & 3 == 2 and len(mac) == 17 for mac in found)
    assert len(set(found)) == len(pairs)

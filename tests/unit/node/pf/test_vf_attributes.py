# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a VF's attributes: what it reads of `ip`, and the commands that it makes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.goal import VfAttributes
from ansible_collections.baremetal.sriov.plugins.module_utils.pf import vf_attributes

# source: iproute2 6.1.0, `ip -j -d link show` of an igb with one VF.
TOLD = {
    "vf": 0, "link_type": "ether", "address": "52:54:00:AA:00:01", "broadcast": "ff:ff:ff:ff:ff:ff",
    "vlan_list": [{"vlan": 100, "qos": 3}], "rate": {"max_tx": 200, "min_tx": 0}, "spoofchk": True,
    "link_state": "auto", "trust": False, "query_rss_en": False,
}  # fmt: skip


def test_each_row_has_its_field() -> None:
    assert [row.name for row in vf_attributes.ATTRIBUTES] == [field.name for field in fields(VfAttributes)]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (TOLD, VfAttributes("52:54:00:aa:00:01", 100, 3, True, False, 0, 200)),
        # iproute2 before 5.0 has no list of VLANs; a driver without a VLAN, a rate or trust tells none.
        ({"vf": 1, "vlan": 7, "qos": 1}, VfAttributes(vlan=7, qos=1)),
        ({"vf": 1, "spoofchk": "on", "rate": [], "vlan_list": [{}]}, VfAttributes(vlan=0, qos=0)),
        ({}, VfAttributes()),
    ],
    ids=["all", "old", "odd", "none"],
)
def test_what_ip_tells(told: dict[str, Any], found: VfAttributes) -> None:
    assert vf_attributes.read(told) == found


def test_one_command_for_each_setting_of_the_kernel() -> None:
    """source: ip-link(8), `ip link set vf`."""
    wanted = {
        "mac": "02:00:00:00:00:01", "vlan": 5, "qos": 2, "spoofchk": False, "trust": True, "min_tx_rate": 1,
        "max_tx_rate": 9,
    }  # fmt: skip
    assert [" ".join(words) for words in vf_attributes.commands(wanted)] == [
        "mac 02:00:00:00:00:01", "vlan 5 qos 2", "spoofchk off", "trust on", "max_tx_rate 9 min_tx_rate 1",
    ]  # fmt: skip
    assert vf_attributes.commands({"min_tx_rate": 3}) == [["min_tx_rate", "3"]]
    assert vf_attributes.commands({}) == []

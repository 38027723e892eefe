# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More that site refuses on a node without VFs: it names the reason, and changes nothing."""

from __future__ import annotations

import chain
import pytest
from refusing import KERNEL, Snapshot, prepared, refused

from sriovlab.guest import Lab


@pytest.fixture(scope="module")
def before(lab: Lab) -> Snapshot:
    """Every file before the first refusal; since none changes anything, before each."""
    return chain.snapshot(lab)


def test_pf_under_a_bridge(lab: Lab, before: Snapshot) -> None:
    make = ["ip link add chain0 type bridge", "ip link set enp1s0 master chain0"]
    with prepared(lab, make, ["ip link set enp1s0 nomaster", "ip link del chain0"]):
        text = refused(lab, before, [KERNEL])
    assert "enp1s0" in text
    assert "bridge" in text
    assert "chain0" in text


def test_pf_with_an_address_and_no_route(lab: Lab, before: Snapshot) -> None:
    """As for storage, or a second network of the cluster."""
    make = ["ip address add 192.0.2.1/24 dev enp1s0"]
    with prepared(lab, make, ["ip address del 192.0.2.1/24 dev enp1s0"]):
        text = refused(lab, before, [KERNEL])
    assert "it carries the address 192.0.2.1/24" in text
    assert "allow_in_use" in text


def test_pf_with_a_vlan_on_it(lab: Lab, before: Snapshot) -> None:
    make = ["ip link add link enp1s0 name chain0 type vlan id 9", "ip address add 192.0.2.1/24 dev chain0"]
    with prepared(lab, make, ["ip link del chain0"]):
        text = refused(lab, before, [KERNEL])
    assert "the vlan chain0 on it with the address 192.0.2.1/24" in text


def test_pf_in_another_network_namespace(lab: Lab, before: Snapshot) -> None:
    """As a pod has it. What the PF carries there is not known."""
    policy = {**KERNEL, "nic_selector": {"root_devices": [chain.PFS["enp2s0"]]}}
    make = ["ip netns add peer", "ip link set enp2s0 netns peer"]
    with prepared(lab, make, ["ip -n peer link set enp2s0 netns 1", "ip netns del peer"]):
        text = refused(lab, before, [policy])
    assert "0000:02:00.0" in text
    assert "in another network namespace" in text


def test_more_vfs_than_the_card_has(lab: Lab, before: Snapshot) -> None:
    text = refused(lab, before, [{**KERNEL, "num_vfs": 9}])
    assert "enp1s0" in text
    assert "7" in text
    assert "9" in text


def test_unknown_pf(lab: Lab, before: Snapshot) -> None:
    text = refused(lab, before, [{**KERNEL, "nic_selector": {"pf_names": ["enp9s0"]}}])
    assert "enp9s0" in text
    assert "enp1s0" in text, "the message names the PFs that are there"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of two nodes reach each other by their VFs, in one VLAN and not across two, over the wire between the nodes."""

from __future__ import annotations

from collections.abc import Iterator

import chain
import pytest
import standalone
from pod import Attachment, Pod, define_network, gone_at_the_end

from sriovlab.guest import Lab

# Pod and network -> node, address, VLAN.
PODS = {
    "here": (0, "198.51.100.21", 100),
    "there": (1, "198.51.100.22", 100),
    "apart": (1, "198.51.100.23", 200),
}
TAGGED = "wire.100"  # an interface of the second node's PF in the first VLAN
TAGGED_ADDRESS = "198.51.100.24"


@pytest.fixture(scope="module")
def offering(nodes: list[Lab]) -> list[Lab]:
    """Both nodes with the chain's two policies, by one run of site."""
    run = chain.playbook("site")
    assert run.status == 0, run.output
    assert {"node1", "node2"} <= run.recap.keys(), run.recap
    for lab in nodes:
        chain.wait_offered(lab, standalone.WANTED)
    return nodes


@pytest.fixture(scope="module")
def pods(offering: list[Lab]) -> Iterator[dict[str, Pod]]:
    """The pods, each with a VF; gone at the end in any case."""
    made = {name: Pod(offering[number], name, {"kernel": 1}, networks=[Attachment(name)])
            for name, (number, _address, _vlan) in PODS.items()}  # fmt: skip
    with gone_at_the_end(offering[0], list(made.values()), PODS):
        for name, (_number, address, vlan) in PODS.items():
            ipam = {"type": "static", "addresses": [{"address": f"{address}/24"}]}
            define_network(offering[0], name, "kernel", {"vlan": vlan, "ipam": ipam})
            made[name].begin()
        for pod in made.values():
            pod.wait()
        yield made


def answered(pod: Pod, address: str) -> bool:
    """Whether a pod gets an answer from an address by its VF."""
    return " bytes from " in pod.execute(["ping", "-c", "3", "-W", "2", "-I", "net1", address], check=False)


def test_pods_of_two_nodes_talk_in_one_vlan_not_across_two(offering: list[Lab], pods: dict[str, Pod]) -> None:
    here, there, apart = (pods[name] for name in PODS)
    addresses = {name: address for name, (_number, address, _vlan) in PODS.items()}
    # The first frames may be lost while the links come up.
    offering[0].wait_for("an answer in one VLAN", lambda: answered(here, addresses["there"]), 60.0, every=1.0)
    assert answered(there, addresses["here"])
    assert not answered(here, addresses["apart"]) and not answered(apart, addresses["here"])
    # An answer now proves that the silence was the VLAN's doing.
    assert answered(here, addresses["there"])


def test_frames_on_the_wire_carry_the_tag(offering: list[Lab], pods: dict[str, Pod]) -> None:
    other = offering[1]
    other.run(["ip", "link", "add", "link", "enp1s0", "name", TAGGED, "type", "vlan", "id", "100"])
    try:
        other.run(["ip", "address", "add", f"{TAGGED_ADDRESS}/24", "dev", TAGGED])
        other.run(["ip", "link", "set", TAGGED, "up"])
        offering[0].wait_for("the other node's interface in the VLAN to answer",
                             lambda: answered(pods["here"], TAGGED_ADDRESS), 60.0, every=1.0)  # fmt: skip
        assert not answered(pods["apart"], TAGGED_ADDRESS)
    finally:
        other.run(["ip", "link", "del", TAGGED])

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses shared out among nodes: none twice, none moved, whatever comes and goes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import node_slices
from ansible_collections.baremetal.sriov.plugins.plugin_utils.network_ranges import ranges_of
from ansible_collections.baremetal.sriov.plugins.plugin_utils.networks import network_attachments
from ansible_collections.baremetal.sriov.plugins.plugin_utils.node_slices import Shares
from support.expected_slices import HOST_LOCAL, SLICES, WRONG
from support.slice_histories import play

NETWORK = {"name": "blue", "resource_name": "kernel"}


def ranges(**keys: Any) -> list[Any]:
    return ranges_of({**HOST_LOCAL, **keys})


def share_out(
    record: dict[str, list[str]], *nodes: str, idle: tuple[str, ...] = (), **keys: Any
) -> dict[str, list[str]]:
    """The record of before, and who asks, to the record of then."""
    shares = node_slices.share_out("blue", ranges(**keys), node_slices.read(json.dumps(record)), nodes, idle)
    found: dict[str, list[str]] = json.loads(node_slices.write(shares))
    return found


@pytest.mark.parametrize("case", SLICES)
def test_slices_in_their_order(case: str) -> None:
    ipam, expected = SLICES[case]
    record: dict[str, list[str]] = {}
    for number, slices in enumerate(expected):
        record = share_out(record, f"n{number}", **ipam)
        assert record[f"n{number}"] == slices


@pytest.mark.parametrize("case", ["a small network", "a slice of the gateway alone", "the end of IPv6", "the last one"])
def test_none_is_left(case: str) -> None:
    ipam, expected = SLICES[case]
    nodes = [f"n{number}" for number in range(len(expected))]
    with pytest.raises(InvalidSpecError) as caught:
        share_out({}, *nodes, "one-more", "two-more", **ipam)
    told = str(caught.value)
    assert f"{len(nodes)} nodes have one" in told and "none is left for 2 (one-more, two-more)" in told
    assert "node_slice_size" in told and "sriov_prune" in told


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_shared_out(case: str) -> None:
    change, words = WRONG[case]
    ipam = {**HOST_LOCAL, "subnet": "10.9.0.0/24", **change}
    ipam = {key: value for key, value in ipam.items() if value is not ...}
    with pytest.raises(InvalidSpecError, match=words) as caught:
        network_attachments([{**NETWORK, "ipam": ipam}], "p")
    assert [mistake.path for mistake in caught.value.mistakes] == ["sriov_networks[0].ipam"]


def test_no_node_range_stands_in_the_cluster() -> None:
    ipam = {**HOST_LOCAL, "subnet": "10.9.0.0/24", "gateway": "10.9.0.1", "node_slice_size": "/28",
            "routes": [{"dst": "10.0.0.0/8"}], "dataDir": "/run/leases"}  # fmt: skip
    (found,) = network_attachments([{**NETWORK, "ipam": ipam}], "p")
    assert json.loads(found["spec"]["config"])["ipam"] == {
        **HOST_LOCAL, "routes": [{"dst": "10.0.0.0/8"}], "dataDir": "/run/leases",
    }  # fmt: skip


def test_two_networks_of_one_name() -> None:
    """source: host-local keeps its leases in a folder of the network's name."""
    network = {**NETWORK, "ipam": {**HOST_LOCAL, "subnet": "10.9.0.0/24"}}
    with pytest.raises(InvalidSpecError) as caught:
        network_attachments([network, {**network, "network_namespace": "other"}], "p")
    assert [mistake.path for mistake in caught.value.mistakes] == ["sriov_networks[1].ipam.ranges_from"]


def test_another_plugin_does_not_know_them() -> None:
    with pytest.raises(InvalidSpecError, match="needs the type sriov"):
        network_attachments([{**NETWORK, "type": "host-device", "ipam": {**HOST_LOCAL, "subnet": "10.9.0.0/24"}}], "p")


def test_what_a_node_is_given() -> None:
    found = node_slices.of_node(
        ranges(subnet="10.9.0.0/16"), node_slices.read('{"a": ["10.9.0.64-10.9.0.127"]}').slices["a"]
    )
    assert found == [
        [{"subnet": "10.9.0.0/16", "rangeStart": "10.9.0.64", "rangeEnd": "10.9.0.127", "gateway": "10.9.0.1"}]
    ]


def test_slices_stay_whatever_becomes_of_the_network() -> None:
    """A larger subnet, and slices of another size for those that come."""
    before = {"a": ["10.9.0.1-10.9.0.63"], "b": ["10.9.0.64-10.9.0.127"]}
    after = share_out(before, "a", "b", "c", subnet="10.9.0.0/22", node_slice_size="/25")
    assert after == {**before, "c": ["10.9.0.128-10.9.0.255"]}


def test_a_gap_is_taken() -> None:
    before = {"b": ["10.9.0.64-10.9.0.127"]}
    assert share_out(before, "c", subnet="10.9.0.0/24") == {**before, "c": ["10.9.0.1-10.9.0.63"]}


def test_a_slice_that_has_to_go_waits_for_its_addresses() -> None:
    before = {"a": ["10.8.0.1-10.8.0.63"], "elsewhere": ["10.8.0.64-10.8.0.127"]}
    with pytest.raises(
        InvalidSpecError, match=r"a has 10.8.0.1-10.8.0.63, which lies outside .*Delete these pods first"
    ):
        share_out(before, "a", subnet="10.9.0.0/24")
    assert node_slices.stuck(ranges(subnet="10.9.0.0/24"), node_slices.read(json.dumps(before)), ["a"]) == ["a"]
    after = share_out(before, "a", idle=("a",), subnet="10.9.0.0/24")
    assert after == {"a": ["10.9.0.1-10.9.0.63"], "elsewhere": ["10.8.0.64-10.8.0.127"]}, (
        "a node of no run keeps its own"
    )


@pytest.mark.parametrize("record", ["[", "[]", '{"a": "x"}', '{"a": ["10.9.0.1"]}', '{"a": ["10.9.0.9-10.9.0.1"]}',
                                    '{"a": ["10.9.0.1-fd00::1"]}', '{"a": 5}'])  # fmt: skip
def test_a_record_that_cannot_be_read_is_not_taken_for_an_empty_one(record: str) -> None:
    shares = node_slices.read(record)
    assert shares.damaged
    with pytest.raises(InvalidSpecError, match="expected the record of its slices"):
        node_slices.share_out("blue", ranges(subnet="10.9.0.0/24"), shares, ["b"])
    assert "ConfigMap" in node_slices.problems("blue", ranges(subnet="10.9.0.0/24"), shares)[0]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"a": ["10.9.0.1-10.9.0.63"], "b": ["10.9.0.63-10.9.0.100"]}, "two pods can get one address"),
        ({"a": ["10.9.0.1-10.9.0.200"], "b": ["10.9.0.64-10.9.0.127"]}, "two pods can get one address"),
        ({"a": ["10.8.0.1-10.8.0.63"]}, "outside 10.9.0.1-10.9.0.254"),
        ({"a": ["10.9.0.1-10.9.0.63"], "b": ["10.9.0.64-10.9.0.127"]}, ""),
    ],
)
def test_what_verify_says(record: dict[str, list[str]], words: str) -> None:
    found = node_slices.problems(
        "blue", ranges(subnet="10.9.0.0/24"), Shares(node_slices.read(json.dumps(record)).slices)
    )
    assert (words in found[0]) if words else (found == [])


@pytest.mark.parametrize("seed", range(4))
def test_no_address_twice_and_no_slice_moved(seed: int) -> None:
    """200 nodes, random joins, leaves, orders, limits; tests/soak has the long form."""
    play(seed, nodes=200, turns=25)

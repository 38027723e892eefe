# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes change together.

source: the texts of sriov_max_unavailable and sriov_node_pool; of a percentage the lower number, as the operator's
SriovNetworkPoolConfig rounds, but never none.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.batches import Batch, Member, NodePool, batches
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.node_pools import Placed, pool_config, pools


def pool(name: str, size: int, *limits: object) -> NodePool:
    return NodePool(name, limits or (1,), frozenset(f"{name}{number}" for number in range(size)))


def members(one: NodePool, count: int, unavailable: tuple[str, ...] = (), control_plane: bool = False) -> list[Member]:
    names = sorted(one.nodes)[:count]
    return [Member(name, name, one.name, name in unavailable, control_plane) for name in names]


def hosts(found: list[Batch]) -> list[str]:
    return [" ".join(batch.hosts) for batch in found]


def planned(*parts: tuple[NodePool, list[Member]], unavailable: tuple[str, ...] = ()) -> list[str]:
    of = {one.name: one for one, _members in parts}
    return hosts(batches([m for _pool, listed in parts for m in listed], of, frozenset(unavailable)))


A3, A9, B4 = pool("a", 3), pool("a", 9, 1, 2, "50%"), pool("b", 4, "50%")


def test_one_at_a_time_is_the_default() -> None:
    assert planned((A3, members(A3, 3))) == ["a0", "a1", "a2"]


def test_all_pools_go_at_once_each_within_its_limit() -> None:
    assert planned((A3, members(A3, 3)), (B4, members(B4, 4))) == ["a0 b0 b1", "a1 b2 b3", "a2"]


def test_a_list_has_a_value_for_each_batch_and_the_last_for_all_others() -> None:
    assert planned((A9, members(A9, 9))) == ["a0", "a1 a2", "a3 a4 a5 a6", "a7 a8"]


@pytest.mark.parametrize(
    ("limit", "size", "places"), [(1, 9, 1), ("3", 9, 3), ("10%", 9, 1), ("50%", 9, 4), ("100%", 9, 9), (20, 9, 20)]
)
def test_a_share_of_a_pool(limit: object, size: int, places: int) -> None:
    assert pool("a", size, limit).limit(0) == places


def test_who_is_unavailable_already_counts_and_goes_first_where_it_changes() -> None:
    two = pool("a", 5, 2)
    assert planned((two, members(two, 4)), unavailable=("a4",)) == ["a0", "a1", "a2", "a3"]
    left = members(two, 4, unavailable=("a3",))
    assert planned((two, left), unavailable=("a3",)) == ["a3 a0", "a1 a2"]
    both = members(A3, 3, unavailable=("a1", "a2"))
    assert planned((A3, both), unavailable=("a1", "a2")) == ["a1 a2", "a0"]


def test_a_pool_without_room_gets_one_turn_for_the_gate_to_judge() -> None:
    assert planned((A3, members(A3, 2)), unavailable=("a2",)) == ["a0", "a1"]


def test_the_control_plane_goes_last_and_one_at_a_time() -> None:
    plane = pool("plane", 3, 3)
    assert planned((plane, members(plane, 3, control_plane=True)), (A3, members(A3, 1))) == [
        "a0", "plane0", "plane1", "plane2",
    ]  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from([1, 2, "10%", "34%", (1, 3)])), min_size=1, max_size=3),
    st.data(),
)
def test_no_batch_takes_more_than_the_limits_allow(sizes: list[tuple[int, object]], data: st.DataObject) -> None:
    of = [
        pool(f"p{number}-", size, *(limit if isinstance(limit, tuple) else (limit,)))
        for number, (size, limit) in enumerate(sizes)
    ]
    down = frozenset(name for one in of for name in one.nodes if data.draw(st.integers(0, 5)) == 0)
    changing = [Member(name, name, one.name, name in down) for one in of for name in sorted(one.nodes)]
    left = set(down)  # each batch brings back those of its own
    seen: list[str] = []
    for batch in batches(changing, {one.name: one for one in of}, down):
        for one in of:
            here = set(batch.hosts) & one.nodes
            away = (left & one.nodes) | here
            assert len(away) <= max(one.limit(batch.number), len(left & one.nodes), 1)
        left -= set(batch.hosts)
        seen += batch.hosts
    assert sorted(seen) == sorted(member.host for member in changing)


# Pools of nodes.

SPEC = {"maxUnavailable": "25%", "nodeSelector": {"matchLabels": {"role": "dpdk"}}}


def test_a_pool_config_counts_for_the_nodes_that_it_selects() -> None:
    config = pool_config("fast", "a.yaml: SriovNetworkPoolConfig fast", SPEC)
    placed = [
        Placed("h1", "n1", "", 1, {"role": "dpdk"}), Placed("h2", "n2", "", 1, {"role": "dpdk"}),
        Placed("h3", "n3", "", 1, {}), Placed("h4", "n4", "mine", 2, {"role": "dpdk"}), Placed("h5", "n5", "", 1, None),
    ]  # fmt: skip
    found, of = pools(placed, [config])
    assert of == {"h1": "fast", "h2": "fast", "h3": "default", "h4": "mine", "h5": "default"}
    assert {name: (one.limits, sorted(one.nodes)) for name, one in found.items()} == {
        "fast": (("25%",), ["n1", "n2"]), "default": ((1,), ["n3", "n5"]), "mine": ((2,), ["n4"]),
    }  # fmt: skip
    without = pool_config("all", "x", {"nodeSelector": {}})
    assert pools(placed[:1], [without])[0]["all"].limit(0) == 1 and without.limit == "100%"


@pytest.mark.parametrize(
    ("placed", "words"),
    [
        ([Placed("h1", "n1", "", 1), Placed("h2", "n2", "", 2)], "the same for all hosts of pool default, found 1 for"),
        ([Placed("h1", "n1", "", 1, {"role": "dpdk"})], "one SriovNetworkPoolConfig that fits the node, found fast,"),
    ],
)
def test_what_no_pool_can_be_made_of_is_told(placed: list[Placed], words: str) -> None:
    configs = [pool_config("fast", "a", SPEC), pool_config("too", "b", SPEC)]
    with pytest.raises(InvalidSpecError, match=words):
        pools(placed, configs)


@pytest.mark.parametrize("limit", [0, True, "0%", "101%", "x", -1, 1.5])
def test_a_wrong_limit_names_the_field(limit: object) -> None:
    with pytest.raises(InvalidSpecError, match=r"x: spec\.maxUnavailable: expected a number of nodes from 1"):
        pool_config("fast", "x", {"maxUnavailable": limit})

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices GetPreferredAllocation names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_device_plugin.host.discovery import Device
from sriov_device_plugin.pool.preference import PACKED, SPREAD, choose

# Two PFs on node 0 and one on node 1; a pool lists its devices by PF and index.
DEVICES = {
    f"{pf}{index}": Device(id=f"{pf}{index}", class_id="020000", pf_address=pf, vf_index=index, numa_node=node)
    for pf, node in (("a", 0), ("b", 0), ("c", 1))
    for index in range(3)
}
ALL = list(DEVICES)


@pytest.mark.parametrize(
    ("policy", "available", "must", "size", "wanted"),
    [
        ("", "b0 a2 a1", "", 2, "a1 a2"),
        ("", "b0 a1", "b0", 2, "b0 a1"),
        ("", "a0", "", 3, "a0"),
        ("", "a0 x9", "", 2, "a0"),
        ("", "a0", "", 0, ""),
        ("", "a0", "", -1, ""),
        ("", "a0 b0 c0", "", 3, "a0 b0 c0"),
        # One PF that suffices, and of these the one with the fewest left.
        (PACKED, "a0 b0 b1 b2 c0 c1", "", 2, "c0 c1"),
        (PACKED, "a0 b0 b1 b2 c0", "", 2, "b0 b1"),
        (PACKED, "a0 b0 b1 b2 c0 c1 c2", "", 3, "c0 c1 c2"),
        # No PF suffices: one NUMA node, and there the fullest PF first.
        (PACKED, "a0 a1 a2 b0 b1 c0 c1 c2", "", 4, "a0 a1 a2 b0"),
        (PACKED, "a0 b0 b1 c0 c1", "", 3, "b0 b1 a0"),
        # With what must be in it.
        (PACKED, "a0 b0 b1 c0 c1", "c2", 2, "c2 c0"),
        (PACKED, "a0 b0 b1 c0 c1 c2", "b2", 2, "b2 b0"),
        (PACKED, "a0 c0 c1 c2", "b2", 2, "b2 a0"),
        (SPREAD, "a0 a1 b0 c0", "", 3, "a0 b0 c0"),
        (SPREAD, "a0 a1 b0 b1 b2 c0", "", 2, "b0 a0"),
        (SPREAD, "a0 a1 b0", "a2", 2, "a2 b0"),
        (SPREAD, "a0 a1 a2", "", 3, "a0 a1 a2"),
        (SPREAD, "", "", 3, ""),
    ],
)
def test_choices(policy: str, available: str, must: str, size: int, wanted: str) -> None:
    assert choose(policy, DEVICES, available.split(), must.split(), size) == wanted.split()


@given(
    st.sampled_from(["", PACKED, SPREAD]), st.lists(st.sampled_from([*ALL, "x"]), max_size=12),
    st.lists(st.sampled_from([*ALL, "y"]), max_size=4), st.integers(-2, 12),
)  # fmt: skip
def test_every_answer_is_what_was_asked_for(policy: str, available: list[str], must: list[str], size: int) -> None:
    answer = choose(policy, DEVICES, available, must, size)
    wanted = list(dict.fromkeys(must))[: max(size, 0)]
    assert answer[: len(wanted)] == wanted
    assert len(set(answer)) == len(answer) <= max(size, 0)
    assert set(answer) - set(must) <= set(available) & set(ALL)
    assert len(answer) == min(max(size, 0), len(set(must) | (set(available) & set(ALL))))
    assert answer == choose(policy, DEVICES, available[::-1], must, size)

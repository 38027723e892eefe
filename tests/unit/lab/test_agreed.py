# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What judges two programs' answers: it finds differences, wants a row for each, and a difference for each row."""

from __future__ import annotations

from typing import Any

import pytest

from support.peers import agreed, cni_table, dp_cards, dp_table
from support.peers.agreed import Difference, Row

ROW = Row("host-device", ("life-*", "eth0"), ("* DEL: status",), "better", "a reason", "a source")
PEERS = {"device-plugin": {case.id for case in [*dp_table.CASES, *dp_cards.CASES]},
         **{peer: {one.id for one in cni_table.SCENARIOS if one.peer == peer}
            for peer in ("host-device", "sriov-cni")}}  # fmt: skip


@pytest.mark.parametrize(("case", "aspect", "fits"), [
    ("life-1.0.0", "2 DEL: status", True), ("eth0", "1 DEL: status", True),
    ("other", "2 DEL: status", False), ("eth0", "2 ADD: status", False),
])  # fmt: skip
def test_a_row_is_about_cases_and_aspects(case: str, aspect: str, fits: bool) -> None:
    assert ROW.fits(Difference(case, aspect, 1, 0)) is fits


def test_a_difference_needs_a_row_and_a_row_a_difference() -> None:
    known = Difference("eth0", "2 DEL: status", 1, 0)
    assert agreed.problems([known], [ROW]) == []
    (new,) = agreed.problems([known, Difference("eth0", "1 ADD: leases", ["a"], [])], [ROW])
    assert new.startswith("eth0: 1 ADD: leases") and '["a"]' in new
    (old,) = agreed.problems([], [ROW])
    assert old.startswith("no longer occurs: host-device: life-*, eth0")


@pytest.mark.parametrize("peer", PEERS)
def test_every_row_is_complete_and_about_something(peer: str) -> None:
    rows = {row for where in ("node", "native") for row in agreed.rows(peer, where)}
    assert rows
    for row in rows:
        assert row.kind in agreed.KINDS and row.reason and row.source and {*row.where} <= {"node", "native"}
        for pattern in row.cases:
            cases = [Difference(case, "", 0, 0) for case in PEERS[peer]]
            one = Row(peer, (pattern,), ("",), "", "", "")
            assert any(one.fits(case) for case in cases), f"{row}: no case is called {pattern}"


def pool(ids: list[str], **more: Any) -> dict[str, Any]:
    """A pool as dp_run tells it."""
    return {"devices": ids, "health": dict.fromkeys(ids, "Healthy"), "topology": {i: [0] for i in ids},
            "first: environment": {"A": ids[0]}, **more}  # fmt: skip


def plugin(*ids: str, **more: Any) -> dict[str, Any]:
    """A device plugin's answers with one pool."""
    return {"ended": None, "resources": ["x/a"], "of": {"x/a": pool([*ids], **more)}, "device-info": {}}


ENDED = {"ended": 78, "says why": True}


@pytest.mark.parametrize(("theirs", "ours", "aspects"), [
    (plugin("1", "2"), plugin("1", "2"), []),
    (plugin("1", "2"), plugin("1"), ["pool: devices"]),  # what follows from it is not told
    (plugin("1"), {**plugin("1"), "resources": []}, ["resources"]),
    (plugin("1"), ENDED, ["ended or not"]),
    ({"ended": 0, "says why": False}, ENDED, ["ended", "says why"]),
    (plugin("1"), plugin("1", health={"1": "Unhealthy"}), ["pool: health"]),
    (plugin("1"), plugin("1", **{"first: environment": {"A": "2"}}), ["pool: first: environment"]),
    (plugin("1"), {**plugin("1"), "device-info": {"f": {"type": "pci", "pci": {"pci-address": "1"}}}},
     ["device-info: pci-address", "device-info: type"]),
])  # fmt: skip
def test_device_plugins(theirs: dict[str, Any], ours: dict[str, Any], aspects: list[str]) -> None:
    assert sorted(one.aspect for one in agreed.of_plugins("case", theirs, ours)) == aspects


def test_a_refusal_stands_for_what_is_missing() -> None:
    refusing = plugin("1")
    del refusing["of"]["x/a"]["first: environment"]
    refusing["of"]["x/a"]["first: refused"] = True
    (found,) = agreed.of_plugins("case", plugin("1"), refusing)
    assert (found.aspect, found.theirs, found.ours) == ("pool: first: refused", False, True)


def test_calls_are_compared_one_by_one() -> None:
    answer = {"call": "ADD", "status": 0, "code": 0, "leases": [], "result": {"ips": []}, "pod": {"up": True}, "vf": {}}
    other = {**answer, "status": 1, "pod": {"up": False}}
    found = agreed.of_calls("case", [answer, answer], [answer, other])
    assert [one.aspect for one in found] == ["2 ADD: status", "2 ADD: pod: up"]

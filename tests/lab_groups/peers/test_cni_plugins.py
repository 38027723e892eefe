# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin and upstream's in Go, with the same calls and the node's own VFs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import chain
import pytest

from sriovlab.guest import Lab
from support.peers import agreed, cni_table
from support.peers.node_paths import BINARIES, NODE

INDEX = 2


def vf(lab: Lab, pf: str) -> dict[str, Any]:
    """One VF of a PF, for cni_run."""
    found = chain.vfs(lab, pf)[INDEX]
    return {"name": found["net"], "address": found["address"], "pf": pf, "index": INDEX, "again": ""}


@pytest.fixture(scope="module")
def answers(lab: Lab, ask: Any) -> dict[str, Any]:
    """Of both sides, to all calls."""
    kernel, vfio = vf(lab, "enp1s0"), vf(lab, "enp2s0")
    ours = {"program": f"{BINARIES}/sriov", "config": {"type": "sriov", "deviceID": "{device}"}}
    host_device = {"type": "host-device", "pciBusID": "{device}"}
    theirs = {"host-device": {"program": f"{NODE}/host-device", "config": host_device},
              "sriov-cni": {"program": f"{NODE}/sriov", "config": ours["config"]}}  # fmt: skip
    plan = {
        "folder": "/run/peers-leases", "cni_path": BINARIES, "netns": "peers", "clean": ["/var/lib/cni/sriov"],
        "vfs": {"": kernel, "vf": kernel, "vfio": vfio},
        "sides": {"theirs": theirs, "ours": dict.fromkeys(theirs, ours)},
        "scenarios": [asdict(one) for one in cni_table.SCENARIOS],
    }  # fmt: skip
    found: dict[str, Any] = ask("cni", [], plan)
    return found


def test_nothing_is_left_of_the_calls(answers: dict[str, Any]) -> None:
    """Whoever left it: what ours leaves shows in its own answers too."""
    assert answers["left"] == {}


def test_ours_answers_as_the_table_says(answers: dict[str, Any]) -> None:
    assert cni_table.unexpected(answers["ours"]) == []


@pytest.mark.parametrize("peer", ["host-device", "sriov-cni"])
def test_what_differs_is_in_the_table(answers: dict[str, Any], peer: str) -> None:
    found = [one for case in answers["ours"] if cni_table.PEERS[case] == peer
             for one in agreed.of_calls(case, answers["theirs"][case], answers["ours"][case])]  # fmt: skip
    told = agreed.problems(found, agreed.rows(peer, "node"))
    assert not told, "\n".join(told)

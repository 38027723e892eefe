# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin and upstream's in Go, with the same calls, on a veth in the VF's place."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sriovlab import peers
from support.peers import agreed, cni_native, cni_table
from support.peers.required import require


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, Any]]:
    """Of both sides, to all calls that need no real VF."""
    require(peers.CNI_PLUGINS, peers.SRIOV_CNI)
    with tempfile.TemporaryDirectory(prefix="peers") as folder:
        yield cni_native.run(Path(folder))


def test_ours_answers_as_the_table_says(answers: dict[str, Any]) -> None:
    assert answers["left"] == {}
    assert cni_table.unexpected(answers["ours"]) == []


@pytest.mark.parametrize("peer", ["host-device", "sriov-cni"])
def test_what_differs_is_in_the_table(answers: dict[str, Any], peer: str) -> None:
    found = [one for case in answers["ours"] if cni_table.PEERS[case] == peer
             for one in agreed.of_calls(case, answers["theirs"][case], answers["ours"][case])]  # fmt: skip
    told = agreed.problems(found, agreed.rows(peer, "native"))
    assert not told, "\n".join(told)

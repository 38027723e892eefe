# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin and upstream's in Go, with the same configurations and the node's own VFs."""

from __future__ import annotations

from typing import Any

import pytest

from support.peers import agreed, dp_native, dp_table
from support.peers.node_paths import DEVICE_PLUGIN, NODE

OURS = ["/usr/bin/python3", "-I", f"{DEVICE_PLUGIN}/run.py", *dp_native.OURS]


@pytest.fixture(scope="module")
def answers(ask: Any) -> dict[str, dict[str, Any]]:
    """Of both sides, to all configurations."""
    sides = {"theirs": dp_native.go(f"{NODE}/sriovdp", ""), "ours": OURS}
    plan = {"folder": "/run/peers", "seconds": 120, "sides": sides, "cases": dp_table.plan()}
    found: dict[str, dict[str, Any]] = ask("dp", [NODE, DEVICE_PLUGIN, f"{DEVICE_PLUGIN}/site/ABI"], plan)
    return found


def test_ours_offers_what_the_table_says(answers: dict[str, dict[str, Any]]) -> None:
    assert dp_table.unexpected(answers["ours"]) == []


def test_what_differs_is_in_the_table(answers: dict[str, dict[str, Any]]) -> None:
    found = [one for case in answers["ours"]
             for one in agreed.of_plugins(case, answers["theirs"][case], answers["ours"][case])]  # fmt: skip
    told = agreed.problems(found, agreed.rows("device-plugin", "node"))
    assert not told, "\n".join(told)

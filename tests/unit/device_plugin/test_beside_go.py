# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin and upstream's in Go, with the same configurations on made-up hosts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sriovlab import peers
from support.peers import agreed, dp_cards, dp_native, dp_run, dp_table
from support.peers.required import require


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, dict[str, Any]]]:
    """Of both sides, to all configurations: those of the emulated node, and those of cards that it has not got."""
    require(peers.DEVICE_PLUGIN)
    found: dict[str, dict[str, Any]] = {"theirs": {}, "ours": {}}
    for make, cases in ((dp_native.node, dp_table.CASES), (dp_cards.host, dp_cards.CASES)):
        with tempfile.TemporaryDirectory(prefix="p", dir=dp_native.SHORT) as folder:
            plan = {"folder": f"{folder}/r", "seconds": 60, "at_once": 3, "cases": dp_table.plan(cases),
                    "sides": dp_native.sides(make(Path(folder, "h")))}  # fmt: skip
            for name, told in dp_run.run(plan).items():
                found[name].update(told)
    yield found


def test_ours_offers_what_the_table_says(answers: dict[str, dict[str, Any]]) -> None:
    assert dp_table.unexpected(answers["ours"]) == []
    assert dp_table.unexpected(answers["ours"], dp_cards.CASES, dp_cards.IDS) == []


def test_what_differs_is_in_the_table(answers: dict[str, dict[str, Any]]) -> None:
    found = [one for case in answers["ours"]
             for one in agreed.of_plugins(case, answers["theirs"][case], answers["ours"][case])]  # fmt: skip
    told = agreed.problems(found, agreed.rows("device-plugin", "native"))
    assert not told, "\n".join(told)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A short sample of each long loop; `make soak` runs them for long."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import chain
import pytest
import soak_applies
import soak_cni
import soak_reruns
import soak_restarts

from sriovlab.guest import Lab

SOAK = Path(__file__).resolve().parents[2] / "soak"
ROUNDS = 2
SEED = 1
LOOPS: list[Callable[[Lab, int, random.Random], None]] = [
    soak_cni.cycles,
    soak_restarts.restarts,
    soak_applies.applies,
    soak_reruns.reruns,
]


def test_no_loop_is_left_out() -> None:
    # They need no node: their samples are among the unit tests. Of the last one the chain has a sample, and a reboot.
    elsewhere = {"soak_cni_kills", "soak_cni_zoo", "soak_node_kills", "soak_nodes", "soak_pods"}
    assert {path.stem for path in SOAK.glob("soak_*.py")} == elsewhere | {loop.__module__ for loop in LOOPS}


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_sample(lab: Lab, loop: Callable[[Lab, int, random.Random], None]) -> None:
    boots = chain.boots(lab)
    # A round of restarts is six disturbances, and the chain has run site again and again before.
    once = loop in (soak_restarts.restarts, soak_reruns.reruns)
    loop(lab, 1 if once else ROUNDS, random.Random(SEED))
    assert chain.boots(lab) == boots

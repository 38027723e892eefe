# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The long loops: what they share. Each does one thing many times, by a seed, and its last line says what it did."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable

import standalone

from sriovlab.guest import Lab

Loop = Callable[[Lab, int, random.Random], None]


def main(what: str | None, loop: Loop, count: int) -> int:
    """Run a loop on the node with the chain's two policies, which is brought there first; `count` times by itself."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--count", type=int, default=count, help=f"repetitions ({count})")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    loop(standalone.configured(), options.count, random.Random(options.seed))
    return 0

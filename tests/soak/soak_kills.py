# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL at a random moment of a run, and a rerun, on the reacting fake host: no wrong end. Needs no node."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("kill_moments.py")


def kills(lab: object, count: int, rng: random.Random) -> None:
    """So many kills, in a program that prints its progress. Raises CalledProcessError where one ends wrong."""
    subprocess.run([sys.executable, str(PROGRAM), str(count), str(rng.randrange(2**31))], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="kills (1000)")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    kills(None, options.count, random.Random(options.seed))

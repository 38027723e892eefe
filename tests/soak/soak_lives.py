# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lives of nodes with NICs of the zoo, by chance: policies, pods, bonds, drift, faults, kills at any write, reboots at
any step. Nothing held is written to, goals are reached or it is said why not, all is given back. Needs no node.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from support import node_lives

COUNT = 10000
CHUNK = 250  # lives between two signs of life
MEMORY = Path("/dev/shm")  # where fsync costs nothing


def one(seed: int) -> str:
    """What was wrong with one life, in words."""
    with tempfile.TemporaryDirectory(prefix="life-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        try:
            node_lives.live(Path(folder), seed)
        except AssertionError as error:
            return str(error)
    return ""


def main() -> int:
    """Print each life that was not as it should be, with its seed, and go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"lives ({COUNT})")
    parser.add_argument("--seed", type=int, default=1, help="of the first of them (1)")
    options = parser.parse_args()
    started, wrong, held = time.monotonic(), 0, 0
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        lives = workers.map(one, range(options.seed, options.seed + options.count), chunksize=10)
        for number, words in enumerate(lives, 1):
            if words:
                print(words, flush=True)
            wrong, held = wrong + bool(words), held + (node_lives.HELD in words)
            if not number % CHUNK:
                print(f"{number}/{options.count}, {time.monotonic() - started:.0f} s", flush=True)
    print(f"{options.count} lives of a node, from seed {options.seed}: {held} writes to held objects, "
          f"{wrong} not as they should be")  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

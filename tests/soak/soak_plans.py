# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lives of nodes by chance, on the fake host: what the plan of all parts foretells is what its parts do."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from support.whole_node import compare


def main() -> int:
    """Live as many lives, each with a seed of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="lives (500)")
    parser.add_argument("--seed", type=int, default=1, help="of the first of them (1)")
    options = parser.parse_args()
    memory, wrong = "/dev/shm", 0
    for seed in range(options.seed, options.seed + options.count):
        with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as folder:
            for words in compare(Path(folder), seed):
                print(f"seed {seed}: {words}", flush=True)
                wrong += 1
    print(f"{options.count} lives of a node: {wrong} times a plan was not what was done")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

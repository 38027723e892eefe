# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn sequences of ADD, DEL, GC, sweeps, pods that misbehave, refusals and kills over the zoo of PF drivers; after
each the VF is as it was, or withheld. Needs root and no node.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from support import cni_zoo

COUNT = 10000
CHUNK = 500  # sequences between two signs of life


def main() -> int:
    """Raises AssertionError for the sequence in which a VF is lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"sequences ({COUNT})")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    started, done = time.monotonic(), dict.fromkeys(cni_zoo.ZOO, 0)
    for at in range(0, options.count, CHUNK):
        with tempfile.TemporaryDirectory(prefix="cni-zoo-") as folder:
            part = cni_zoo.sequences(Path(folder), min(CHUNK, options.count - at), options.seed + at)
        done = {name: done[name] + number for name, number in part.items()}
        print(f"{sum(done.values())}/{options.count}, {time.monotonic() - started:.0f} s", flush=True)
    drivers = ", ".join(f"{number} with {name}" for name, number in done.items())
    print(f"{sum(done.values())} sequences ({drivers}): 0 VFs lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn changes of VFs while a pod asks for one at any host call: whoever got it keeps it untouched. Needs no node."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from support import pods_meanwhile

COUNT = 10000
CHUNK = 250  # changes between two signs of life


def main() -> int:
    """Raises AssertionError for the change in which a VF is touched that a pod holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"changes ({COUNT})")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    started, done = time.monotonic(), {"given": 0, "refused": 0, "killed": 0}
    for at in range(0, options.count, CHUNK):
        with tempfile.TemporaryDirectory(prefix="pods-") as folder:
            part = pods_meanwhile.changes(Path(folder), min(CHUNK, options.count - at), options.seed + at)
        done = {name: done[name] + number for name, number in part.items()}
        print(f"{sum(done.values())}/{options.count}, {time.monotonic() - started:.0f} s", flush=True)
    words = ", ".join(f"{number} {name}" for name, number in done.items())
    print(f"{sum(done.values())} changes ({words}): 0 writes to VFs that a pod holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())

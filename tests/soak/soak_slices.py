# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses shared out among 200 nodes that come and go, by histories that a slow model judges. It needs no node."""

from __future__ import annotations

import argparse
import sys
import time

from support.slice_histories import play


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="histories (300)")
    parser.add_argument("--seed", type=int, default=1, help="of the first one (1)")
    options = parser.parse_args()
    started = time.monotonic()
    for number in range(options.count):
        play(options.seed + number, nodes=200, turns=60)
    seconds = time.monotonic() - started
    print(f"{options.count} histories of 60 runs: no address twice, no slice moved, in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

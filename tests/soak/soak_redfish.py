# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn wishes for a BIOS, with faults and kills of the controller in between; after each the rerun converges, and
what was before comes back. Needs neither root nor a node.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from support.bmc.chance import one
from support.bmc.server import Farm

COUNT = 2000


def main() -> int:
    """Raises AssertionError for the wish that is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"repetitions ({COUNT})")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    with Farm() as farm:
        for number in range(options.count):
            seed = options.seed * 1_000_000 + number
            with tempfile.TemporaryDirectory(prefix="redfish-") as folder:
                try:
                    one(farm, Path(folder), random.Random(seed))
                except BaseException:
                    print(f"seed {seed}", flush=True)
                    raise
    print(f"redfish: {options.count} wishes, each met and given back")
    return 0


if __name__ == "__main__":
    sys.exit(main())

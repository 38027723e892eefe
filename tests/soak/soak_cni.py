# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI ADD and DEL with drawn settings on all VFs of the node, two at a time; one cycle in ten is killed at a drawn
moment. Each VF comes back as it was, and nothing is left.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

from loop import main

from sriovlab.guest import Lab

CYCLES = "/run/soak-cni-cycles.py"
CHUNK = 500  # cycles between two signs of life
COUNT = 10000


def cycles(lab: Lab, count: int, rng: random.Random) -> None:
    """Run all cycles in programs on the node. Raises LabError where one fails."""
    lab.put((Path(__file__).parent / "cni_cycles.py").read_bytes(), CYCLES)
    done: dict[str, int] = {}
    started = time.monotonic()
    for at in range(0, count, CHUNK):
        size = min(CHUNK, count - at)
        argv = ["python3", "-I", CYCLES, str(size), str(rng.randrange(2**31))]
        part = json.loads(lab.run(argv, timeout=120.0 + 5.0 * size).stdout.splitlines()[-1])
        done = {key: done.get(key, 0) + number for key, number in part.items()}
        print(f"{at + size}/{count}: {done['kills']} killed, {time.monotonic() - started:.0f} s", flush=True)
    print(f"{done['kernel']} cycles of kernel VFs and {done['vfio']} of vfio VFs, {done['kills']} of them killed: "
          "0 VFs lost, nothing leaked", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(__doc__, cycles, COUNT))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI ADD, CHECK and DEL of kernel VFs with drawn settings, again and again: each VF comes back as it was."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from loop import main

from sriovlab.guest import Lab

CYCLES = "/run/soak-cni-cycles.py"
PF = "enp1s0"


def cycles(lab: Lab, count: int, rng: random.Random) -> None:
    """Run all cycles in one program on the node, which prints a line for each. Raises LabError where one fails."""
    lab.put((Path(__file__).parent / "cni_cycles.py").read_bytes(), CYCLES)
    argv = ["python3", "-I", CYCLES, PF, str(count), str(rng.randrange(2**31))]
    print(lab.run(argv, timeout=60.0 + 10.0 * count).stdout, end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(__doc__, cycles))

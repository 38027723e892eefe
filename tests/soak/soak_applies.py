# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of the node's VFs that are killed at drawn moments: the next run must bring the node to its goal."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import chain
from loop import main
from standalone import WANTED

from sriovlab.guest import Lab

PROGRAM = "/run/soak-apply-kills.py"


def applies(lab: Lab, count: int, rng: random.Random) -> None:
    """Run all rounds in one program on the node, which prints a line for each. Raises LabError where one fails."""
    lab.put((Path(__file__).parent / "apply_kills.py").read_bytes(), PROGRAM)
    argv = ["python3", "-I", PROGRAM, str(count), str(rng.randrange(2**31))]
    told = lab.run(argv, timeout=120.0 + 60.0 * count).stdout
    chain.wait_offered(lab, WANTED)
    changes = len(told.splitlines())
    print(f"{told}{changes} changes, {count} of them killed: each brought to its end, nothing left", flush=True)


if __name__ == "__main__":
    sys.exit(main(__doc__, applies, 50))

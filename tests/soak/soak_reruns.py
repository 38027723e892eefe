# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site on a configured node, again and again: nothing may change."""

from __future__ import annotations

import random
import sys
import time

from loop import main
from standalone import site

from sriovlab.guest import Lab


def reruns(lab: Lab, count: int, rng: random.Random) -> None:
    """Run site. Raises RuntimeError for a run that fails or changes something."""
    boot = lab.boot_id()
    for number in range(1, count + 1):
        started = time.monotonic()
        run = site()
        changed = {host: counts["changed"] for host, counts in run.recap.items() if counts["changed"]}
        if changed or not run.recap:
            raise RuntimeError(f"run {number} changed {changed}:\n{run.output}")
        print(f"{number}/{count}: nothing changed, in {time.monotonic() - started:.1f} s", flush=True)
    if lab.boot_id() != boot:
        raise RuntimeError("the node was rebooted meanwhile")


if __name__ == "__main__":
    sys.exit(main(__doc__, reruns, 100))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn sequences of what drifts, pods, and passes that are killed, on a fake host: what is lost is made again, and
nothing that a pod has is written to. Needs no node.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time

from support import drift_runs

COUNT = 5000
CHUNK = 250  # sequences between two signs of life


def main() -> int:
    """Raises AssertionError, after the seed of the sequence that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"sequences ({COUNT})")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    started = time.monotonic()
    for number in range(options.count):
        changes, mode = drift_runs.drawn(options.seed + number)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                drift_runs.sequence(changes, mode)
        except BaseException:
            print(f"seed {options.seed + number}: {mode}, {[change.__name__ for change in changes]}", flush=True)
            raise
        if not (number + 1) % CHUNK:
            print(f"{number + 1}/{options.count}, {time.monotonic() - started:.0f} s", flush=True)
    print(f"{options.count} sequences: 0 writes to what pods have, 0 VFs lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())

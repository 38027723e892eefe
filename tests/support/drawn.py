# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many examples a test draws: few in each run, many in the long loop `unit` (tests/soak/soak_unit.py)."""

from __future__ import annotations

import os

TIMES = "BAREMETAL_SRIOV_EXAMPLES"  # environment variable: how many times as many


def examples(number: int) -> int:
    """For max_examples: this number, or as many times as many as the environment says."""
    return number * int(os.environ.get(TIMES, "1"))

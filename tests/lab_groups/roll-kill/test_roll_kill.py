# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller is killed at random moments of a roll, and a run after it finishes what was begun."""

from __future__ import annotations

import os
import random
import signal
import time

import chain
import pytest
import rolling

from sriovlab.guest import Lab

SEED, LONGEST = 20, 150.0  # seconds of a roll on the emulated nodes


@pytest.mark.parametrize("number", range(3))
def test_the_rerun_finishes(nodes: list[Lab], number: int) -> None:
    first, count = nodes[0], 5 + number % 2
    with rolling.deployment(first), rolling.minimum_kept(first):
        run = rolling.begun(rolling.wanted(count, **rolling.DRAINS))
        time.sleep(random.Random(SEED + number).uniform(5.0, LONGEST) * first.time_scale)
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        done = chain.playbook("site", rolling.wanted(count, **rolling.DRAINS))
        assert done.status == 0, done.output
        assert rolling.counts(nodes) == [count, count] and rolling.cordoned(first) == []

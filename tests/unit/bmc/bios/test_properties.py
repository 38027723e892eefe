# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small sample of what `make soak ARGS="--only redfish"` tries at length."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from support.bmc.chance import one
from support.bmc.server import Farm


@pytest.mark.parametrize("seed", range(25))
def test_the_rerun_converges(farm: Farm, tmp_path: Path, seed: int) -> None:
    one(farm, tmp_path, random.Random(seed))

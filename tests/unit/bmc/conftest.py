# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: BMCs on the loopback, and the way to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bmc.runs import Bench
from support.bmc.server import Farm


@pytest.fixture(scope="session")
def farm() -> Iterator[Farm]:
    """Plain HTTP."""
    with Farm() as running:
        yield running


@pytest.fixture
def bench(farm: Farm, tmp_path: Path) -> Bench:
    """What a test does with them."""
    return Bench(farm, tmp_path)

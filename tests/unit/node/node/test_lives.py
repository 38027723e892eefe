# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some lives of nodes by chance; tests/soak/soak_lives.py has the many."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import node_lives


@pytest.mark.parametrize("seed", range(1, 9))
def test_nothing_held_is_written_to_and_all_is_given_back(tmp_path: Path, seed: int) -> None:
    assert node_lives.live(tmp_path, seed)

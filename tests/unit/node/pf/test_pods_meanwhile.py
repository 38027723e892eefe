# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some drawn changes while pods come and runs are killed; tests/soak/soak_meanwhile.py has the many."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import pods_meanwhile


@pytest.mark.parametrize("seed", [pytest.param(2, id="finding-node-01-drawn")])
def test_a_vf_that_a_pod_got_is_not_touched(tmp_path: Path, seed: int) -> None:
    found = pods_meanwhile.changes(tmp_path, 15, seed)
    assert all(found.values()), found

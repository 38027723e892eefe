# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes that serve."""

from __future__ import annotations

import pytest
import rolling

from sriovlab.guest import Lab


@pytest.fixture(scope="session")
def nodes() -> list[Lab]:
    """Both running, node1 first, which carries the control plane."""
    return rolling.start()

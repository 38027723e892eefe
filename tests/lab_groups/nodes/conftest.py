# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes of one cluster."""

from __future__ import annotations

import pytest
import standalone

from sriovlab.guest import Lab


@pytest.fixture(scope="session")
def nodes() -> list[Lab]:
    """Two running nodes from the pristine disk, node1 first."""
    standalone.start(pristine=True, nodes=2)
    return Lab.nodes()

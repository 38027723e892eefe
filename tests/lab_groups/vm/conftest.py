# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configured node."""

from __future__ import annotations

import pytest

from sriovlab.guest import Lab


@pytest.fixture(scope="module")
def lab(configured: Lab) -> Lab:
    """The running node with the chain's two policies."""
    return configured

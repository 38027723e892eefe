# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the chain's tests."""

from __future__ import annotations

import pytest
from changing import untouched

from sriovlab.guest import Lab

__all__ = ["lab", "untouched"]


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The running node."""
    return Lab.from_state()

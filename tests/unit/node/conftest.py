# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the node library's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fake_host import FakeHost
from support.node_runs import make_host


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """Two PFs without VFs, the IOMMU on. Files with hosts of another kind have a fixture of their own."""
    return make_host(tmp_path)

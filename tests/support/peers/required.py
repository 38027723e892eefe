# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the comparison with Go programs needs of this machine."""

from __future__ import annotations

import os

import pytest

from sriovlab import peers
from support.needs import missing


def require(*groups: peers.Group) -> None:
    """End the test where programs are neither there nor can be built, or where a run is to do without them."""
    if os.environ.get("BAREMETAL_SRIOV_WITHOUT_PEERS"):
        pytest.skip("--without-peers")
    if os.geteuid():
        missing("root: the programs run in namespaces")
    for problem in filter(None, map(peers.problem, groups)):
        missing(problem)

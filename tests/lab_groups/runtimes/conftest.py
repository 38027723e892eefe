# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configured node, and a network whose plugin notes what it is called with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from callers import INDEX, NOTER, PF, PROGRAM, SEEN, Network
from plugin import Attached

from sriovlab.guest import Lab


@pytest.fixture(scope="module")
def lab(configured: Lab) -> Lab:
    """The running node with the chain's two policies."""
    return configured


@pytest.fixture
def network(lab: Lab) -> Iterator[Network]:
    """The network of one kernel VF; all is as before at the end."""
    vf = Attached(lab, PF, INDEX)
    lab.put(NOTER.encode(), PROGRAM, 0o755)
    lab.put(b"", SEEN)
    found = Network(lab, vf, vf.view())
    yield found
    lab.run(["rm", "-f", PROGRAM])
    lab.wait_for("the VF as it was", found.is_as_before, 60.0)

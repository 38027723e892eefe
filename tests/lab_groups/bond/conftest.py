# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node whose two PFs are the ports of a bond, by its own network configuration: each boot makes it again."""

from __future__ import annotations

import pytest
from bonding import FILES, wait_bonded

from sriovlab.guest import Lab


@pytest.fixture(scope="module")
def bonded(lab: Lab) -> Lab:
    """The pristine node, with the bond."""
    for name, text in FILES.items():
        lab.put(text.encode(), f"/etc/systemd/network/{name}")
    lab.run(["networkctl", "reload"])
    wait_bonded(lab)
    return lab

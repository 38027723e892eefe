# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finding about the node library has a test whose id names it."""

from __future__ import annotations

import re

from devtool.collection import ROOT

FINDINGS = 37
# What others mend: the meaning of selectors.
ELSEWHERE = {21, 22}


def test_every_finding_has_a_test() -> None:
    texts = "".join(path.read_text() for path in (ROOT / "tests" / "unit").rglob("test_*.py"))
    found = {int(number) for number in re.findall(r"finding-node-([0-9]{2})", texts)}
    assert {*range(1, FINDINGS + 1)} - ELSEWHERE - found == set()

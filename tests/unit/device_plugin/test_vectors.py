# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every numbered behaviour of the Go plugin, and every finding, has a test whose id names it."""

from __future__ import annotations

from pathlib import Path

from support.vector_ids import without_test


def test_every_vector_has_a_test() -> None:
    here = Path(__file__).resolve().parent
    assert without_test(here, "dp-vector", 95, here.parent / "shared") == []


FINDINGS = 21


def test_every_finding_has_a_test() -> None:
    here = Path(__file__).resolve().parent
    assert without_test(here, "finding-dp", FINDINGS, here.parent / "shared") == []

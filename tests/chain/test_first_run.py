# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen only right after the first site: one reboot, and what plan said."""

from __future__ import annotations

from typing import Any

import chain

from sriovlab.guest import Lab


def _summary(steps: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(step["stage"], step["kind"], step["target"], str(step["after"])) for step in steps]


def test_exactly_one_reboot(lab: Lab) -> None:
    before = chain.noted("boots")
    assert lab.boot_id() != before["boot_id"]
    assert chain.boots(lab) == before["count"] + 1


def test_what_plan_said_is_what_happened() -> None:
    said = chain.noted("plan")["nodes"]["node1"]["plan"]["steps"]
    done = chain.noted("applied")["plan"]["steps"]
    assert _summary(done) == _summary(said)

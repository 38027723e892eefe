# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen only right after the first site: one reboot, and what plan said."""

from __future__ import annotations

from typing import Any

import chain
import pytest

from sriovlab.guest import Lab


def _summary(steps: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(step["stage"], step["kind"], step["target"], str(step["after"])) for step in steps]


def test_exactly_one_reboot(lab: Lab) -> None:
    before = chain.noted("boots")
    assert lab.boot_id() != before["boot_id"]
    assert chain.boots(lab) == before["count"] + 1


def _said(*, bundle: str | None = None) -> list[dict[str, Any]]:
    """The steps that plan foretold: the node's own, or those of one bundle."""
    steps = chain.noted("plan")["nodes"]["node1"]["plan"]["steps"]
    return [step for step in steps if step.get("bundle") == bundle and step["part"] != "cluster"]


def test_what_plan_said_is_what_happened() -> None:
    assert _summary(chain.noted("applied")["plan"]["steps"]) == _summary(_said())


@pytest.mark.parametrize("bundle", ["node", "device-plugin", "cni"])
def test_what_plan_said_was_shipped(bundle: str) -> None:
    done = chain.noted("shipped")[bundle]["steps"]
    assert _summary(done) == _summary(_said(bundle=bundle))


def test_what_plan_said_came_to_the_cluster() -> None:
    told = chain.noted("plan")
    (cluster,) = told["clusters"].values()
    assert _summary(chain.noted("shipped")["networks"]) == _summary(cluster["plan"]["steps"])
    labels = [step for step in told["nodes"]["node1"]["plan"]["steps"] if step["part"] == "cluster"]
    found = [(step["action"], step["target"]) for step in labels]
    assert found == [("add", "node node1 label baremetal.sriov/configured")]

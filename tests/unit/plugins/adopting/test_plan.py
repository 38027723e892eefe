# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against taking a node over, and the order of the steps that is shown."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.adopting import plan
from ansible_collections.baremetal.sriov.plugins.plugin_utils.adopting.origins import origins

VF = "0000:01:10.2"
HELD = {"intel.com/fast": {VF: "pod ns/app, container app"}}
ALL = ["deployment/op/operator", "daemonset/kube-system/dp", "unit/sriovdp.service"]


def server(unit: str = "", pod: str = "", ours: bool = False) -> dict[str, Any]:
    return {"resource": "intel.com/fast", "socket": "/s", "ours": ours, "words": "process 7 (sriovdp)", "unit": unit,
            "pod": pod}  # fmt: skip


def owner(pod: str) -> str:
    return ALL[1] if pod == "ns/dp-x" else ""


def node(servers: list[dict[str, Any]], held: Any = None, names: Any = None, **more: Any) -> plan.Node:
    given: dict[str, Any] = {"resources": {"intel.com/fast": 4}, "managed": [VF], **more}
    look = {"servers": servers, "held": HELD if held is None else held}
    return plan.Node("n1", look, wanted=origins(ALL if names is None else names), owner=owner, **given)


FREE: dict[str, Any] = {
    "a unit": node([server(unit="sriovdp.service")]), "a pod": node([server(pod="ns/dp-x")]),
    "ours": node([server(ours=True)]), "not of the policies": node([], managed=[], resources={}),
    "theirs to keep": node([server(unit="x.service")], names=[], plugin=False),
}  # fmt: skip
REFUSED: dict[str, tuple[plan.Node, str]] = {
    "another name": (node([], resources={"other/fast": 4}), "a policy that offers that name, found other/fast"),
    "fewer": (node([], {"intel.com/fast": {VF: "pod a", "0000:01:10.4": "pod b"}}, resources={"intel.com/fast": 1}),
              "pods hold 2 devices of intel.com/fast; expected policies that offer as many, found 1"),
    "a unit that is not named": (node([server(unit="x.service")]), "expected unit/x.service in sriov_adopt_from"),
    "a pod that is not named": (node([server(pod="ns/dp-x")], names=[]), "expected daemonset/kube-system/dp in"),
    "of nobody": (node([server(pod="ns/bare")]), "End it by hand"),
}  # fmt: skip


@pytest.mark.parametrize("name", FREE)
def test_nothing_is_in_the_way(name: str) -> None:
    assert plan.problems(FREE[name]) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_in_the_way_is_named(name: str) -> None:
    one, words = REFUSED[name]
    (found,) = plan.problems(one)
    assert words in found


def test_the_order_is_shown() -> None:
    one = node([server(unit="sriovdp.service")])
    assert plan.lines(one, back=False) == [
        "n1: taken over, with 1 device in pods, which keep them; in this order:",
        "  1. VFs, drivers and files as the plan of the node says; what pods hold stays as it is",
        "  2. the CNI plugin takes the place of the one that is there, which is kept",
        "  3. the device plugin is installed, starts, and waits",
        "  4. deployment/op/operator gets no replicas",
        "  5. daemonset/kube-system/dp is kept from the node by a label",
        "  6. sriovdp.service is switched off",
        "  7. the device plugin serves intel.com/fast as soon as no other does",
    ]
    back = plan.lines(one, back=True)
    assert [line.partition(". ")[2] for line in back[1:4]] == [
        "the device plugin is held still, its devices as they are", "daemonset/kube-system/dp comes to the node again",
        "sriovdp.service is switched on",
    ]  # fmt: skip

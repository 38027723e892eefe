# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop of pods that survive tells our faults from the kubelet's window; `make soak` runs it."""

from __future__ import annotations

import json

import admissions
import pytest

RESOURCE = "baremetal.sriov/kernel"
REGISTRY = "/var/lib/kubelet/plugins_registry/baremetal.sriov_kernel.sock"
LEGACY = "/var/lib/kubelet/device-plugins/baremetal.sriov_kernel.sock"


def told(socket: str, listens: float, registered: float | None, kubelet: float = 100.0) -> str:
    lines = [[50.0, f"{RESOURCE}: registered with the kubelet"], [listens, f"INFO {RESOURCE}: listening on {socket}"],
             [listens, "INFO baremetal.sriov/kernel2: listening on /x"]]  # fmt: skip
    if registered is not None:
        lines.append([registered, f"INFO {RESOURCE}: registered with the kubelet"])
    return json.dumps({"kubelet": kubelet, "lines": lines})


@pytest.mark.parametrize(
    ("answer", "ours"),
    [
        pytest.param(told(REGISTRY, 60.0, 100.9), "", id="the-kubelet-looks-once-a-second"),
        pytest.param(told(REGISTRY, 60.0, 108.0), "", id="a-slow-kubelet"),
        pytest.param(told(REGISTRY, 100.5, 101.0), "our socket came 0.50 s after", id="we-came-later"),
        pytest.param(told(LEGACY, 100.1, 100.2), "", id="called-at-once"),
        pytest.param(told(LEGACY, 100.1, 103.2), "we registered 3.20 s after", id="called-late"),
        pytest.param(told(REGISTRY, 60.0, None), "never registered", id="never"),
    ],
)
def test_whose_fault_it_is(answer: str, ours: str) -> None:
    found = admissions.fault(admissions.times(answer, RESOURCE))
    assert ours in found and bool(found) == bool(ours)


def test_the_window_is_from_socket_to_registration() -> None:
    assert admissions.times(told(LEGACY, 100.1, 100.25), RESOURCE).window == 0.25
    assert admissions.summary([0.1, 0.9, 0.2]) == "windows of 0.10 / 0.20 / 0.90 s"
    assert admissions.summary([]) == "no window"

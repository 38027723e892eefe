# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake host beside the emulated node: one scenario, the same calls, the same answers. The anchor of the zoo."""

from __future__ import annotations

import json
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from sriovlab.guest import Lab
from support import recorded_calls
from support.fake_host import FakeHost, HostWithUdev
from support.node_runs import DPDK, KERNEL, PLUGIN, make_host, present

PROGRAM = "/tmp/recorded_calls.py"
# What else runs on a node, and is nothing of a PF: the service's own state, and the kernel's log.
BESIDE = ("systemctl is-active", "systemctl reload-or-restart", "dmesg")


@pytest.fixture(scope="module")
def lab(configured: Lab) -> Lab:
    """The running node with the chain's two policies."""
    return configured


def of_a_pf(calls: list[Any]) -> list[list[Any]]:
    """Calls and answers as JSON has them."""
    plain: list[list[Any]] = json.loads(json.dumps(calls))
    return [call for call in plain if not call[0].startswith(BESIDE)]


def first_difference(there: list[list[Any]], here: list[list[Any]]) -> str:
    """The first call that differs, with the two before it; "" where none does."""
    for number, (real, fake) in enumerate(zip_longest(there, here)):
        if real != fake:
            before = "; ".join(call[0] for call in here[max(0, number - 2) : number])
            return f"call {number}, after {before}:\n  node: {real}\n  fake: {fake}"
    return ""


def test_igb_on_the_fake_host_and_on_the_node(lab: Lab, tmp_path: Path) -> None:
    """Every run of the scenario, call by call: also where udev of the fake host gives names as late as it can."""
    lab.put(Path(recorded_calls.__file__).read_bytes(), PROGRAM)
    there = dict(json.loads(lab.run(["python3", "-I", PROGRAM], timeout=600.0).stdout))
    for kind in (FakeHost, HostWithUdev):
        host = make_host(tmp_path / kind.__name__, kind=kind)
        present(host, [KERNEL, DPDK])
        host.active.add(PLUGIN)
        here = dict(recorded_calls.recorded(host))
        assert list(here) == list(there)
        differ = {name: first_difference(of_a_pf(there[name]), of_a_pf(calls)) for name, calls in here.items()}
        assert not any(differ.values()), "\n".join(f"{name}: {text}" for name, text in differ.items() if text)

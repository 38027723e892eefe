# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario that the fake host and the emulated node are compared by, on the fake host alone."""

from __future__ import annotations

from support import recorded_calls
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF2, present


def test_the_scenario_comes_to_its_end_and_notes_what_it_did(host: FakeHost) -> None:
    """Each run has calls, refusals are its end, and nothing is left."""
    present(host, [KERNEL, DPDK])
    found = dict(recorded_calls.recorded(host))
    assert list(found) == [name for name, _goal in recorded_calls.SCENARIO]
    assert (f"/sys/bus/pci/devices/{PF2}/sriov_numvfs=3", 0) in found["three of the kernel's driver"]
    assert any(call.endswith("vf 0 vlan 100 qos 3") and answer == [0, None] for call, answer in found["settings"])
    assert found["too many"][-1] == ("the run ends", "RefusedError")
    ends = [name for name, calls in found.items() if calls and calls[-1][0] == "the run ends"]
    assert ends == ["too many"] and host.numvfs(PF2) == 0


def test_of_what_is_tried_again_the_last_answer_counts() -> None:
    calls = [("a", 16), ("a", 0), ("b", 0), ("a", 0)]
    assert recorded_calls.settled(calls) == [("a", 0), ("b", 0), ("a", 0)]

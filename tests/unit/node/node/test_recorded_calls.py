# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario that the fake host and the emulated node are compared by, on the fake host alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError
from support import recorded_calls
from support.fake_host import FakeHost, HostWithUdev
from support.node_runs import DPDK, KERNEL, PF2, make_host, present

LOOKS: list[tuple[str, Any]] = [("ip -j -d link show", [0, []]), ("ip -j addr show", [0, None])]
MTU = "ip link set dev enp2s0 VF 2 mtu 2000"


def recorded(host: FakeHost) -> dict[str, list[tuple[str, Any]]]:
    """The scenario after the first run of two policies."""
    present(host, [KERNEL, DPDK])
    return dict(recorded_calls.recorded(host))


def test_the_scenario_comes_to_its_end_and_notes_what_it_did(host: FakeHost) -> None:
    """Each run has calls, refusals are its end, and nothing is left."""
    found = recorded(host)
    assert list(found) == [name for name, _goal in recorded_calls.SCENARIO]
    assert (f"/sys/bus/pci/devices/{PF2}/sriov_numvfs=3", 0) in found["three of the kernel's driver"]
    assert any(call.endswith("vf 0 vlan 100 qos 3") and answer == [0, None] for call, answer in found["settings"])
    assert (MTU, [0, None]) in found["an MTU"]
    assert found["too many"][-1] == ("the run ends", "RefusedError")
    ends = [name for name, calls in found.items() if calls and calls[-1][0] == "the run ends"]
    assert ends == ["too many"] and host.numvfs(PF2) == 0


def test_names_of_the_moment_and_what_is_tried_again_make_no_difference(tmp_path: Path, host: FakeHost) -> None:
    """udev renames each new interface once its old name is in somebody's hands; a VF and a link are not ready."""
    late = make_host(tmp_path / "late", kind=HostWithUdev)
    late.faults = {"enp2s0v2 mtu 2000": 11, "max_tx_rate 50": 22}
    assert recorded(late) == recorded(host)
    assert isinstance(late, HostWithUdev) and late.renames and not late.faults


@pytest.mark.parametrize(("calls", "left"), [
    ([("a", 16), ("a", 0), ("b", 0), ("a", 0)], [("a", 0), ("b", 0), ("a", 0)]),
    ([*LOOKS, (MTU, [2, None]), *LOOKS, (MTU, [0, None])], [*LOOKS, (MTU, [0, None])]),
    ([*LOOKS, (MTU, [0, None]), *LOOKS, (MTU, [0, None])], [*LOOKS, (MTU, [0, None]), *LOOKS, (MTU, [0, None])]),
    ([LOOKS[0], ("ip -j -d link show", [0, ["later"]])], [("ip -j -d link show", [0, ["later"]])]),
])  # fmt: skip
def test_of_what_is_tried_again_the_last_answer_counts(calls: list[Any], left: list[Any]) -> None:
    assert recorded_calls.settled(calls) == left


def test_a_command_that_fails_is_run_once(host: FakeHost) -> None:
    calls: list[tuple[str, Any]] = []
    watched = recorded_calls._Watched(host, calls, HostError)
    host.faults = {"mtu 2000": 11}
    with pytest.raises(HostError):
        watched.run(["ip", "link", "set", "dev", "enp2s0", "mtu", "2000"])
    assert calls == [("ip link set dev enp2s0 mtu 2000", [2, None])]
    assert len(host.log) == 1

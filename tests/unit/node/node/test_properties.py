# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties that hold for any policies: a run reaches them, a second finds nothing, a kill anywhere is made good."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.baremetal.sriov.plugins.module_utils.model.goal import Goal
from ansible_collections.baremetal.sriov.plugins.module_utils.model.state import NodeState
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import RUNTIME
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import run
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.narrow import vfs_goal
from support.drawn import examples
from support.fake_base import Killed, killed_at_every_write
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, present, snapshot
from support.temporary_hosts import TemporaryHost, with_device_plugin

KINDS = ["netdevice", "vfio-pci", "uio_pci_generic"]
MACS = st.integers(0, 255).map(lambda n: f"02:00:00:00:aa:{n:02x}")


@st.composite
def policies(draw: st.DrawFn, modes: bool = False) -> list[dict[str, Any]]:
    """Zero to four policies: one on each PF, or two that share one; an eswitch mode for some."""
    found = []
    for name in draw(st.sets(st.sampled_from(["enp1s0", "enp2s0"]))):
        count = draw(st.integers(1, 7))
        kind = draw(st.sampled_from(KINDS))
        split = draw(st.integers(0, count - 1))
        policy: dict[str, Any] = {
            "name": name,
            "resource_name": name,
            "num_vfs": count,
            "device_type": kind,
            "nic_selector": {"pf_names": [name if not split else f"{name}#0-{split - 1}"]},
        }
        if modes:
            policy["eswitch_mode"] = draw(st.sampled_from([None, "legacy", "switchdev"]))
        if kind == "netdevice" and draw(st.booleans()):
            policy["mtu"] = draw(st.sampled_from([1500, 2000, 9000]))
        policy["vfs"] = [
            {
                "indices": index,
                "mac": draw(MACS),
                "vlan": draw(st.integers(0, 4094)),
                "trust": draw(st.booleans()),
                "max_tx_rate": draw(st.integers(0, 100)),
            }
            for index in draw(st.sets(st.integers(0, (split or count) - 1), max_size=2))
        ]
        found.append(policy)
        if split:
            other = draw(st.sampled_from(KINDS))
            found.append(
                {
                    **policy,
                    "name": f"{name}b",
                    "resource_name": f"{name}b",
                    "device_type": other,
                    "vfs": [],
                    "mtu": None,
                    "nic_selector": {"pf_names": [f"{name}#{split}-{count - 1}"]},
                }
            )
    return found


WORD: dict[str, Any] = {"policies_may_be_empty": True}  # a round may have none
FEW = settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])


DRIVERS_AND_ROUNDS = st.one_of(
    st.tuples(st.just("igb"), st.lists(policies(), min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["ice", "mlx5_core"]), st.lists(policies(modes=True), min_size=1, max_size=3)),
)


@FEW
@given(DRIVERS_AND_ROUNDS)
def test_any_policies_after_any_others(case: tuple[str, list[list[dict[str, Any]]]]) -> None:
    """Reached, empty afterwards, the check's plan is the run's, no count over a count, and all given back."""
    driver, rounds = case
    with TemporaryHost(driver) as host:
        before = snapshot(host)
        for wanted in rounds:
            checked = present(host, wanted, check=True, **WORD)
            done = present(host, wanted, **WORD)
            assert checked.plan == done.plan
            assert not present(host, wanted, **WORD).plan.steps
            for step in done.plan.steps:
                if step.kind == "num_vfs":
                    assert 0 in (step.before["num_vfs"], step.after["num_vfs"])
            for policy in wanted:
                pf = PF1 if "enp1s0" in policy["name"] else PF2
                assert policy.get("eswitch_mode") in (None, host.pfs[pf].eswitch)
            assert host.numvfs(PF1) == max([p["num_vfs"] for p in wanted if "enp1s0" in p["name"]], default=0)
        absent(host)
        after = snapshot(host)
        assert after == before


@FEW
@given(DRIVERS_AND_ROUNDS, st.integers(1, 60))
def test_any_policies_killed_at_any_write(case: tuple[str, list[list[dict[str, Any]]]], at: int) -> None:
    """The run after it reaches them, with nothing left to do; teardown still knows the original."""
    driver, rounds = case
    with TemporaryHost(driver) as host:
        before = snapshot(host)
        for wanted in rounds:
            with contextlib.suppress(Killed), host.mortal(at):
                present(host, wanted, **WORD)
            present(host, wanted, **WORD)
            assert not present(host, wanted, **WORD).plan.steps
        with contextlib.suppress(Killed), host.mortal(at):
            absent(host)
        absent(host)
        assert snapshot(host) == before


@FEW
@given(st.lists(st.tuples(st.sampled_from(["enp1s0", "enp2s0"]), st.integers(0, 7)), min_size=1, max_size=6))
def test_no_count_over_a_count_in_a_view(counts: list[tuple[str, int]]) -> None:
    """Whatever a play asks of sriov_vfs, a PF with VFs is only ever written 0; and the check's plan is the run's."""
    with TemporaryHost() as host:
        refused: list[str] = []
        write = host.write_attribute

        def watched(path: str, value: str, seconds: float = 60.0) -> None:
            if path.endswith("sriov_numvfs") and value != "0" and host.numvfs(path.split("/")[-2]):
                refused.append(f"{path}={value}")
            write(path, value, seconds)

        host.write_attribute = watched  # type: ignore[method-assign]
        for name, count in counts:

            def goal(state: NodeState, pfs: Any = ({"pf": name, "num_vfs": count},)) -> Goal:
                return vfs_goal(list(pfs), state)

            checked = run(host, goal, RUNTIME, check=True)
            assert checked.plan == run(host, goal, RUNTIME, check=False).plan
            assert host.numvfs({"enp1s0": PF1, "enp2s0": PF2}[name]) == count
            assert not run(host, goal, RUNTIME, check=False).plan.steps
        assert not refused


MIXED: list[dict[str, Any]] = [
    {
        **KERNEL,
        "nic_selector": {"pf_names": ["enp1s0#0-1"]},
        "num_vfs": 3,
        "mtu": 2000,
        "vfs": [{"indices": 0, "mac": "02:00:00:00:aa:01", "vlan": 9}],
    },
    {**DPDK, "name": "half", "nic_selector": {"pf_names": ["enp1s0#2"]}, "num_vfs": 3},
    {**DPDK, "num_vfs": 2},
]


@pytest.mark.parametrize("what", ["first", "change", "absent"])
def test_killed_at_each_write_and_run_again(tmp_path: Path, what: str) -> None:
    """The rerun reaches what was asked, and teardown still knows the original."""
    before: dict[str, str] = {}

    def make(number: int) -> FakeHost:
        host = with_device_plugin(tmp_path / str(number))
        before.update(snapshot(host))
        if what != "first":
            present(host, MIXED if what == "absent" else [{**KERNEL, "num_vfs": 5}])
        return host

    def act(host: FakeHost) -> None:
        if what == "absent":
            absent(host)
        else:
            present(host, MIXED)

    for host in killed_at_every_write(make, act, 12):
        act(host)
        if what != "absent":
            assert not present(host, MIXED).plan.steps
            assert host.verbs, "the device plugin was told, also when the kill came just before"
            absent(host)
        assert snapshot(host) == before
        shutil.rmtree(host.base)


def test_a_hundred_runs_without_a_change() -> None:
    """Nothing is ever written again."""
    with TemporaryHost() as host:
        present(host, MIXED)
        writes = len(host.log)
        assert not any(present(host, MIXED).plan.pending for run in range(100))
        assert len(host.log) == writes


def test_the_addresses_are_those_of_the_model() -> None:
    """The fake numbers VFs as the emulated 82576 does."""
    with TemporaryHost() as host:
        present(host, [DPDK])
        assert [host.vf_address(PF2, i) for i in (0, 4)] == ["0000:02:10.0", "0000:02:11.0"]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a PF is: sriov_node gives back its own alone."""

from __future__ import annotations

import json

from ansible_collections.baremetal.sriov.plugins.module_utils.model.state import Record
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import RUNTIME
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import Outcome, run
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.narrow import driver_goal, vfs_goal
from ansible_collections.baremetal.sriov.plugins.module_utils.record import record
from support.fake_host import FakeHost
from support.node_runs import (
    DPDK,
    KERNEL,
    PF1,
    PF2,
    absent,
    actions,
    drivers,
    present,
    snapshot,
    somebody_makes,
)

ORIGINAL = "var/lib/baremetal-sriov/original.json"


def sriov_vfs(host: FakeHost, count: int) -> Outcome:
    """The module, for PF1."""
    return run(host, lambda s: vfs_goal([{"pf": "enp1s0", "num_vfs": count}], s), RUNTIME, check=False)


def sriov_driver(host: FakeHost, driver: str) -> Outcome:
    """The module, for the first VF of PF1."""
    goal = driver_goal([{"address": "0000:01:10.0", "driver": driver}])
    return run(host, lambda state: goal, RUNTIME, check=False)


def test_what_a_play_set_is_left_alone(host: FakeHost) -> None:
    """By runs with other policies, without any, and by a teardown, which says what stays; twice."""
    before = snapshot(host)
    sriov_vfs(host, 3)
    sriov_driver(host, "vfio-pci")
    for policies in ([DPDK], []):
        present(host, policies, policies_may_be_empty=True)
        assert drivers(host, PF1) == ["vfio-pci", "igbvf", "igbvf"]
        assert not present(host, policies).plan.steps
    present(host, [DPDK])
    outcome = absent(host)
    assert f"{PF1} was set by sriov_vfs and stays as it is" in outcome.plan.warnings[0]
    assert host.numvfs(PF2) == 0 and host.numvfs(PF1) == 3
    assert list(json.loads(host.get(ORIGINAL))["pfs"]) == [PF1]
    assert not absent(host).plan.steps
    sriov_driver(host, "default")
    sriov_vfs(host, 0)
    absent(host)
    assert not host.exists("/" + ORIGINAL)
    host.nets["enp1s0"].up = False  # the module brought it up for its VFs, and leaves it so
    assert snapshot(host) == before


def test_a_module_that_changed_drivers_alone(host: FakeHost) -> None:
    """VFs of somebody else's: the record says who changed their driver."""
    somebody_makes(host, 2)
    sriov_driver(host, "vfio-pci")
    assert json.loads(host.get(ORIGINAL))["owners"] == {PF1: "sriov_driver"}
    present(host, [])
    assert drivers(host, PF1) == ["vfio-pci", "igbvf"]


def test_a_policy_takes_over(host: FakeHost) -> None:
    """Also where the PF is right already; from then on it is given back."""
    sriov_vfs(host, 4)
    assert f"{PF1}: take it over from sriov_vfs" in actions(present(host, [KERNEL]))
    assert not present(host, [KERNEL]).plan.steps
    present(host, [], policies_may_be_empty=True)
    assert host.numvfs(PF1) == 0


def test_a_view_does_not_take_over(host: FakeHost) -> None:
    """What a policy set stays the policy's."""
    present(host, [KERNEL])
    sriov_vfs(host, 2)
    assert json.loads(host.get(ORIGINAL))["owners"] == {PF1: "sriov_node"}
    present(host, [], policies_may_be_empty=True)
    assert host.numvfs(PF1) == 0


def test_a_record_of_an_older_version(host: FakeHost) -> None:
    """It names neither owners nor NICs: sriov_node's, and no word of a swap."""
    before = snapshot(host)
    sriov_vfs(host, 3)
    old = json.loads(host.get(ORIGINAL))
    del old["owners"], old["identities"]
    host.put(ORIGINAL, json.dumps(old))
    assert not present(host, [{**KERNEL, "num_vfs": 3}], check=True).plan.warnings
    absent(host)
    assert snapshot(host) == before


def test_what_is_recorded_of_one_pf_alone() -> None:
    """The part of a record that stays."""
    known = Record({}, {"/a": None}, {"b": 1}, {PF1: "sriov_vfs", PF2: "sriov_node"}, {PF2: {"mac": "x"}})
    assert record.only(known, [PF1]) == Record(owners={PF1: "sriov_vfs"}, exists=True)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module's options to its result: the views, the diff, and how each error ends the module."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry.node_module import given, run_module
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.module_utils.model.state import NodeState
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import RUNTIME, WHOLE
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import Concerns
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.narrow import driver_goal, vfs_goal
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, drivers, goal_of, present, ran


def result(host: FakeHost, make_goal: Any, concerns: Concerns = RUNTIME, *, check: bool = False) -> dict[str, Any]:
    """Run as a module."""
    found: dict[str, Any] = ran(host, run_module, make_goal, concerns, check=check).result
    return found


def test_a_result(host: FakeHost) -> None:
    """What the roles and the user read."""
    found = result(host, goal_of([KERNEL]), WHOLE)
    assert found["changed"] and not found["reboot_required"] and not found["drain_required"]
    assert [pf["num_vfs"] for pf in found["pfs"]] == [4, 0]
    assert found["pfs"][0]["vfs"][0]["driver"] == "igbvf"
    headers = [part["after_header"] for part in found["diff"]]
    assert f"num_vfs {PF1}: create 4 VFs" in headers
    written = next(part for part in found["diff"] if part["before_header"] == "file /etc/pcidp/config.json")
    assert json.loads(written["after"])["resourceList"] and written["before"] == ""
    assert not result(host, goal_of([KERNEL]), WHOLE)["changed"]


def test_a_refusal(host: FakeHost) -> None:
    """All reasons as data, besides the message."""
    host.routes.append({"dst": "default", "dev": "enp1s0"})
    found = result(host, goal_of([KERNEL, {**DPDK, "num_vfs": 9}]), WHOLE, check=True)
    assert found["failed"] and len(found["refused"]) == 2 and f"{PF1} (enp1s0)" in found["refused"][0]


def test_an_error_of_the_host(host: FakeHost) -> None:
    """One message, no traceback."""
    host.faults["sriov_numvfs=4"] = 5
    found = result(host, goal_of([KERNEL]), WHOLE)
    assert found["failed"] and "create 4 VFs" in found["msg"] and "Input/output error" in found["msg"]


def test_vfs_of_one_pf_alone(host: FakeHost) -> None:
    """The view leaves the other PF, files and kernel arguments alone, and takes VFs away with 0."""
    present(host, [DPDK])
    pfs = [
        {
            "pf": "enp1s0",
            "num_vfs": 2,
            "mtu": 2000,
            "vfs": [{"indices": "1", "driver": "vfio-pci", "vlan": 4}],
        }
    ]
    found = result(host, lambda state: vfs_goal(pfs, state))
    assert found["changed"] and drivers(host, PF1) == ["igbvf", "vfio-pci"] and len(drivers(host, PF2)) == 7
    assert host.nets["enp1s0v0"].mtu == 2000 and host.pfs[PF1].settings[1]["vlan"] == 4
    assert not result(host, lambda state: vfs_goal(pfs, state))["changed"]
    assert result(host, lambda state: vfs_goal([{"pf": PF1, "num_vfs": 0}], state))["changed"]
    assert host.numvfs(PF1) == 0


def test_drivers_of_some_functions(host: FakeHost) -> None:
    """One to vfio-pci, one unbound, and back."""
    present(host, [KERNEL])
    wanted = [
        {"address": "0000:01:10.0", "driver": "vfio-pci"},
        {"address": "0000:01:10.2", "driver": "none"},
    ]
    assert result(host, lambda state: driver_goal(wanted))["changed"]
    assert drivers(host, PF1) == ["vfio-pci", None, "igbvf", "igbvf"]
    assert not result(host, lambda state: driver_goal(wanted))["changed"]
    back = [{**function, "driver": "default"} for function in wanted]
    result(host, lambda state: driver_goal(back))
    assert drivers(host, PF1) == ["igbvf"] * 4


@pytest.mark.parametrize(
    ("pfs", "path"),
    [
        ([{"num_vfs": 1}], "pfs[0].pf"),
        ([{"pf": "enp1s0", "num_vfs": -1}], "pfs[0].num_vfs"),
        ([{"pf": "enp1s0", "num_vfs": 1}, {"pf": PF1, "num_vfs": 2}], "pfs"),
        ([{"pf": "enp1s0", "num_vfs": 1, "vfs": [{"indices": "1"}]}], "pfs[0].vfs[0].indices"),
        (
            [{"pf": "enp1s0", "num_vfs": 1, "vfs": [{"indices": "0", "driver": "../x"}]}],
            "pfs[0].vfs[0].driver",
        ),
    ],
)
def test_mistakes_in_a_view(host: FakeHost, pfs: Any, path: str) -> None:
    """Named by their path, as in the policies."""
    found = result(host, lambda state: vfs_goal(pfs, state))
    assert [mistake["path"] for mistake in found["mistakes"]] == [path]


def test_a_view_of_what_is_not_there(host: FakeHost) -> None:
    """Refused with what there is."""
    assert "0000:02:00.0 (enp2s0)" in result(host, lambda s: vfs_goal([{"pf": "x", "num_vfs": 1}], s))["msg"]
    goal = driver_goal([{"address": "0000:01:10.0", "driver": "vfio-pci"}])
    assert "a VF at this PCI address" in result(host, lambda s: goal)["refused"][0]
    with pytest.raises(InvalidSpecError):
        driver_goal([{"address": "01:10.0", "driver": "vfio-pci"}])


def test_options_that_were_not_given() -> None:
    """Ansible hands None for them; the readers want them missing."""
    assert given([{"a": None, "b": [{"c": None, "d": 0}]}]) == [{"b": [{"d": 0}]}]


def test_no_state_no_pfs() -> None:
    """A goal is made from any state."""
    assert vfs_goal([], NodeState()).pfs == ()

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that changes its device plugin while pods hold VFs: the kubelet has one at every call, and never two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import handover_module
from ansible_collections.baremetal.sriov.plugins.module_utils.node.handover import PATH
from support.fake_base import killed_at_every_write
from support.fake_handover import OFF, SERVES, THEIR_UNIT, TwoPlugins
from support.node_runs import PF1, PLUGIN, make_host, ran, somebody_makes

RESOURCE = "intel.com/fast"
HOLDER = "7d1c51a5-6d8b-4a5e-9b7c-2f0c9a1d3e4f"
BOTH = pytest.mark.parametrize("unit", [True, False], ids=["unit", "pod"])


def node(root: Path, ours: bool = False) -> TwoPlugins:
    """Four VFs, one of them in a pod, offered by the other device plugin, or by ours."""
    host = make_host(root, kind=TwoPlugins)
    assert isinstance(host, TwoPlugins)
    somebody_makes(host, 4)
    host.fill({f"etc/systemd/system/{name}": "[Service]\n" for name in (PLUGIN, THEIR_UNIT)})
    host.fill({f"var/log/pods/ns_app_{HOLDER}/": "", f"var/lib/kubelet/pods/{HOLDER}/": ""})
    host.entries.append({"PodUID": HOLDER, "ContainerName": "app", "ResourceName": RESOURCE,
                         "DeviceIDs": {"-1": [host.vf_address(PF1, 1)]}})  # fmt: skip
    host.serve({RESOURCE: [PF1]}, pid=700)
    host.listeners = {path: pid for path, pid in host.listeners.items() if pid != 700}
    if ours:
        host._i_start()
    else:
        host.they_come()
        host.active.add(THEIR_UNIT)
        host.enabled.add(THEIR_UNIT)
    return host


def step(host: TwoPlugins, name: str, state: str, unit: bool, check: bool = False) -> dict[str, Any]:
    params = {"state": state, "step": name, "resources": [RESOURCE], "units": [THEIR_UNIT] if unit else [],
              "seconds": 10, "kubelet_root_dir": "/var/lib/kubelet"}  # fmt: skip
    return dict(ran(host, handover_module.run, params=params, check=check).result)


def switch(host: TwoPlugins, state: str, unit: bool) -> None:
    """As the playbook does it; a pod goes, or comes, by the cluster."""
    for name in ("prepare", "finish"):
        if name == "finish" and not unit and host.theirs == (state == "present"):
            (host.they_leave if state == "present" else host.they_come)()
        result = step(host, name, state, unit)
        assert not result.get("failed"), result


def check(host: TwoPlugins, state: str) -> None:
    assert host.wrong == []
    assert (host.theirs, host.mine) == ((False, SERVES) if state == "present" else (True, OFF))
    assert not host.exists(PATH)


@BOTH
@pytest.mark.parametrize("state", ["present", "absent"])
def test_the_kubelet_has_one_at_every_call(tmp_path: Path, state: str, unit: bool) -> None:
    host = node(tmp_path, ours=state == "absent")
    switch(host, state, unit)
    check(host, state)
    done = len(host.log)
    if state == "present":
        switch(host, state, unit)  # again: nothing is left to do
        assert len(host.log) == done
    check(host, state)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_kill_at_every_step_is_made_good(tmp_path: Path, state: str) -> None:
    def make(number: int) -> TwoPlugins:
        return node(tmp_path / str(number), ours=state == "absent")

    for host in killed_at_every_write(make, lambda one: switch(one, state, True), 3):
        switch(host, state, True)
        check(host, state)


def test_one_that_stays_is_named_and_serves_on(tmp_path: Path) -> None:
    host = node(tmp_path)
    assert step(host, "prepare", "present", False)["servers"][0]["ours"] is False
    result = step(host, "finish", "present", False)
    assert result["failed"] and "process 700 (sriovdp)" in result["msg"] and "sriov_adopt_from" in result["msg"]
    assert host.theirs and host.wrong == []


def test_one_that_does_not_come_leaves_ours_at_work(tmp_path: Path) -> None:
    host = node(tmp_path, ours=True)
    step(host, "prepare", "absent", False)
    result = step(host, "finish", "absent", False)
    assert result["failed"] and f"nobody else serves {RESOURCE}" in result["msg"]
    assert host.mine == SERVES and host.wrong == [] and not host.exists(PATH)


def test_a_look_tells_who_offers_and_who_holds(tmp_path: Path) -> None:
    host = node(tmp_path)
    found = step(host, "look", "present", True)
    assert found["held"] == {RESOURCE: {host.vf_address(PF1, 1): "pod ns/app, container app"}}
    assert [(one["resource"], one["ours"]) for one in found["servers"]] == [(RESOURCE, False)]
    assert (found["active"], found["units"], found["begun"], found["changed"]) == (
        False, {THEIR_UNIT: True}, False, False,
    )  # fmt: skip
    assert not step(host, "finish", "present", True, check=True)["changed"] and host.log == []


def test_the_fake_host_sees_a_gap_and_two_at_once(tmp_path: Path) -> None:
    host = node(tmp_path / "gap")
    host.they_leave()
    host.run(["systemctl", "start", "--", PLUGIN])
    assert "counts none" in host.wrong[0]
    host = node(tmp_path / "two")
    host.run(["systemctl", "start", "--", PLUGIN])
    host.run(["systemctl", "stop", "--", THEIR_UNIT])
    assert "two device plugins" in host.wrong[0]

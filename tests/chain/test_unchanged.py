# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second site changed nothing, rebooted nothing, restarted nothing."""

from __future__ import annotations

from typing import Any

import chain
import pytest

from sriovlab.guest import Lab

UNITS = ("baremetal-sriov-device-plugin.service", "kubelet.service", "containerd.service")
PROPERTIES = ("MainPID", "ActiveEnterTimestampMonotonic", "InvocationID")


@pytest.fixture(scope="module")
def again(lab: Lab) -> dict[str, Any]:
    """A second run of site, with what the node was before it."""
    units = {name: chain.unit(lab, name, *PROPERTIES) for name in UNITS}
    before, boot, links = chain.snapshot(lab), lab.boot_id(), _vf_links(lab)
    stamp = chain.stamp(lab)
    run = chain.playbook("site")
    assert run.status == 0, run.output
    return {
        "run": run,
        "units": units,
        "before": before,
        "boot": boot,
        "links": links,
        "written": chain.written_since(lab, stamp),
    }


def _vf_links(lab: Lab) -> str:
    """Inodes of the VFs in sysfs: a VF that was made anew, or bound anew, has other ones."""
    return lab.run(["sh", "-c", "ls -di /sys/bus/pci/devices/*/physfn /sys/bus/pci/drivers/*/0000:*"]).stdout


def test_nothing_changed(again: dict[str, Any]) -> None:
    assert again["run"].recap["node1"]["changed"] == 0, again["run"].output


def test_no_reboot(lab: Lab, again: dict[str, Any]) -> None:
    assert lab.boot_id() == again["boot"]
    assert chain.boots(lab) == chain.noted("boots")["count"] + 1


def test_nothing_restarted(lab: Lab, again: dict[str, Any]) -> None:
    assert {name: chain.unit(lab, name, *PROPERTIES) for name in UNITS} == again["units"]


def test_no_file_written(lab: Lab, again: dict[str, Any]) -> None:
    assert again["written"] == []
    assert chain.difference(again["before"], chain.snapshot(lab)) == []


def test_no_vf_made_or_bound_anew(lab: Lab, again: dict[str, Any]) -> None:
    assert _vf_links(lab) == again["links"]


def test_plan_tells_a_pipeline_that_there_is_nothing_to_do(lab: Lab) -> None:
    run = chain.playbook("plan", {"sriov_plan_fail_on_changes": True})
    assert run.status == 0, run.output

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare node that somebody booted with the IOMMU off, and what plan says of it without touching it."""

from __future__ import annotations

import re
from typing import Any

import chain
import pytest

from sriovlab.guest import Lab

# What people read in the place of a bundle's name.
CODE = {"node": "node library", "device-plugin": "device plugin", "cni": "CNI plugin"}


@pytest.fixture(scope="module")
def planned(lab: Lab) -> dict[str, Any]:
    """Notes of the pristine node, one plan run, and what it wrote on the node."""
    chain.note("pristine", chain.snapshot(lab))
    chain.note("boots", {"count": chain.boots(lab), "boot_id": lab.boot_id()})
    stamp = chain.stamp(lab)
    output = chain.folder() / "plan.json"
    markdown = chain.folder() / "plan.md"
    run = chain.playbook("plan", {"sriov_plan_output": str(output), "sriov_plan_markdown": str(markdown)})
    assert run.status == 0, run.output
    return {
        "run": run,
        "plan": chain.noted("plan")["nodes"]["node1"]["plan"],
        "written": chain.written_since(lab, stamp),
        "after": chain.snapshot(lab),
    }


def test_booted_with_the_iommu_off_twice(lab: Lab) -> None:
    assert lab.read("/proc/cmdline").split().count("intel_iommu=off") == 2
    assert lab.run(["ls", "/sys/kernel/iommu_groups"]).stdout.split() == []


def test_no_vfs(lab: Lab) -> None:
    assert chain.num_vfs(lab) == {"enp1s0": 0, "enp2s0": 0}


def test_nothing_of_ours_is_installed(lab: Lab) -> None:
    names = (
        "/usr/lib/baremetal-sriov",
        "/etc/baremetal-sriov",
        "/var/lib/baremetal-sriov",
        "/opt/cni/bin/sriov",
    )
    assert lab.snapshot_files(names) == {}


def test_plan_says_that_our_argument_overrides_theirs(planned: dict[str, Any]) -> None:
    steps = [step for step in planned["plan"]["steps"] if step["kind"] == "kernel_arguments"]
    assert len(steps) == 1
    assert "intel_iommu=on" in steps[0]["after"]
    assert "intel_iommu=off" in steps[0]["reason"]
    assert "GRUB_CMDLINE_LINUX" in steps[0]["reason"]
    assert "intel_iommu=off" in planned["run"].output


def test_plan_says_one_reboot(planned: dict[str, Any]) -> None:
    assert planned["plan"]["reboot_required"] is True
    assert "one reboot" in planned["run"].output


def test_plan_says_vfs_on_two_pfs_and_bindings(planned: dict[str, Any]) -> None:
    steps = planned["plan"]["steps"]
    counts = {step["target"]: step["after"]["num_vfs"] for step in steps if step["kind"] == "num_vfs"}
    assert counts == {"0000:01:00.0": 4, "0000:02:00.0": 7}
    bound = [step for step in steps if step["kind"] == "driver" and "vfio-pci" in str(step["after"])]
    assert len(bound) == 7
    stages = {step["target"]: step["stage"] for step in steps if step["kind"] == "num_vfs"}
    assert stages == {"0000:01:00.0": "now", "0000:02:00.0": "after_reboot"}, "vfio alone needs the IOMMU"
    assert {step["stage"] for step in bound} == {"after_reboot"}


def test_plan_says_all_parts(planned: dict[str, Any]) -> None:
    steps = planned["plan"]["steps"]
    parts = list(dict.fromkeys(step["part"] for step in steps))
    assert parts == ["node", "device_plugin", "cni", "cluster"]
    code = {step["bundle"]: (step["before"], step["after"]["release"]) for step in steps if step["kind"] == "code"}
    assert code.keys() == {"node", "device-plugin", "cni"}
    assert {before for before, _release in code.values()} == {None}
    assert len({release for _before, release in code.values()}) == 1
    started = [step["target"] for step in steps if step["kind"] == "unit" and step["after"] == "start"]
    assert started == ["baremetal-sriov-drift.timer", "baremetal-sriov-device-plugin.service",
                       "baremetal-sriov-cni-keep.path", "baremetal-sriov-cni.service"]  # fmt: skip
    for words in ("enp1s0 0000:01:00.0", "device plugin:", "CNI plugin:", "cluster:", "default/kernel-net"):
        assert words in planned["run"].output


def test_plan_changes_not_a_file(planned: dict[str, Any]) -> None:
    assert planned["written"] == []
    assert chain.difference(chain.noted("pristine"), planned["after"]) == []


def test_plan_changes_no_vf_and_does_not_reboot(lab: Lab, planned: dict[str, Any]) -> None:
    assert chain.num_vfs(lab) == {"enp1s0": 0, "enp2s0": 0}
    assert lab.boot_id() == chain.noted("boots")["boot_id"]


def test_plan_as_markdown_names_every_object(planned: dict[str, Any]) -> None:
    text = (chain.folder() / "plan.md").read_text()
    # VFs of one PF of which the same is said stand as "vf 0-2,4".
    named = {f"{pf} vf {number}" for pf, numbers in re.findall(r"\| (?:\S+ )?(\S+) vf ([\d,-]+) \|", text)
             for ends in numbers.split(",")
             for number in range(int(ends.split("-")[0]), int(ends.split("-")[-1]) + 1)}  # fmt: skip
    for step in planned["plan"]["steps"]:
        target = CODE.get(step["target"], step["target"])
        plain = re.sub(r"\\(.)", r"\1", text)
        assert target in (named if " vf " in target else plain)


def test_preflight_tells_what_the_firmware_gives_and_writes_nothing(lab: Lab) -> None:
    stamp = chain.stamp(lab)
    run = chain.playbook("plan", {}, "--tags", "preflight")
    assert run.status == 0, run.output
    assert run.recap["node1"]["changed"] == 0
    for words in ("DMAR", "interrupt remapping", "0000:01:00.0"):
        assert words.lower() in run.output.lower()
    assert chain.written_since(lab, stamp) == []


def test_plan_tells_a_pipeline_that_the_node_would_change(lab: Lab) -> None:
    run = chain.playbook("plan", {"sriov_plan_fail_on_changes": True})
    assert run.status != 0
    assert "node1 would change" in run.output

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules sriov_kernel_args, sriov_iommu and sriov_modprobe: check, run, again, and the record they leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import kernel_modules
from ansible_collections.baremetal.sriov.plugins.module_utils.record.record import ORIGINAL
from support.fake_boot import GrubHost
from support.node_runs import ran


@pytest.fixture
def host(tmp_path: Path) -> GrubHost:
    made = GrubHost(tmp_path)
    made.put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\n")
    return made


def test_a_check_predicts_the_run_and_changes_nothing(host: GrubHost) -> None:
    before = host.tree()
    check = ran(host, kernel_modules.iommu_arguments, True, check=True).result
    assert host.tree() == before
    run = ran(host, kernel_modules.iommu_arguments, True).result
    assert (check["plan"], check["diff"]) == (run["plan"], run["diff"])
    assert (run["changed"], run["reboot_required"], run["arguments"]) == (
        True, True, ["intel_iommu=on", "iommu=pt"],
    )  # fmt: skip
    again = ran(host, kernel_modules.iommu_arguments, True).result
    assert (again["changed"], again["reboot_required"]) == (False, True)
    host.reboot()
    last = ran(host, kernel_modules.iommu_arguments, True)
    assert (last.result["changed"], last.result["reboot_required"]) == (False, False)
    assert ["firmware" in warning for warning in last.warnings] == [True]


def test_the_record_keeps_what_was_there_before_the_first_change(host: GrubHost) -> None:
    ran(host, kernel_modules.kernel_arguments, ("a=1",))
    ran(host, kernel_modules.kernel_arguments, ("a=2",))
    assert json.loads(host.read_text(ORIGINAL) or "")["objects"] == {"kernel_arguments grub": []}


def test_the_next_boot_is_shown(host: GrubHost) -> None:
    run = ran(host, kernel_modules.kernel_arguments, ("a=1",)).result
    assert [entry["arguments"][-1] for entry in run["next_boot"]] == ["a=1", "a=1"]
    assert run["boot_loader"] == "grub"


def test_errors_are_failures_in_words(host: GrubHost) -> None:
    bad = ran(host, kernel_modules.kernel_arguments, ("a b",)).result
    assert bad["failed"] and bad["mistakes"][0]["path"] == "arguments[0]"
    Path(host.path("/boot/grub/grub.cfg")).unlink()
    refused = ran(host, kernel_modules.kernel_arguments, ("a=1",)).result
    assert refused["failed"] and refused["refused"][0].startswith("boot loader: expected one of rpm-ostree, grub, ")


def test_modules_take_options_of_all_types(host: GrubHost) -> None:
    modules = [{"name": "vfio-pci", "options": {"b": True, "n": 3, "s": "x"}, "load": True}]
    run = ran(host, kernel_modules.modules, modules).result
    assert (run["changed"], run["modules"]) == (True, [{"name": "vfio-pci", "loaded": True, "builtin": False}])
    text = host.read_text("/etc/modprobe.d/baremetal-sriov.conf") or ""
    assert text.endswith("options vfio-pci b=1 n=3 s=x\n")
    assert ran(host, kernel_modules.modules, modules).result["changed"] is False

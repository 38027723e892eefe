# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Isolation that is given up on request alone, and what the kernel has no room for."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import cmdline
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import (
    HostError,
    InvalidSpecError,
    RefusedError,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present

OPTIONS = "etc/modprobe.d/baremetal-sriov.conf"


def without_remapping(host: FakeHost) -> None:
    """An IOMMU whose extended capabilities lack interrupt remapping."""
    host.put("sys/class/iommu/dmar0/intel-iommu/ecap", "f00\n")


def test_no_iommu_only_on_request_and_with_a_warning(tmp_path: Path) -> None:
    """No kernel argument, no reboot, no group asked for."""
    host = make_host(tmp_path, iommu=False)
    host.put("proc/cmdline", "quiet\n")
    assert present(host, [DPDK], check=True).plan.reboot_required
    done = present(host, [DPDK], no_iommu=True)
    assert drivers(host, PF2) == ["vfio-pci"] * 7 and not done.plan.reboot_required
    assert "options vfio enable_unsafe_noiommu_mode=1" in host.get(OPTIONS)
    for outcome in (done, present(host, [DPDK], no_iommu=True)):
        (warning,) = outcome.plan.warnings
        assert "read and write all memory of this host" in warning
    absent(host)
    assert not host.exists("/" + OPTIONS)


def test_no_iommu_and_iommu_contradict_each_other(tmp_path: Path) -> None:
    """Refused in words."""
    with pytest.raises(InvalidSpecError, match="contradicts iommu: true"):
        present(make_host(tmp_path), [DPDK], no_iommu=True, iommu=True)


def test_a_loaded_module_gets_it_now(tmp_path: Path) -> None:
    """Its parameter can be written."""
    host = make_host(tmp_path, iommu=False)
    host.put("sys/module/vfio/initstate", "live\n")
    host.put("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
    present(host, [DPDK], no_iommu=True)
    assert host.get("sys/module/vfio/parameters/enable_unsafe_noiommu_mode").strip() == "1"


def test_interrupts_that_are_not_remapped_are_told(tmp_path: Path) -> None:
    """Where vfio is used, until the user gives that isolation up, which is told as well."""
    host = make_host(tmp_path)
    without_remapping(host)
    assert not present(host, [KERNEL], check=True).plan.warnings
    (warning,) = present(host, [DPDK]).plan.warnings
    assert "EPERM" in warning and "sriov_allow_unsafe_interrupts" in warning
    (warning,) = present(host, [DPDK], allow_unsafe_interrupts=True).plan.warnings
    assert "send interrupts of any kind" in warning
    assert "options vfio_iommu_type1 allow_unsafe_interrupts=1" in host.get(OPTIONS)


def test_the_users_own_options_stay(tmp_path: Path) -> None:
    """Of the same module."""
    host = make_host(tmp_path)
    modules = [{"name": "vfio_iommu_type1", "options": {"dma_entry_limit": 7}, "load": False}]
    present(host, [DPDK], allow_unsafe_interrupts=True, kernel_modules=modules)
    assert "options vfio_iommu_type1 allow_unsafe_interrupts=1 dma_entry_limit=7" in host.get(OPTIONS)


@pytest.mark.parametrize(
    ("log", "running", "text"),
    [
        ("", "", "add pci=realloc to sriov_kernel_arguments"),
        (f"igb {PF1}: not enough MMIO resources for SR-IOV", "", "add pci=realloc to sriov_kernel_arguments"),
        (f"igb {PF1}: can't enable 4 VFs (bus 05 out of range of [bus 01])", "", "add pci=assign-busses to"),
        (f"igb {PF2}: can't enable 4 VFs (bus 05 out of range of [bus 01])", "", "add pci=realloc to"),
        ("", "pci=realloc,noaer", "although the kernel was started with pci=realloc: switch on decoding above 4G"),
        (f"{PF1}: bus 05 out of range of [bus 01]", "pci=assign-busses", "put the NIC into another slot"),
    ],
)
def test_no_room_for_vfs(tmp_path: Path, log: str, running: str, text: str) -> None:
    """The kernel's log tells bus numbers from address space; the argument is proposed, not set."""
    host = make_host(tmp_path)
    host.kernel_log = log + "\n"
    host.put("proc/cmdline", f"{running}\n")
    host.faults[f"{PF1}/sriov_numvfs=4"] = errno.ENOMEM
    with pytest.raises(HostError) as caught:
        present(host, [KERNEL])
    assert text in str(caught.value)
    proposed = text.partition("add ")[2].partition(" ")[0]
    assert not proposed or cmdline.key(proposed) == "pci"
    assert not host.exists("/etc/default/grub.d/zz-baremetal-sriov.cfg")


def test_without_the_request_no_group_is_a_refusal(tmp_path: Path) -> None:
    """As it was."""
    host = make_host(tmp_path, iommu=False)
    with pytest.raises(RefusedError):
        present(host, [DPDK])


def test_what_was_given_up_is_taken_back_at_once(tmp_path: Path) -> None:
    """In the running kernel too, by a teardown as well as by a run without the request."""
    host = make_host(tmp_path)
    name = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
    host.put("sys/module/vfio_iommu_type1/initstate", "live\n")
    host.put(name, "N\n")
    present(host, [DPDK], allow_unsafe_interrupts=True)
    assert host.get(name).strip() == "1"
    present(host, [DPDK])
    assert host.get(name).strip() == "N"
    assert not present(host, [DPDK]).plan.steps
    present(host, [DPDK], allow_unsafe_interrupts=True)
    absent(host)
    assert host.get(name).strip() == "N" and not host.exists("/var/lib/baremetal-sriov")


def test_an_iommu_that_the_firmware_keeps_off_is_told_before_any_reboot(tmp_path: Path) -> None:
    """And nothing is written."""
    host = make_host(tmp_path, iommu=False)
    host.put("proc/cmdline", "quiet\n")
    host.put("sys/firmware/acpi/tables/FACP", "")
    with pytest.raises(RefusedError, match="Switch Intel VT-d on"):
        present(host, [DPDK])
    assert not host.log
    present(host, [DPDK], no_iommu=True)


def test_a_reboot_is_remembered_until_it_has_helped(tmp_path: Path) -> None:
    """Three runs around two boots: the first asks, the second boot did not help, the third did."""
    host = make_host(tmp_path)
    boot_id = "proc/sys/kernel/random/boot_id"
    host.put("proc/cmdline", "quiet\n")
    host.put(boot_id, "first\n")
    assert present(host, [DPDK]).plan.reboot_required and present(host, [DPDK]).plan.reboot_required
    host.put(boot_id, "second\n")
    with pytest.raises(RefusedError, match="it is not rebooted for this again"):
        present(host, [DPDK], check=True)
    host.put(boot_id, "third\n")
    host.put("proc/cmdline", "quiet intel_iommu=on iommu=pt\n")
    assert boot.main(host) == 0
    assert not host.exists("/var/lib/baremetal-sriov/reboot.json")
    assert not present(host, [DPDK]).plan.reboot_required

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IOMMU: arguments by CPU, and what the running kernel has of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Host
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import iommu

INTEL = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n"
AMD = "processor\t: 0\nvendor_id\t: AuthenticAMD\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n"


def host(root: Path, files: dict[str, str]) -> Host:
    for path, text in files.items():
        real = Path(f"{root}{path}")
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(text)
    return Host(str(root))


@pytest.mark.parametrize(
    ("cpuinfo", "vendor", "arguments"),
    [
        (INTEL, "intel", ("intel_iommu=on", "iommu=pt")),
        (AMD, "amd", ("iommu=pt",)),
        (ARM, "arm64", ()),
        ("vendor_id\t: Unheard Of\n", "unknown", ()),
        ("", "unknown", ()),
    ],
)
def test_the_cpu_decides_the_arguments(
    tmp_path: Path, cpuinfo: str, vendor: str, arguments: tuple[str, ...]
) -> None:
    assert iommu.vendor(host(tmp_path, {"/proc/cpuinfo": cpuinfo})) == vendor
    assert iommu.arguments(vendor) == arguments


def test_what_the_user_asks_of_a_key_stands_alone() -> None:
    assert iommu.with_arguments("intel", ("intel_iommu=on,sm_on", "quiet")) == (
        "iommu=pt", "intel_iommu=on,sm_on", "quiet",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/sys/kernel/irq/24/chip_name": "IR-PCI-MSIX-0000:01:00.0\n"}, True),
        ({"/sys/kernel/irq/24/chip_name": "PCI-MSI\n", "/sys/kernel/irq/9/chip_name": "IR-IO-APIC\n"}, True),
        ({"/sys/kernel/irq/24/chip_name": "PCI-MSI\n"}, False),
        ({"/sys/class/iommu/dmar0/intel-iommu/ecap": "f00f5a\n"}, None),
        ({"/sys/class/iommu/dmar0/intel-iommu/ecap": "f00f52\n"}, False),
        ({"/sys/class/iommu/dmar0/intel-iommu/ecap": "f00f5a\n", "/proc/cmdline": "intremap=off"}, False),
        ({"/sys/class/iommu/ivhd0/amd-iommu/cap": "190b640f\n"}, None),
    ],
)
def test_interrupt_remapping_is_told_as_far_as_it_is_known(
    tmp_path: Path, files: dict[str, str], expected: bool | None
) -> None:
    assert iommu.read(host(tmp_path, {"/proc/cpuinfo": INTEL, **files})).interrupt_remapping is expected


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"/proc/cmdline": "quiet"}, None),
        ({"/proc/cmdline": "intel_iommu=on iommu=pt"}, "Switch Intel VT-d on in the firmware"),
        (
            {"/proc/cmdline": "intel_iommu=on iommu=pt", "/sys/firmware/acpi/tables/DMAR": ""},
            "dmesg",
        ),
        (
            {"/proc/cmdline": "intel_iommu=on iommu=pt", "/sys/kernel/iommu_groups/0/type": "DMA\n"},
            None,
        ),
        ({"/proc/cmdline": "amd_iommu=off", "/proc/cpuinfo": ARM}, "Remove that argument"),
    ],
)
def test_no_groups_have_a_cause(tmp_path: Path, files: dict[str, str], words: str | None) -> None:
    found = iommu.problems(iommu.read(host(tmp_path, {"/proc/cpuinfo": INTEL, **files})))
    assert [words in str(problem) for problem in found] == ([] if words is None else [True])


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"/sys/firmware/acpi/tables/FACP": ""}, True),
        ({"/sys/firmware/acpi/tables/DMAR": ""}, False),
        ({"/sys/firmware/acpi/tables/FACP": "", "/sys/kernel/iommu_groups/0/type": "DMA\n"}, False),
        ({"/sys/firmware/acpi/tables/FACP": "", "/proc/cpuinfo": ARM}, False),
        ({}, False),
    ],
)
def test_what_the_firmware_keeps_back_is_told_before_a_reboot(
    tmp_path: Path, files: dict[str, str], said: bool
) -> None:
    found = iommu.firmware_problems(iommu.read(host(tmp_path, {"/proc/cpuinfo": INTEL, "/proc/cmdline": "", **files})))
    assert ["no DMAR table" in str(problem) for problem in found] == [True] * said


@pytest.mark.parametrize(("table", "vendor"), [("DMAR", "intel"), ("IVRS", "amd")])
def test_the_firmwares_table_outranks_the_cpus_vendor(tmp_path: Path, table: str, vendor: str) -> None:
    other = INTEL if vendor == "amd" else AMD
    made = host(tmp_path, {"/proc/cpuinfo": other, f"/sys/firmware/acpi/tables/{table}": ""})
    assert iommu.vendor(made) == vendor
    assert iommu.arguments(vendor) == iommu.ARGUMENTS[vendor]

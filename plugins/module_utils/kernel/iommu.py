# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IOMMU: from the CPU to the kernel arguments that switch it on, and what the running kernel has of it.

Sources: Linux Documentation/admin-guide/kernel-parameters.rst (intel_iommu, iommu, intremap),
drivers/iommu/intel (extended capability register, bit 3: interrupt remapping),
Documentation/ABI/testing/sysfs-class-iommu.
"""

from __future__ import annotations

from ..host.host import Host
from ..model.errors import Problem
from ..model.frozen import dataclass
from . import cmdline

INTEL, AMD, ARM, UNKNOWN = "intel", "amd", "arm64", "unknown"
_VENDORS = {
    "GenuineIntel": INTEL,
    "AuthenticAMD": AMD,
    "HygonGenuine": AMD,
    "CentaurHauls": INTEL,
    "Shanghai": INTEL,
}
# AMD's IOMMU is on by default (there is no amd_iommu=on), and arm64's SMMU needs no argument.
ARGUMENTS = {INTEL: ("intel_iommu=on", "iommu=pt"), AMD: ("iommu=pt",), ARM: (), UNKNOWN: ()}
_TABLES = {INTEL: "DMAR", AMD: "IVRS", ARM: "IORT"}
_SWITCH = {INTEL: "Intel VT-d", AMD: "AMD-Vi (IOMMU)", ARM: "the SMMU"}
_ACPI = "/sys/firmware/acpi/tables"
_INTERRUPT_REMAPPING = 1 << 3
_IRQ_LIMIT = 4096


@dataclass(frozen=True)
class IommuState:
    """vendor: of INTEL, AMD, ARM, UNKNOWN; groups: how many; units: IOMMUs by name (dmar0, ivhd0, ...).

    interrupt_remapping: None where sysfs does not tell; table: the ACPI table that announces the IOMMU,
    None where the firmware has none; running: the running kernel's tokens; acpi: the tables can be seen.
    """

    vendor: str
    groups: int
    units: tuple[str, ...]
    interrupt_remapping: bool | None
    table: str | None
    running: tuple[str, ...]
    acpi: bool = False

    def as_dict(self) -> dict[str, object]:
        """For results and JSON."""
        return {
            "vendor": self.vendor,
            "groups": self.groups,
            "units": list(self.units),
            "interrupt_remapping": self.interrupt_remapping,
            "firmware_table": self.table,
        }


def vendor(host: Host) -> str:
    """Whose IOMMU the node has. The firmware's table tells (DMAR: Intel's, IVRS: AMD's), also where a hypervisor
    gives its guest the other vendor's; without one the CPU does: /proc/cpuinfo's vendor_id, or "CPU implementer".
    """
    for name in (INTEL, AMD):
        if host.exists(f"{_ACPI}/{_TABLES[name]}"):
            return name
    for line in (host.read_text("/proc/cpuinfo", 16 << 20) or "").splitlines():
        name, text = line.partition(":")[::2]
        if name.strip() == "vendor_id":
            return _VENDORS.get(text.strip(), UNKNOWN)
        if name.strip() == "CPU implementer":
            return ARM
    return UNKNOWN


def arguments(cpu_vendor: str) -> tuple[str, ...]:
    """The kernel arguments that switch the IOMMU on, with pass-through for the host's own devices."""
    return ARGUMENTS.get(cpu_vendor, ())


def with_arguments(cpu_vendor: str, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The IOMMU's arguments, then the asked ones; of a key that is asked for, the asked value alone."""
    return tuple(a for a in arguments(cpu_vendor) if cmdline.effective(asked, cmdline.key(a)) is None) + asked


def read(host: Host) -> IommuState:
    """What the CPU is, and what the running kernel has of the IOMMU."""
    cpu = vendor(host)
    running = cmdline.split(host.read_text("/proc/cmdline") or "")
    units = tuple(host.list_dir("/sys/class/iommu"))
    table = _TABLES.get(cpu, "")
    return IommuState(
        cpu,
        sum(name.isdecimal() for name in host.list_dir("/sys/kernel/iommu_groups")),
        units,
        _interrupt_remapping(host, units, running),
        table if table and host.exists(f"{_ACPI}/{table}") else None,
        running,
        host.exists(_ACPI),
    )


def firmware_problems(state: IommuState) -> list[Problem]:
    """The IOMMU is off in the firmware, so that neither an argument nor a reboot brings groups."""
    if state.groups or state.table is not None or not state.acpi or state.vendor not in (INTEL, AMD):
        return []
    return [_no_table(state)]


def _no_table(state: IommuState) -> Problem:
    return Problem(
        "IOMMU groups",
        "at least one in /sys/kernel/iommu_groups",
        f"none, and no {_TABLES[state.vendor]} table from the firmware",
        f"Switch {_SWITCH[state.vendor]} on in the firmware's setup (BIOS). "
        "In a virtual machine: give it a virtual IOMMU, or accept running without an IOMMU (sriov_no_iommu: true).",
    )


def problems(state: IommuState) -> list[Problem]:
    """Why there are no IOMMU groups though the kernel was asked for them; empty where a reboot is due."""
    if state.groups or cmdline.lacking(state.running, arguments(state.vendor)):
        return []
    switch = _SWITCH.get(state.vendor, "the IOMMU")
    off = [token for token in state.running if token in ("amd_iommu=off", "iommu=off")]
    if off:
        found, remedy = f"none: {' '.join(off)} on its command line", "Remove that argument and reboot."
    elif state.table is None and state.vendor in (INTEL, AMD):
        return [_no_table(state)]
    else:
        found = "none, though the firmware announces the IOMMU" if state.table else "none"
        remedy = f"See what the kernel's log says of {switch} (dmesg | grep -i -e DMAR -e AMD-Vi -e iommu)."
    return [Problem("IOMMU groups", "at least one in /sys/kernel/iommu_groups", found, remedy)]


def _interrupt_remapping(host: Host, units: tuple[str, ...], running: tuple[str, ...]) -> bool | None:
    """True where interrupts go through it now (their chips are called IR-..., or ITS-... on arm64).

    Without such a chip: False where it was switched off or Intel's IOMMU lacks it, else None.
    """
    chips = (f"/sys/kernel/irq/{number}/chip_name" for number in host.list_dir("/sys/kernel/irq")[:_IRQ_LIMIT])
    if any((host.read_text(chip) or "").startswith(("IR-", "ITS-")) for chip in chips):
        return True
    if not units or cmdline.satisfied(running, "intremap=off") or cmdline.satisfied(running, "nointremap"):
        return False
    for unit in units:
        text = (host.read_text(f"/sys/class/iommu/{unit}/intel-iommu/ecap") or "").strip()
        try:
            if text and not int(text, 16) & _INTERRUPT_REMAPPING:
                return False
        except ValueError:
            continue
    return None

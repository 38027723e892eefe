# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running system tells of the BIOS and the NICs' firmware, with the setting to look for. Changes nothing.

Sources: Intel VT-d specification, DMAR table (flags INTR_REMAP and X2APIC_OPT_OUT); Linux
arch/x86/include/asm/cpufeatures.h; UEFI specification, SecureBoot; kernel_lockdown(7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ..host import machine, mstconfig, quirks
from ..host.host import Host
from ..kernel import iommu
from ..kernel.iommu import AMD, INTEL, IommuState
from ..kernel.lockdown import LOCKDOWN, SECURE_BOOT
from ..model.errors import HostError
from ..model.frozen import dataclass
from ..model.goal import Goal
from ..model.state import Pf, Record
from ..pf.read import read_state
from ..policy.node_spec import NodeSpec
from ..policy.resolve import resolve
from ..shared import pci

OK, LOOK, UNKNOWN = "ok", "look", "unknown"
DMAR = "/sys/firmware/acpi/tables/DMAR"
DMAR_FLAGS, INTR_REMAP, X2APIC_OPT_OUT = 37, 1, 2  # offset of the byte, and its bits
SRIOV_SETTING = "SR-IOV Support (Dell: SR-IOV Global Enable; HPE: Virtualization Options, SR-IOV)"


@dataclass(frozen=True)
class Check:
    """One row: what was looked at, the verdict (OK, LOOK, UNKNOWN), what was found, the setting to look for."""

    item: str
    verdict: str
    found: str
    setting: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For results and JSON."""
        return asdict(self)


def checks(host: Host, spec: NodeSpec | None = None) -> list[Check]:
    """All rows; those of the PFs tell what the policies of `spec` ask for. Raises HostError."""
    words = machine.cpu_words(host)
    found = iommu.read(host)
    state = read_state(host, Record())
    goal = Goal() if spec is None else resolve(spec, state)
    asked = {pf.address: pf.num_vfs for pf in goal.pfs}
    rows = [_machine(host), _cpu(words), _table(found), _groups(found), *_interrupts(host, found), *_boot(host)]
    pfs = [pf for pf in state.pfs if pf.address in asked or pf.total_vfs >= 0 or pf.is_guest_vf or _has_settings(pf)]
    for pf in pfs:
        rows.extend(_pf(host, pf, asked.get(pf.address)))
    if not pfs:
        rows.append(Check("PFs", LOOK, "no function with SR-IOV", SRIOV_SETTING))
    return rows


def table(rows: list[Check]) -> list[str]:
    """The rows as lines of one width for each column."""
    cells = [("what", "", "found", "setting to look for"), *((r.item, r.verdict, r.found, r.setting) for r in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    return ["  ".join([*(text.ljust(width) for text, width in zip(row, widths)), row[3]]).rstrip() for row in cells]


def _machine(host: Host) -> Check:
    names = ("sys_vendor", "product_name", "bios_vendor", "bios_version", "bios_date")
    texts = [(host.read_text(f"/sys/class/dmi/id/{name}") or "").strip() for name in names]
    found = " ".join(text for text in texts if text)
    return Check("machine and BIOS", OK if found else UNKNOWN, found or "the firmware does not tell")


def _cpu(words: frozenset[str]) -> Check:
    item = "CPU virtualization"
    for flag, name in (("vmx", "Intel VT-x"), ("svm", "AMD-V (SVM)")):
        if flag in words:
            return Check(item, OK, f"{name} ({flag})")
    if "hypervisor" in words:
        return Check(item, LOOK, "none; this is a virtual machine", "nested virtualization in the hypervisor, for VMs")
    if not words:
        return Check(item, UNKNOWN, "/proc/cpuinfo has no flags")
    return Check(item, LOOK, "neither vmx nor svm", "Intel Virtualization Technology (VT-x), or SVM Mode; VMs need it")


def _table(found: IommuState) -> Check:
    item = "IOMMU in the firmware"
    setting = {INTEL: "Intel VT for Directed I/O (VT-d)", AMD: "IOMMU (AMD-Vi)"}.get(found.vendor, "IOMMU or SMMU")
    if found.table is not None:
        return Check(item, OK, f"the table {found.table}")
    if not found.acpi:
        return Check(item, UNKNOWN, "no ACPI tables to be seen")
    return Check(item, OK if found.groups else LOOK, "no table that announces one", "" if found.groups else setting)


def _groups(found: IommuState) -> Check:
    asked = " ".join(iommu.arguments(found.vendor))
    if found.groups:
        return Check("IOMMU in the kernel", OK, f"{found.groups} groups")
    setting = f"kernel arguments, which site sets: {asked}" if asked else ""
    return Check("IOMMU in the kernel", LOOK, "no groups", setting)


def _interrupts(host: Host, found: IommuState) -> Iterator[Check]:
    item, setting = "interrupt remapping", "Interrupt Remapping, beside VT-d or IOMMU"
    try:
        data = host.read_bytes(DMAR) or b""
    except HostError:
        data = b""
    flags = data[DMAR_FLAGS] if len(data) > DMAR_FLAGS else None
    if found.interrupt_remapping:
        yield Check(item, OK, "in use")
    elif flags is not None and not flags & INTR_REMAP:
        yield Check(item, LOOK, "the table DMAR says that there is none", setting)
    elif flags is not None:
        yield Check(item, OK, "announced by the table DMAR, not in use yet")
    elif found.interrupt_remapping is None:
        yield Check(item, UNKNOWN, "nothing tells")
    else:
        yield Check(item, LOOK, "not in use", setting)
    if "x2apic" in machine.cpu_words(host):
        out = flags is not None and flags & X2APIC_OPT_OUT
        yield Check(
            "x2APIC",
            LOOK if out else OK,
            "the CPU has it, the firmware forbids it" if out else "the CPU has it",
            "x2APIC, or X2APIC Opt Out off (needed above 255 CPU threads)" if out else "",
        )


def _boot(host: Host) -> Iterator[Check]:
    data = host.read_bytes(SECURE_BOOT)
    if data is None:
        yield Check("Secure Boot", OK, "off, or no UEFI")
    elif data[-1:] == b"\1":
        yield Check("Secure Boot", LOOK, "on: modules that nobody signed are not loaded", "Secure Boot, for igb_uio")
    else:
        yield Check("Secure Boot", OK, "off")
    text = host.read_text(LOCKDOWN)
    mode = (text or "").partition("[")[2].partition("]")[0]
    if mode in ("", "none"):
        yield Check("kernel lockdown", OK if text else UNKNOWN, mode or "the kernel does not tell")
    else:
        yield Check("kernel lockdown", LOOK, f"{mode}: mstconfig and no-IOMMU mode do not work", "Secure Boot")


def _pf(host: Host, pf: Pf, asked: int | None) -> Iterator[Check]:
    wish = "" if asked is None else f", the policies ask for {asked}"
    if pf.is_guest_vf:
        yield Check(pf.label, OK, f"a VF of the machine below{wish}")
    elif pf.total_vfs < 0:
        setting = f"{SRIOV_SETTING}, and SR-IOV in the NIC's own setup"
        yield Check(pf.label, LOOK, f"no SR-IOV capability{wish}", setting)
    elif pf.total_vfs < max(asked or 0, 1):
        yield Check(pf.label, LOOK, f"up to {pf.total_vfs} VFs{wish}", "number of VFs in the NIC's own setup")
    else:
        busy = "" if pci.driver(host.root, pf.address) else ", but no driver"
        yield Check(pf.label, LOOK if busy else OK, f"up to {pf.total_vfs} VFs{wish}{busy}")
    if _has_settings(pf):
        yield from _firmware(host, pf, asked)


def _has_settings(pf: Pf) -> bool:
    return quirks.of(pf.driver, pf.vendor).firmware_settings


def _firmware(host: Host, pf: Pf, asked: int | None) -> Iterator[Check]:
    item = f"{pf.label} firmware"
    found = mstconfig.read(host, pf.address)
    if found is None:
        yield Check(item, UNKNOWN, "mstconfig is not installed", "install mstflint to see SRIOV_EN and NUM_OF_VFS")
    elif found.error or found.enabled is None:
        yield Check(item, UNKNOWN, found.error or "mstconfig does not tell SRIOV_EN")
    else:
        told = f"SRIOV_EN={found.enabled} NUM_OF_VFS={'?' if found.vfs is None else found.vfs}"
        wanted = max(asked or 0, 1)
        if found.enabled and (found.vfs is None or found.vfs >= wanted):
            yield Check(item, OK, told)
        else:
            number = asked or found.vfs or 8
            yield Check(item, LOOK, told, f"{mstconfig.command(pf.address, number)}, then a cold boot")

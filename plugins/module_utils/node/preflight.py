# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running system tells of the BIOS and the NICs' firmware, with the setting to look for. Changes nothing.

Sources: Intel VT-d specification, DMAR table (flags INTR_REMAP and X2APIC_OPT_OUT); Linux
arch/x86/include/asm/cpufeatures.h; UEFI specification, SecureBoot; kernel_lockdown(7).
"""

from __future__ import annotations

import contextlib
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
    words = machine.cpu_text(host)
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


def _first(item: str, *cases: tuple[Any, str, str, str]) -> Check:
    """The row of the first case that holds: its condition, the verdict, what was found, the setting."""
    return next(Check(item, *row) for holds, *row in cases if holds)


def _cpu(words: frozenset[str]) -> Check:
    nested = "nested virtualization in the hypervisor, for VMs"
    setting = "Intel Virtualization Technology (VT-x), or SVM Mode; VMs need it"
    return _first(
        "CPU virtualization",
        ("vmx" in words, OK, "Intel VT-x (vmx)", ""),
        ("svm" in words, OK, "AMD-V (SVM) (svm)", ""),
        ("hypervisor" in words, LOOK, "none; this is a virtual machine", nested),
        (not words, UNKNOWN, "/proc/cpuinfo has no flags", ""),
        (True, LOOK, "neither vmx nor svm", setting),
    )


def _table(found: IommuState) -> Check:
    setting = {INTEL: "Intel VT for Directed I/O (VT-d)", AMD: "IOMMU (AMD-Vi)"}.get(found.vendor, "IOMMU or SMMU")
    return _first(
        "IOMMU in the firmware",
        (found.table is not None, OK, f"the table {found.table}", ""),
        (not found.acpi, UNKNOWN, "no ACPI tables to be seen", ""),
        (found.groups, OK, "no table that announces one", ""),
        (True, LOOK, "no table that announces one", setting),
    )


def _groups(found: IommuState) -> Check:
    asked = " ".join(iommu.arguments(found.vendor))
    setting = f"kernel arguments, which site sets: {asked}" if asked else ""
    none = (True, LOOK, "no groups", setting)
    return _first("IOMMU in the kernel", (found.groups, OK, f"{found.groups} groups", ""), none)


def _interrupts(host: Host, found: IommuState) -> Iterator[Check]:
    setting = "Interrupt Remapping, beside VT-d or IOMMU"
    data = b""
    with contextlib.suppress(HostError):
        data = host.read_bytes(DMAR) or b""
    flags = data[DMAR_FLAGS] if len(data) > DMAR_FLAGS else None
    yield _first(
        "interrupt remapping",
        (found.interrupt_remapping, OK, "in use", ""),
        (flags is not None and not flags & INTR_REMAP, LOOK, "the table DMAR says that there is none", setting),
        (flags is not None, OK, "announced by the table DMAR, not in use yet", ""),
        (found.interrupt_remapping is None, UNKNOWN, "nothing tells", ""),
        (True, LOOK, "not in use", setting),
    )
    if "x2apic" in machine.cpu_text(host):
        forbidden = flags is not None and flags & X2APIC_OPT_OUT
        setting = "x2APIC, or X2APIC Opt Out off (needed above 255 CPU threads)"
        yield _first(
            "x2APIC",
            (forbidden, LOOK, "the CPU has it, the firmware forbids it", setting),
            (True, OK, "the CPU has it", ""),
        )


def _boot(host: Host) -> Iterator[Check]:
    data = host.read_bytes(SECURE_BOOT)
    on = (data or b"")[-1:] == b"\1"
    yield _first(
        "Secure Boot",
        (data is None, OK, "off, or no UEFI", ""),
        (on, LOOK, "on: modules that nobody signed are not loaded", "Secure Boot, for igb_uio"),
        (True, OK, "off", ""),
    )
    text = host.read_text(LOCKDOWN)
    mode = (text or "").partition("[")[2].partition("]")[0]
    yield _first(
        "kernel lockdown",
        (mode not in ("", "none"), LOOK, f"{mode}: mstconfig and no-IOMMU mode do not work", "Secure Boot"),
        (True, OK if text else UNKNOWN, mode or "the kernel does not tell", ""),
    )


def _pf(host: Host, pf: Pf, asked: int | None) -> Iterator[Check]:
    wish = "" if asked is None else f", the policies ask for {asked}"
    room = f"up to {pf.total_vfs} VFs{wish}"
    yield _first(
        pf.label,
        (pf.is_guest_vf, OK, f"a passthrough VF (its PF belongs to the hypervisor){wish}", ""),
        (pf.total_vfs < 0, LOOK, f"no SR-IOV capability{wish}", f"{SRIOV_SETTING}, and SR-IOV in the NIC's own setup"),
        (pf.total_vfs < max(asked or 0, 1), LOOK, room, "number of VFs in the NIC's own setup"),
        (pci.driver(host.root, pf.address), OK, room, ""),
        (True, LOOK, f"{room}, but no driver", ""),
    )
    if _has_settings(pf):
        yield _firmware(f"{pf.label} firmware", mstconfig.read(host, pf.address), pf, asked)


def _has_settings(pf: Pf) -> bool:
    return quirks.of(pf.driver, pf.vendor).firmware_settings


def _firmware(item: str, found: mstconfig.NicFirmware | None, pf: Pf, asked: int | None) -> Check:
    if found is None:
        return Check(item, UNKNOWN, "mstconfig is not installed", "install mstflint to see SRIOV_EN and NUM_OF_VFS")
    told = f"SRIOV_EN={found.enabled} NUM_OF_VFS={'?' if found.vfs is None else found.vfs}"
    enough = found.enabled and (found.vfs is None or found.vfs >= max(asked or 0, 1))
    setting = f"{mstconfig.command(pf.address, asked or found.vfs or 8)}, then a cold boot"
    return _first(
        item,
        (found.error, UNKNOWN, found.error, ""),
        (found.enabled is None, UNKNOWN, "mstconfig does not tell SRIOV_EN", ""),
        (enough, OK, told, ""),
        (True, LOOK, told, setting),
    )

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The neutral words, and what each vendor calls them: one row for each, with its source and how sure it is.

HIGH: read in a captured registry of such a machine. MEDIUM: in programs that run against such machines. LOW: from
general knowledge, not checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..redfish.vendors import Vendor

HIGH, MEDIUM, LOW = "high", "medium", "low"


@dataclass(frozen=True)
class Word:
    """A neutral word. display: what its text in a registry looks like, where no row of a vendor fits."""

    name: str
    meaning: str
    display: str


WORDS = (
    Word("cpu_virtualization", "virtualization of the CPU (VT-x, AMD-V)",
         r"(intel(\(r\))? )?virtualization technology( \(intel(\(r\))? vt\))?|svm( mode)?|vmx|vt-x"),
    Word("iommu", "IOMMU (VT-d, AMD-Vi)",
         r"(intel(\(r\))? )?(vt for directed i/o( \(vt-d\))?|vt-d)"
         r"|(amd )?(iommu|amd-vi|i/o virtualization technology)"),
    Word("sriov", "SR-IOV on the PCI bus", r"(pcie? )?sr-?iov( (global )?(support|enable))?"),
    Word("above_4g", "PCI memory above 4 GiB",
         r"above 4 ?gb? (decoding|mmio.*)|(memory mapped i/o|mmio) above 4 ?gb?|pci 64-?bit resource allocation"),
    Word("x2apic", "x2APIC", r"(processor )?x2apic( (mode|support))?|extended apic"),
    Word("interrupt_remapping", "interrupt remapping", r"interrupt remap(ping)?|dma remapping"),
    Word("acs", "PCI Access Control Services", r"acs( (enable|support|control))?|(pcie? )?access control services?"),
)  # fmt: skip
NAMES = tuple(word.name for word in WORDS)

# Values that mean on or off, in pairs: the one that is sent has the form that the attribute's own values have.
PAIRS = (
    ("Enabled", "Disabled"), ("Enable", "Disable"), ("enabled", "disabled"), (True, False), (1, 0), ("1", "0"),
    ("On", "Off"), ("Yes", "No"), ("True", "False"), ("ForceEnabled", "Disabled"), ("x2APIC", "xAPIC"),
    ("X2APIC", "XAPIC"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What a vendor calls a word.

    attributes: names of attributes, as patterns; all that a machine has are meant. confidence: HIGH, MEDIUM or LOW.
    always_on: the vendor has no such attribute, since it is never off.
    """

    vendor: str
    word: str
    attributes: tuple[str, ...]
    confidence: str
    source: str
    always_on: bool = False


_HEX = "[0-9A-F]{4}"
_DUMP = "attribute registry of "
# Of a vendor and a word, the first row that fits a machine counts.
ROWS = (
    Row("dell", "cpu_virtualization", ("ProcVirtualization",), HIGH, _DUMP + "a PowerEdge R750, iDRAC9"),
    Row("dell", "iommu", ("IommuSupport",), MEDIUM, "playbooks for PowerEdge machines with AMD's CPUs"),
    Row("dell", "iommu", ("ProcVirtualization",), HIGH, _DUMP + "a PowerEdge R750: VT-d has no attribute of its own"),
    Row("dell", "sriov", ("SriovGlobalEnable",), HIGH, _DUMP + "a PowerEdge R750, iDRAC9"),
    Row("dell", "above_4g", ("MmioAbove4Gb",), HIGH, _DUMP + "a PowerEdge R750, iDRAC9"),
    Row("dell", "x2apic", ("ProcX2Apic",), HIGH, _DUMP + "a PowerEdge R750, iDRAC9"),
    Row("hpe", "cpu_virtualization", ("ProcVirtualization",), HIGH, _DUMP + "a ProLiant Gen10 (U58)"),
    Row("hpe", "cpu_virtualization", ("ProcAmdVirtualization",), MEDIUM, "playbooks for ProLiant with AMD's CPUs"),
    Row("hpe", "iommu", ("IntelProcVtd",), HIGH, _DUMP + "a ProLiant Gen10 (U58)"),
    Row("hpe", "iommu", ("ProcAmdIoVt",), HIGH, "iLO 6 documentation, registry A42"),
    Row("hpe", "iommu", ("ProcVirtualization",), MEDIUM, "reports about iLO 7 with Intel's CPUs: no IntelProcVtd"),
    Row("hpe", "sriov", ("Sriov",), HIGH, _DUMP + "a ProLiant Gen10 (U58); A42"),
    Row("hpe", "above_4g", (), MEDIUM, "no attribute in U58 and A42; PciResourcePadding is for NVMe", always_on=True),
    Row("hpe", "x2apic", ("ProcX2Apic",), HIGH, _DUMP + "a ProLiant Gen10 (U58); A42"),
    Row("hpe", "interrupt_remapping", ("AmdDmaRemapping",), HIGH, "iLO 6 documentation, registry A42"),
    Row("hpe", "acs", ("AccessControlService",), HIGH, "iLO 6 documentation, registry A42"),
    Row("lenovo", "cpu_virtualization", ("Processors_IntelVirtualizationTechnology",), HIGH, _DUMP + "XCC, Intel"),
    Row("lenovo", "cpu_virtualization", ("Processors_SVMMode",), MEDIUM, "playbooks for XCC, AMD"),
    Row("lenovo", "iommu", ("DevicesandIOPorts_IntelVTforDirectedIOVTd",), HIGH, _DUMP + "XCC, Intel"),
    Row("lenovo", "iommu", ("DevicesandIOPorts_IOMMU",), MEDIUM, "playbooks for XCC, AMD"),
    Row("lenovo", "sriov", ("DevicesandIOPorts_SRIOV",), HIGH, _DUMP + "XCC; missing on older UEFI"),
    Row("lenovo", "above_4g", ("DevicesandIOPorts_PCI64BitResourceAllocation",), LOW, "not checked"),
    Row("lenovo", "x2apic", ("Processors_(x2APIC|APICMode)",), LOW, "not checked"),
    Row("supermicro", "cpu_virtualization", (f"IntelVirtualizationTechnology[_#]{_HEX}",), HIGH, _DUMP + "X12, X13"),
    Row("supermicro", "cpu_virtualization", (f"SVMMode[_#]{_HEX}",), LOW, "not checked"),
    Row("supermicro", "iommu", (f"IntelVTforDirectedI_O_VT_d__{_HEX}",), HIGH, _DUMP + "X12, X13"),
    Row("supermicro", "iommu", (rf"IntelVTforDirectedI/O\(VT-d\)#{_HEX}",), HIGH, "clients of older boards"),
    Row("supermicro", "iommu", (f"IOMMU[_#]{_HEX}",), LOW, "not checked"),
    Row("supermicro", "sriov", (f"SR_IOVSupport(_{_HEX})?", f"SR-IOVSupport#{_HEX}"), HIGH, _DUMP + "X12, X13, GB200"),
    Row("supermicro", "above_4g", (f"Above4GDecoding([_#]{_HEX})?",), HIGH, _DUMP + "X12, X13, GB200"),
    Row("supermicro", "x2apic", (f"ExtendedAPIC[_#]{_HEX}",), HIGH, _DUMP + "X13"),
    Row("supermicro", "interrupt_remapping", (f"InterruptRemapping[_#]{_HEX}",), HIGH, _DUMP + "X13"),
    Row("supermicro", "acs", (f"ACSEnable[_#]{_HEX}",), LOW, "not checked"),
    Row("ami", "cpu_virtualization", ("ProcessorVmxEnable",), HIGH, _DUMP + "a DGX H100"),
    Row("ami", "iommu", ("VTdSupport",), HIGH, _DUMP + "a DGX H100"),
    Row("ami", "sriov", ("SriovSupport", "SRIOVEnable"), HIGH, _DUMP + "a DGX H100: one in each of two menus"),
    Row("huawei", "cpu_virtualization", ("Processor(Vmx|VMX)Enable",), MEDIUM, "clients of iBMC"),
    Row("huawei", "iommu", ("VTdSupport",), MEDIUM, "clients of iBMC"),
    Row("huawei", "sriov", ("SRIOVEnable", "PCIeSRIOVSupport"), MEDIUM, "clients of iBMC"),
    Row("huawei", "x2apic", ("ProcessorX2(APIC|apic)",), MEDIUM, "clients of iBMC"),
    Row("huawei", "interrupt_remapping", ("InterruptRemap",), MEDIUM, "clients of iBMC"),
    Row("intel", "cpu_virtualization", ("ProcessorVmxEnable",), MEDIUM, "clients of server boards; values are numbers"),
    Row("intel", "iommu", ("VTdSupport",), MEDIUM, "clients of server boards; values are numbers"),
    Row("intel", "sriov", ("SRIOVEnable",), MEDIUM, "clients of server boards; values are numbers"),
    Row("intel", "x2apic", ("ProcessorX2apic",), MEDIUM, "clients of server boards; values are numbers"),
    Row("cisco", "cpu_virtualization", ("IntelVT",), MEDIUM, "CIMC's XML configuration; Redfish not checked"),
    Row("cisco", "iommu", ("IntelVTD",), MEDIUM, "CIMC's XML configuration; Redfish not checked"),
    Row("cisco", "sriov", ("SrIov",), LOW, "not checked"),
    Row("cisco", "above_4g", ("MemoryMappedIOAbove4GB",), MEDIUM, "CIMC's XML configuration; Redfish not checked"),
    Row("cisco", "x2apic", ("LocalX2Apic",), MEDIUM, "CIMC's XML configuration; Redfish not checked"),
    Row("cisco", "interrupt_remapping", ("InterruptRemap",), MEDIUM, "CIMC's XML configuration; Redfish not checked"),
)


def row_of(vendor: Vendor, word: str, attributes: set[str]) -> tuple[Row | None, list[str]]:
    """The vendor's row for a word on a machine with these attributes, and those that are meant."""
    for row in ROWS:
        if (row.vendor, row.word) != (vendor.name, word):
            continue
        meant = [name for name in sorted(attributes) if any(re.fullmatch(one, name) for one in row.attributes)]
        if meant or row.always_on:
            return row, meant
    return None, []


def by_display(word: str, displays: dict[str, str]) -> list[str]:
    """The attributes whose text in the registry is the word's. displays: attribute -> its text."""
    pattern = next(one.display for one in WORDS if one.name == word)
    return [name for name, shown in sorted(displays.items()) if re.fullmatch(pattern, " ".join(shown.split()), re.I)]

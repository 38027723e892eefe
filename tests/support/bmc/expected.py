# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected: what is sent to each vendor's BIOS for the neutral words, and what a person reads for a wrong wish.

source: the attributes in support/bmc/vendors, which have theirs; Metal3's HostFirmwareSettings for the meaning of the
words. That all mistakes are told at once, with path, expected, found and what to do: the rule of this project.
"""

from __future__ import annotations

from typing import Any

ALL_ON = {"cpu_virtualization": True, "iommu": True, "sriov": True}
# Vendor -> what is sent for ALL_ON where all of it is off, or as support/bmc/vendors has it.
SENT: dict[str, dict[str, Any]] = {
    "dell": {"ProcVirtualization": "Enabled", "SriovGlobalEnable": "Enabled"},
    "hpe": {"IntelProcVtd": "Enabled", "Sriov": "Enabled"},
    "lenovo": {"DevicesandIOPorts_IntelVTforDirectedIOVTd": "Enabled", "DevicesandIOPorts_SRIOV": "Enabled"},
    "supermicro": {
        "IntelVirtualizationTechnology_0042": "Enable", "IntelVTforDirectedI_O_VT_d__00A1": "Enable",
        "SR_IOVSupport_0048": "Enabled",
    },
    "ami": {"ProcessorVmxEnable": "Enable", "VTdSupport": "Enable", "SriovSupport": "Enabled"},
    "other": {"CHPS012": "Enable", "PCIS007": "Enabled"},
}  # fmt: skip

# Further words, where a vendor has them: what is sent for them alone.
MORE: list[tuple[str, dict[str, bool], dict[str, Any]]] = [
    ("dell", {"x2apic": True, "above_4g": True}, {"ProcX2Apic": "Enabled"}),
    ("dell", {"above_4g": False}, {"MmioAbove4Gb": "Disabled"}),
    ("hpe", {"x2apic": True, "above_4g": True}, {"ProcX2Apic": "Enabled"}),  # above 4G: never off there
    ("lenovo", {"above_4g": True}, {"DevicesandIOPorts_PCI64BitResourceAllocation": "Enabled"}),
    ("supermicro", {"x2apic": True, "interrupt_remapping": True}, {
        "ExtendedAPIC_00B2": "Enable", "InterruptRemapping_00B3": "Enable"}),
    ("ami", {"sriov": False}, {"SRIOVEnable": "Disable"}),
]  # fmt: skip

# Name, vendor, options of the wish, how each mistake begins.
WRONG: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("word", "dell", {"words": {"iomu": True}},
     ["settings.iomu: expected one of cpu_virtualization, iommu, sriov, above_4g, x2apic, interrupt_remapping, acs. "
      "Did you mean iommu?"]),
    ("attribute", "dell", {"attributes": {"SriovGlobalEnabled": "Enabled"}},
     ["attributes.SriovGlobalEnabled: expected an attribute of this BIOS, found SriovGlobalEnabled. "
      "Did you mean SriovGlobalEnable?"]),
    ("value", "dell", {"attributes": {"SriovGlobalEnable": "enabled"}},
     ["attributes.SriovGlobalEnable: SriovGlobalEnable: expected one of Enabled, Disabled, found 'enabled'. "
      "Did you mean Enabled?"]),
    ("bogus", "supermicro", {"attributes": {"SR_IOVSupport_0048": "Bogus"}},
     ["attributes.SR_IOVSupport_0048: SR_IOVSupport_0048: expected one of Disabled, Enabled, found 'Bogus'."]),
    ("yaml-boolean", "dell", {"attributes": {"SriovGlobalEnable": True}},
     ["attributes.SriovGlobalEnable: SriovGlobalEnable: expected one of Enabled, Disabled, found True."]),
    ("range", "dell", {"attributes": {"AcPwrRcvryUserDelay": 700}},
     ["attributes.AcPwrRcvryUserDelay: AcPwrRcvryUserDelay: expected a whole number from 60 to 600, found 700."]),
    ("number-as-text", "dell", {"attributes": {"AcPwrRcvryUserDelay": "60"}},
     ["attributes.AcPwrRcvryUserDelay: AcPwrRcvryUserDelay: expected a whole number, found '60'. Write it without"]),
    ("read-only", "hpe", {"attributes": {"AssetTagProtection": "Locked"}},
     ["attributes.AssetTagProtection: AssetTagProtection: expected an attribute that may be changed, found 'Locked'. "
      "The registry says that it is read-only."]),
    ("not-there", "hpe", {"words": {"acs": True}},
     ["settings.acs: expected an attribute of this machine for it, found none: hpe's table and its registry"]),
    ("never-off", "hpe", {"words": {"above_4g": False}}, ["settings.above_4g: expected on: hpe's name"]),
    ("contradiction", "dell", {"words": {"cpu_virtualization": True, "iommu": False}},
     ["settings.iommu: ProcVirtualization shall be 'Disabled', while settings.cpu_virtualization asks for 'Enabled'"]),
    ("part-without-whole", "dell", {"words": {"iommu": False, "x2apic": True}},
     ["settings.x2apic: expected off, or left out, where iommu is off"]),
    ("all-at-once", "dell", {"words": {"acs": True}, "attributes": {"Nix": 1, "SriovGlobalEnable": "On"}},
     ["settings.acs: ", "attributes.Nix: ", "attributes.SriovGlobalEnable: "]),
    ("names", "dell", {"words": {"acs": True}, "names": {"acs": {"attribut": "X"}}},
     ["names.acs: expected attribute, and on and off"]),
]  # fmt: skip

# How a BMC fails -> what a person reads. times: of requests after the login.
BROKEN: dict[str, str] = {
    "hang": "expected an answer within 0.4 s; found none.",
    "drip": "expected an answer within 0.4 s; found none.",
    "die": "expected an answer; found the connection failed",
    "html": "expected a JSON object; found HTML: '<!DOCTYPE html>",
    "huge": "expected at most 8388608 bytes; found more.",
    "elsewhere": "expected a path at this BMC; found a way to 'https://192.0.2.1/redfish/v1/'",
    "500": "expected success; found HTTP status 500: Base.1.8.GeneralError It went wrong",
}

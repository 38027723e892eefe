# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vendors, and how their BMCs differ in their ways."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Vendor:
    """How a vendor's BMC differs in its ways. marks: how it names itself, in lower case.

    needs_apply_time: without an apply time values are staged and no reset applies them. job_lock: a job that is
    scheduled refuses further changes. more_resets: the host resets by itself that often after the one that was asked.
    """

    name: str
    marks: tuple[str, ...]
    needs_apply_time: bool = False
    job_lock: bool = False
    more_resets: int = 0


VENDORS = (
    Vendor("dell", ("dell",), needs_apply_time=True, job_lock=True),  # dellemc.openmanage, idrac_bios and its reports
    Vendor("hpe", ("hpe", "hp", "hewlett")),
    Vendor("lenovo", ("lenovo",)),
    Vendor("supermicro", ("supermicro", "super micro")),
    Vendor("huawei", ("huawei", "xfusion")),
    Vendor("intel", ("intel",)),
    Vendor("cisco", ("cisco",)),
    Vendor("ami", ("ami", "american megatrends", "nvidia")),
)
OTHER = Vendor("other", ())


def vendor_of(*told: str) -> Vendor:
    """The vendor by what a BMC tells of itself, the best first: Vendor, names below Oem, the system's maker."""
    for one in told:
        name = one.strip().lower()
        for vendor in VENDORS:
            if any(name == mark or name.startswith((f"{mark} ", f"{mark},")) for mark in vendor.marks):
                return vendor
    return OTHER

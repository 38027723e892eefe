# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drivers of PFs do in a way of their own: one row for each, with its source."""

from __future__ import annotations

# The PF refuses a VF's own MAC while it has an administrator's, and forgets that one when told zeros.
FREES_MAC_WITH_ZEROS = "frees MAC with zeros"
# The file of a VF's VLAN trunk takes one range at a time, `add 20 30`, where others take a list, `add 10,20-30`.
TRUNK_RANGES_APART = "trunk ranges apart"
_QUIRKS = {
    "igb": (FREES_MAC_WITH_ZEROS,),  # source: Linux, igb_main.c, igb_ndo_set_vf_mac
    "mlx5_core": (TRUNK_RANGES_APART,),  # source: NVIDIA MLNX_OFED, eswitch sysfs, SR-IOV VF VLAN trunk (VGT+)
}


def has(driver: str | None, quirk: str) -> bool:
    """True where the driver has it."""
    return quirk in _QUIRKS.get(driver or "", ())

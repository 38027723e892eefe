# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PFs do in ways of their own, by their driver: one row for each, with its source. Pure."""

from __future__ import annotations

import errno

from ..model.frozen import dataclass
from ..shared.driver_kinds import is_userspace


@dataclass(frozen=True)
class Quirks:
    """One row. The defaults are for drivers without one."""

    drivers: tuple[str, ...] = ()
    vendor: str = ""  # the row holds for its NICs, by their PCI vendor, with any driver
    mode_before_vfs: bool = False  # the eswitch mode changes while there are no VFs; else with VFs without drivers
    refused_without_link: tuple[str, ...] = ("min_tx_rate", "max_tx_rate")  # a VF's attributes that are tried again
    busy: tuple[int, ...] = (errno.EAGAIN, errno.EBUSY)  # the answers to a VF's setting while it is being reset
    busy_seconds: float = 10.0  # for which it is tried again then
    firmware_settings: bool = False  # SR-IOV may be switched off in the NIC's firmware, where mstconfig tells it
    has_interface: bool = True


QUIRKS = (
    # mstconfig(1): SRIOV_EN and NUM_OF_VFS take effect with the next cold boot or a reset of the firmware.
    Quirks(("mlx5_core", "mlx4_core"), vendor="15b3", firmware_settings=True),
    # Linux drivers/net/ethernet/intel/ice/ice_eswitch.c, ice_eswitch_mode_set: EOPNOTSUPP with VFs.
    # ice_vf_lib.c, ice_check_vf_ready_for_cfg: EBUSY while a VF resets, which takes its own driver seconds.
    Quirks(("ice",), mode_before_vfs=True, busy_seconds=30.0),
    # Linux drivers/net/ethernet/intel/i40e/i40e_virtchnl_pf.c, i40e_check_vf_init_timeout: EAGAIN while a VF resets.
    Quirks(("i40e",), busy_seconds=30.0),
    # Linux drivers/net/ethernet/intel/igb/igb_main.c, igb_ndo_set_vf_bw, ixgbe/ixgbe_sriov.c, ixgbe_ndo_set_vf_bw:
    # EINVAL while the link is down. Other drivers are given the same time.
    Quirks(("igb", "ixgbe"), refused_without_link=("min_tx_rate", "max_tx_rate")),
    # Linux drivers/pci/pci-stub.c, pci-pf-stub.c; drivers/xen/xen-pciback.
    Quirks(("pci-stub", "pci-pf-stub", "pciback", "xen-pciback"), has_interface=False),
    # Linux drivers/net/ethernet/cavium/thunder/nic_main.c: the VFs alone have interfaces.
    Quirks(("nicpf",), has_interface=False),
)


def of(driver: str | None, vendor: str = "") -> Quirks:
    """The row of a PF."""
    return next((row for row in QUIRKS if driver in row.drivers or vendor == row.vendor != ""), Quirks())


def makes_no_interface(driver: str) -> bool:
    """True for drivers that make no network interface of a NIC."""
    return is_userspace(driver) or not of(driver).has_interface

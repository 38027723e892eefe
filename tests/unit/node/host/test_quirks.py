# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of PFs' ways of their own."""

from __future__ import annotations

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host import quirks
from ansible_collections.baremetal.sriov.plugins.module_utils.host.quirks import QUIRKS, Quirks


@pytest.mark.parametrize(
    ("driver", "vendor", "mode_before_vfs", "firmware_settings"),
    [
        ("igb", "8086", False, False),
        ("ice", "8086", True, False),
        ("mlx5_core", "15b3", False, True),
        ("vfio-pci", "15b3", False, True),
        ("bnxt_en", "14e4", False, False),
        ("", "", False, False),
        (None, "8086", False, False),
    ],
)
def test_rows(driver: str | None, vendor: str, mode_before_vfs: bool, firmware_settings: bool) -> None:
    found = quirks.of(driver, vendor)
    assert (found.mode_before_vfs, found.firmware_settings) == (mode_before_vfs, firmware_settings)


def test_each_driver_has_one_row_and_one_without_has_the_defaults() -> None:
    drivers = [driver for row in QUIRKS for driver in row.drivers]
    assert len(set(drivers)) == len(drivers)
    assert quirks.of("acme") == Quirks()

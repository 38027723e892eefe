# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An emulated node behind a BMC of the project's own, whose BIOS has the IOMMU off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import standalone

from sriovlab.guest import Lab
from support.bmc.fake import PASSWORD, USER
from support.bmc.lab import IOMMU, LabBmc, Wires, command
from support.bmc.server import Farm


@pytest.fixture(scope="module")
def bmc() -> Iterator[LabBmc]:
    """The node's BMC; the node is on, from its pristine disk, as the machine that the BIOS makes."""
    standalone.start(pristine=True)
    made = LabBmc(Wires(command(standalone.LAB)), **{IOMMU: "Disable"})
    made.reset("ForceRestart")
    made.wires.wait()
    made.resets.clear()
    standalone.start(pristine=False)
    yield made
    made.wires.wait()


@pytest.fixture(scope="module")
def access(bmc: LabBmc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Variables of the way to the BMC."""
    with Farm() as farm:
        yield {
            "sriov_bmc_address": farm.add(bmc), "sriov_bmc_username": USER, "sriov_bmc_password": PASSWORD,
            "sriov_bmc_validate_certs": False, "sriov_bios_settings": {"iommu": True},
            "sriov_bios_record": str(tmp_path_factory.mktemp("record")), "sriov_reboot_ok": True,
            "sriov_provision_force": True,
        }  # fmt: skip


@pytest.fixture
def lab(bmc: LabBmc) -> Lab:
    """The node as it is."""
    bmc.wires.wait()
    return Lab.from_state()

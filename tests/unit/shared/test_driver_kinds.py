# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One driver, three programs, one answer: the node library, the device plugin and the CNI plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.state import Vf as NodeVf
from ansible_collections.baremetal.sriov.plugins.module_utils.shared import driver_kinds
from sriov_cni.vf.vf import Vf as CniVf
from sriov_device_plugin.host.discovery import Scanner
from support.dp_host import FakeHost
from support.driver_table import KERNEL, KINDS, NONE, UIO, VFIO

PF = "0000:01:00.0"
ROWS = [pytest.param(driver, kind, id=f"finding-cni-15-{driver or repr(driver)}") for driver, kind in KINDS.items()]
BOUND = [row for row in ROWS if row.values[1] != NONE]


@pytest.mark.parametrize(("driver", "kind"), ROWS)
def test_kind(driver: str | None, kind: str) -> None:
    assert driver_kinds.kind(driver) == kind
    assert driver_kinds.is_vfio(driver) == (kind == VFIO)
    assert driver_kinds.is_uio(driver) == (kind == UIO)
    assert driver_kinds.is_userspace(driver) == (kind in (VFIO, UIO))


@pytest.mark.parametrize(("driver", "kind"), ROWS)
def test_node_library(driver: str | None, kind: str) -> None:
    """A VF under the kernel's driver and without an interface here is in another namespace; others are not."""
    assert NodeVf(0, "0000:01:10.0", driver=driver or None).in_other_netns == (kind == KERNEL)


@pytest.mark.parametrize(("driver", "kind"), BOUND)
def test_cni_plugin(driver: str, kind: str) -> None:
    """Whether ADD moves an interface."""
    assert CniVf("0000:01:10.0", PF, 0, driver).kernel == (kind == KERNEL)


@pytest.mark.parametrize(("driver", "kind"), BOUND)
def test_device_plugin(tmp_path: Path, driver: str, kind: str) -> None:
    """Which of the device files that sysfs names is one of the VF's for this driver: VFIO's, UIO's, or none."""
    host = FakeHost(tmp_path)
    host.add(PF)
    (vf,) = host.add_vfs(PF, 1)
    host.bind(vf, driver, 20)
    host.uio(vf, "uio0")
    (host.pci(vf) / "vfio-dev" / "vfio0").mkdir(parents=True, exist_ok=True)
    (found,) = (device for device in Scanner(str(tmp_path)).scan(["02"]) if device.id == vf)
    assert (bool(found.vfio_node), bool(found.uio)) == (kind == VFIO, kind == UIO)

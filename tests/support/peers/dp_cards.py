# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards that the emulated node has not got, on a made-up host, and configurations for them.

Accelerators, RDMA, UIO, a PF without VFs, DDP packages (told by a ddptool of ours), vfio without an IOMMU, a VF without
a driver, and one whose interface is in a pod.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.dp_host import FakeHost
from support.peers.dp_table import Case, many, one, resource

ACCELERATOR, DRIVERLESS = "0000:05:00.0", "0000:05:00.1"
RDMA, UIO, PF_ALONE, DDP, NO_IOMMU, NO_DRIVER = (f"0000:{bus}:00.0" for bus in ("06", "07", "08", "09", "0a", "0b"))
DDPTOOL = """#!/bin/sh
for word; do last=$word; done
case $last in
0000:09:*) echo '{"DDPInventory": {"DDPpackage": {"name": "GTPv1-C/U"}}}';;
*) exit 8;;
esac
"""


def vfs(pf: str, count: int) -> list[str]:
    """Their addresses, as FakeHost makes them."""
    return [f"{pf[:8]}10.{2 * number}" for number in range(count)]


def host(folder: Path) -> FakeHost:
    """All of them."""
    made = FakeHost(folder)
    made.add(ACCELERATOR, driver="vfio-pci", ids="8086:0d5c", klass="0x120000", group=30)
    made.add(DRIVERLESS, driver="", ids="8086:0d5c", klass="0x120000")
    made.add(RDMA, name="ens6", driver="mlx5_core", ids="15b3:101d", totalvfs=4, numa=1)
    for number, address in enumerate(made.add_vfs(RDMA, 2, driver="mlx5_core", ids="15b3:101e"), 2):
        made.rdma(address, f"mlx5_{number}", number)
    if not Path("/dev/infiniband/rdma_cm").exists():  # the Go plugin looks for it at this machine's own place
        made.real("/dev/infiniband/rdma_cm").unlink()
    made.add(UIO, name="ens7", driver="ice", ids="8086:1592", totalvfs=8)
    for number, address in enumerate(made.add_vfs(UIO, 3, driver="", ids="8086:1889")):
        made.bind(address, "igb_uio" if number < 2 else "uio_pci_generic")
        made.uio(address, f"uio{number}")
    made.add(PF_ALONE, name="ens8", driver="ice", ids="8086:1592", totalvfs=8)
    made.add(DDP, name="ens9", driver="i40e", ids="8086:1572", totalvfs=8)
    in_pod = made.add_vfs(DDP, 2, driver="iavf", ids="8086:154c")[1]
    made.netdev_to_pod(in_pod)
    made.add(NO_IOMMU, name="ens10", driver="bnxt_en", ids="14e4:16d8", totalvfs=4)
    (vf,) = made.add_vfs(NO_IOMMU, 1, driver="", ids="14e4:16dc")
    made.bind(vf, "vfio-pci", 40, noiommu=True)
    made.add(NO_DRIVER, name="ens11", driver="bnxt_en", ids="14e4:16d8", totalvfs=4)
    made.add_vfs(NO_DRIVER, 1, driver="", ids="14e4:16dc")
    tool = folder / "bin" / "ddptool"
    tool.parent.mkdir()
    tool.write_text(DDPTOOL)
    tool.chmod(0o755)
    return made


def accelerators(case: str, selectors: Any, *ids: str) -> Case:
    """A pool of them."""
    return one(case, "README", selectors, [*ids], deviceType="accelerator")


CASES = [
    accelerators("accelerators", {"vendors": ["8086"]}, ACCELERATOR),
    accelerators("accelerators-devices", {"devices": ["0d5c"]}, ACCELERATOR),
    accelerators("accelerators-drivers", {"drivers": ["vfio-pci"]}, ACCELERATOR),
    accelerators("accelerators-addresses", {"pciAddresses": [ACCELERATOR]}, ACCELERATOR),
    accelerators("accelerators-other", {"vendors": ["15b3"]}),
    accelerators("accelerators-all", {}, ACCELERATOR),
    one("accelerator-is-no-nic", "source", {"pciAddresses": [ACCELERATOR]}, []),
    one("rdma", "README", {"isRdma": True}, vfs(RDMA, 2)),
    one("rdma-of-a-vf", "README", {"isRdma": True, "pfNames": ["ens6#1"]}, vfs(RDMA, 2)[1:]),
    one("rdma-not-asked", "test", {"pfNames": ["ens6"]}, vfs(RDMA, 2)),
    one("rdma-of-others", "README", {"isRdma": True, "vendors": ["8086"]}, []),
    one("uio", "README", {"drivers": ["igb_uio"]}, vfs(UIO, 2)),
    one("uio-generic", "users", {"drivers": ["uio_pci_generic"]}, vfs(UIO, 3)[2:]),
    one("pf-without-vfs", "docs", {"drivers": ["ice"]}, [PF_ALONE]),
    one("pf-without-vfs-by-name", "docs", {"pfNames": ["ens8"]}, []),
    one("ddp", "README", {"ddpProfiles": ["GTPv1-C/U"], "pfNames": ["ens9"]}, vfs(DDP, 2)),
    one("ddp-other", "README", {"ddpProfiles": ["PPPoE"]}, []),
    one("no-iommu", "source", {"pfNames": ["ens10"]}, vfs(NO_IOMMU, 1)),
    one("no-driver", "users", {"pfNames": ["ens11"]}, []),
    one("in-a-pod", "users", {"pfNames": ["ens9"]}, vfs(DDP, 2)),
    many("all-kinds", "README", resource("fpga", {"vendors": ["8086"]}, deviceType="accelerator"),
         resource("rdma", {"isRdma": True}), resource("rest", {"vendors": ["8086"]}),
         offers={"fpga": [ACCELERATOR], "rdma": vfs(RDMA, 2), "rest": [PF_ALONE, *vfs(UIO, 3), *vfs(DDP, 2)]}),
]
IDS = [ACCELERATOR, DRIVERLESS, PF_ALONE, *(vf for pf in (RDMA, UIO, DDP, NO_IOMMU, NO_DRIVER) for vf in vfs(pf, 3))]

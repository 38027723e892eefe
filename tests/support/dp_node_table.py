# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container gets of the device nodes that are there, or the words of the refusal: one row for each situation.

A node is granted only where it is a character device, since the runtime refuses the whole container over one that is
not (runc libcontainer/devices, `ErrNotADevice`; containerd and CRI-O follow symbolic links before they look).

# source: Linux drivers/vfio/Kconfig: VFIO_GROUP makes /dev/vfio/N, VFIO_CONTAINER (or IOMMUFD_VFIO_CONTAINER)
#   /dev/vfio/vfio, VFIO_DEVICE_CDEV /dev/vfio/devices/vfioN; the folder vfio-dev of sysfs is there without the last.
# source: Linux drivers/vfio/group.c: a no-IOMMU group has the node noiommu-N, and its devices have no cdev
#   (vfio_main.h, vfio_device_add()).
# source: Linux Documentation/driver-api/uio-howto.rst, Documentation/infiniband/user_verbs.rst and user_mad.rst;
#   umad, issm and rdma_cm come from modules of their own (ib_umad, rdma_ucm), and verbs work without them.
# source: Linux drivers/vhost/net.c, drivers/net/tun.c, drivers/vhost/vdpa.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CHAR, LINK = "a character device", "a link to a character device"
# As messages call them.
FILE, DANGLING, FIFO, FOLDER, NOTHING = "a regular file", "a dangling link", "a FIFO", "a folder", "nothing"

VFIO, GROUP, NOIOMMU = "/dev/vfio/vfio", "/dev/vfio/20", "/dev/vfio/noiommu-20"
IOMMU, CDEV = "/dev/iommu", "/dev/vfio/devices/vfio0"
UCM, ISSM, UMAD, UVERBS, UVERBS5, RDMA_CM = (
    f"/dev/infiniband/{name}" for name in ("ucm4", "issm4", "umad4", "uverbs4", "uverbs5", "rdma_cm")
)
UIO, VHOST, TUN, VDPA = "/dev/uio3", "/dev/vhost-net", "/dev/net/tun", "/dev/vhost-vdpa-2"


@dataclass(frozen=True)
class Row:
    """One situation: what the function is, which nodes are below /dev and as what, and what comes of it.

    device: the driver, and what sysfs has of the function (`vfio_dev`, `uio`, `rdma`, `vdpa`, `sf`, `accelerator`).
    granted: (host path, container path) or one text for both, in the order of the answer; None where it is refused.
    words: all of them stand in the refusal.
    """

    id: str
    device: Mapping[str, Any]
    present: Mapping[str, str]
    granted: tuple[Any, ...] | None = None
    words: tuple[str, ...] = ()
    selectors: Mapping[str, Any] = field(default_factory=dict)


def chars(*paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, CHAR)


GROUP_ONLY: dict[str, Any] = {"driver": "vfio-pci"}
BOTH_WAYS: dict[str, Any] = {"driver": "vfio-pci", "vfio_dev": "vfio0"}
NO_IOMMU: dict[str, Any] = {"driver": "vfio-pci", "vfio_dev": "vfio0", "noiommu": True}
FEC_CARD: dict[str, Any] = {"driver": "vfio-pci", "accelerator": True}
IGB_UIO: dict[str, Any] = {"driver": "igb_uio", "uio": "uio3"}
MLX5: dict[str, Any] = {"driver": "mlx5_core", "rdma": {"mlx5_3": ("issm4", "umad4", "uverbs4")}}
SUBFUNCTION: dict[str, Any] = {"driver": "mlx5_core", "sf": True, "rdma": {"mlx5_3": ("uverbs4",)}}
KERNEL: dict[str, Any] = {"driver": "igbvf"}
VHOST_VDPA: dict[str, Any] = {"driver": "mlx5_core", "vdpa": ("vhost_vdpa", "vhost-vdpa-2")}

IS_RDMA = {"isRdma": True}
NEED_VHOST = {"needVhostNet": True}
VDPA_VHOST = {"vdpaType": "vhost"}
SF_RDMA = {"auxTypes": ["sf"], "isRdma": True}

ROWS = (
    # VFIO
    Row("cdev-of-sysfs-alone", BOTH_WAYS, chars(VFIO, GROUP, IOMMU), (VFIO, GROUP)),
    Row("both-ways", BOTH_WAYS, chars(VFIO, GROUP, IOMMU, CDEV), (VFIO, GROUP, IOMMU, CDEV)),
    Row("cdev-without-iommufd", BOTH_WAYS, chars(VFIO, GROUP, CDEV), (VFIO, GROUP)),
    Row("cdev-alone", BOTH_WAYS, chars(IOMMU, CDEV), (IOMMU, CDEV)),
    Row("cdev-is-a-file", BOTH_WAYS, {**chars(VFIO, GROUP, IOMMU), CDEV: FILE}, (VFIO, GROUP)),
    Row("cdev-is-a-dangling-link", BOTH_WAYS, {**chars(VFIO, GROUP, IOMMU), CDEV: DANGLING}, (VFIO, GROUP)),
    Row("iommufd-is-a-folder", BOTH_WAYS, {**chars(VFIO, GROUP, CDEV), IOMMU: FOLDER}, (VFIO, GROUP)),
    Row("link-to-the-group", GROUP_ONLY, {VFIO: CHAR, GROUP: LINK}, (VFIO, GROUP)),
    Row("neither-way", BOTH_WAYS, {}, words=(VFIO, GROUP, IOMMU, CDEV, NOTHING, "modprobe vfio-pci", "modprobe iommufd",
                                             "CONFIG_VFIO_DEVICE_CDEV")),
    Row("half-of-each-way", BOTH_WAYS, chars(VFIO, CDEV), words=(GROUP, IOMMU, "CONFIG_VFIO_GROUP",
                                                                 "modprobe iommufd")),
    Row("no-group-node", GROUP_ONLY, chars(VFIO), words=(GROUP, NOTHING, "CONFIG_VFIO_GROUP")),
    Row("no-container-node", GROUP_ONLY, chars(GROUP), words=(VFIO, NOTHING, "modprobe vfio-pci",
                                                              "CONFIG_VFIO_CONTAINER")),
    Row("group-is-a-file", GROUP_ONLY, {VFIO: CHAR, GROUP: FILE}, words=(GROUP, FILE)),
    Row("group-is-a-dangling-link", GROUP_ONLY, {VFIO: CHAR, GROUP: DANGLING}, words=(GROUP, DANGLING)),
    Row("group-is-a-fifo", GROUP_ONLY, {VFIO: CHAR, GROUP: FIFO}, words=(GROUP, FIFO)),
    Row("group-is-a-folder", GROUP_ONLY, {VFIO: CHAR, GROUP: FOLDER}, words=(GROUP, FOLDER)),
    Row("noiommu-has-no-cdev", NO_IOMMU, chars(VFIO, NOIOMMU, IOMMU), (VFIO, (NOIOMMU, GROUP))),
    Row("noiommu-group-of-the-iommus-name", NO_IOMMU, chars(VFIO, GROUP), words=(NOIOMMU, NOTHING)),
    Row("accelerator", FEC_CARD, chars(VFIO, GROUP), (VFIO, GROUP)),
    Row("accelerator-without-group", FEC_CARD, chars(VFIO), words=(GROUP, NOTHING)),
    # UIO
    Row("uio", IGB_UIO, chars(UIO), (UIO,)),
    Row("uio-missing", IGB_UIO, chars("/dev/uio0"), words=(UIO, NOTHING, "igb_uio")),
    Row("uio-is-a-file", IGB_UIO, {UIO: FILE}, words=(UIO, FILE)),
    # RDMA
    Row("rdma", MLX5, chars(ISSM, UMAD, UVERBS, RDMA_CM), (ISSM, UMAD, UVERBS, RDMA_CM), selectors=IS_RDMA),
    Row("rdma-old-cm", {**MLX5, "rdma": {"mlx5_3": ("ucm4", "issm4", "umad4", "uverbs4")}}, chars(UCM, UVERBS),
        (UCM, UVERBS), selectors=IS_RDMA),
    Row("rdma-verbs-alone", MLX5, chars(UVERBS), (UVERBS,), selectors=IS_RDMA),
    Row("rdma-odd-extras", MLX5, {UVERBS: CHAR, UMAD: FILE, ISSM: FIFO, RDMA_CM: FOLDER}, (UVERBS,), selectors=IS_RDMA),
    Row("rdma-without-uverbs-node", MLX5, chars(ISSM, UMAD, RDMA_CM), words=(UVERBS, NOTHING, "ib_uverbs"),
        selectors=IS_RDMA),
    Row("rdma-uverbs-is-a-file", MLX5, {UVERBS: FILE}, words=(UVERBS, FILE), selectors=IS_RDMA),
    Row("rdma-without-ib-uverbs", {**MLX5, "rdma": {"mlx5_3": ("issm4", "umad4")}}, chars(ISSM, UMAD, RDMA_CM),
        words=("/dev/infiniband/uverbs", "mlx5_3", "modprobe ib_uverbs"), selectors=IS_RDMA),
    Row("rdma-second-device-without-uverbs", {**MLX5, "rdma": {"mlx5_3": ("uverbs4",), "mlx5_4": ("uverbs5",)}},
        chars(UVERBS, RDMA_CM), words=(UVERBS5, NOTHING), selectors=IS_RDMA),
    Row("rdma-held-by-a-pod", {**MLX5, "rdma": {}, "rdma_capable": True}, chars(RDMA_CM), (), selectors=IS_RDMA),
    Row("rdma-not-asked-for", MLX5, {}, ()),
    Row("rdma-of-a-subfunction", SUBFUNCTION, chars(UVERBS), (UVERBS,), selectors=SF_RDMA),
    Row("rdma-of-a-subfunction-without-node", SUBFUNCTION, {}, words=(UVERBS, "ib_uverbs"), selectors=SF_RDMA),
    # vhost-net
    Row("vhost", KERNEL, chars(VHOST, TUN), (VHOST, TUN), selectors=NEED_VHOST),
    Row("vhost-not-asked-for", KERNEL, {}, ()),
    Row("vhost-missing", KERNEL, chars(TUN), words=(VHOST, NOTHING, "modprobe vhost_net"), selectors=NEED_VHOST),
    Row("vhost-tun-missing", KERNEL, chars(VHOST), words=(TUN, NOTHING, "modprobe tun"), selectors=NEED_VHOST),
    Row("vhost-is-a-file", KERNEL, {VHOST: FILE, TUN: CHAR}, words=(VHOST, FILE), selectors=NEED_VHOST),
    Row("vhost-tun-is-a-dangling-link", KERNEL, {VHOST: CHAR, TUN: DANGLING}, words=(TUN, DANGLING),
        selectors=NEED_VHOST),
    Row("vhost-both-missing", KERNEL, {}, words=(VHOST, TUN), selectors=NEED_VHOST),
    Row("vhost-missing-beside-vfio", GROUP_ONLY, chars(VFIO, GROUP), words=(VHOST, TUN), selectors=NEED_VHOST),
    Row("vfio-missing-beside-vhost", GROUP_ONLY, chars(VFIO, VHOST, TUN), words=(GROUP,), selectors=NEED_VHOST),
    # vDPA
    Row("vdpa", VHOST_VDPA, chars(VDPA), (VDPA,), selectors=VDPA_VHOST),
    Row("vdpa-missing", VHOST_VDPA, {}, words=(VDPA, NOTHING, "vhost_vdpa"), selectors=VDPA_VHOST),
    Row("vdpa-is-a-file", VHOST_VDPA, {VDPA: FILE}, words=(VDPA, FILE), selectors=VDPA_VHOST),
    Row("vdpa-of-virtio-needs-none", {"driver": "mlx5_core", "vdpa": ("virtio_vdpa", "")}, {}, (),
        selectors={"vdpaType": "virtio"}),
)  # fmt: skip

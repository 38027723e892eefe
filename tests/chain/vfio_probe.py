# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uses a VF through vfio as a program in a pod does, from the environment variable NAME alone, and says what it saw.

    python3 vfio_probe.py PCIDEVICE_PREFIX_POOL

NAME_INFO, which Allocate sets beside NAME, tells the nodes. Prints one JSON object. Numbers and structures: Linux
include/uapi/linux/vfio.h; the order of the calls: Documentation/driver-api/vfio.rst.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import sys
from typing import Any

_FIRST = ord(";") << 8 | 100
GET_API_VERSION, CHECK_EXTENSION, SET_IOMMU, GROUP_GET_STATUS, GROUP_SET_CONTAINER = range(_FIRST, _FIRST + 5)
GROUP_GET_DEVICE_FD, DEVICE_GET_INFO, DEVICE_GET_REGION_INFO = range(_FIRST + 6, _FIRST + 9)
TYPE1_IOMMU = 1
VIABLE = 1
BAR0_REGION, CONFIG_REGION = 0, 7
STATUS = struct.Struct("=II")  # argsz, flags
DEVICE = struct.Struct("=IIIIII")  # argsz, flags, regions, interrupts, cap_offset, padding
REGION = struct.Struct("=IIIIQQ")  # argsz, flags, index, cap_offset, size, offset
IDS = struct.Struct("<HH")


def _ask(fd: int, request: int, layout: struct.Struct, *values: int) -> tuple[int, ...]:
    """The structure as the kernel fills it in; its first field is its size. Raises OSError."""
    buffer = bytearray(layout.pack(layout.size, *values))
    fcntl.ioctl(fd, request, buffer)
    return layout.unpack(buffer)


def probe(name: str) -> dict[str, Any]:
    """What vfio says of the variable's first device. Raises OSError where a call is refused."""
    address = os.environ[name].split(",")[0]
    nodes = json.loads(os.environ[f"{name}_INFO"])[address]["vfio"]
    container = os.open(nodes["mount"], os.O_RDWR | os.O_CLOEXEC)
    group = os.open(nodes["dev-mount"], os.O_RDWR | os.O_CLOEXEC)
    found: dict[str, Any] = {
        "address": address,
        "api_version": fcntl.ioctl(container, GET_API_VERSION),
        "type1": bool(fcntl.ioctl(container, CHECK_EXTENSION, TYPE1_IOMMU)),
        "viable": bool(_ask(group, GROUP_GET_STATUS, STATUS, 0)[1] & VIABLE),
    }
    fcntl.ioctl(group, GROUP_SET_CONTAINER, bytearray(struct.pack("=i", container)))
    fcntl.ioctl(container, SET_IOMMU, TYPE1_IOMMU)
    device = fcntl.ioctl(group, GROUP_GET_DEVICE_FD, bytearray(address.encode() + b"\0"))
    _size, _flags, regions, interrupts, _cap, _pad = _ask(device, DEVICE_GET_INFO, DEVICE, 0, 0, 0, 0, 0)
    found |= {"regions": regions, "interrupts": interrupts}
    for key, index in (("bar0", BAR0_REGION), ("config", CONFIG_REGION)):
        _size, _flags, _index, _cap, size, offset = _ask(device, DEVICE_GET_REGION_INFO, REGION, 0, index, 0, 0, 0)
        found[key] = size
    found["ids"] = "{:04x}:{:04x}".format(*IDS.unpack(os.pread(device, IDS.size, offset)))
    return found


if __name__ == "__main__":
    json.dump(probe(sys.argv[1]), sys.stdout)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PCI model: what sysfs says of PCI functions, physical functions (PF) and virtual functions (VF).

Shared by the node library, the device plugin and the CNI plugin, so it imports `os` alone and nothing of ours.
Every reader takes `root`, the folder that holds `sys/` ("" for the running host), and treats sysfs as untrusted:
bounded reads, and a missing or odd entry is None, -1 or empty, never an exception.
Source of the attributes: Linux Documentation/ABI/testing/sysfs-bus-pci and Documentation/PCI/pci-iov-howto.rst.
"""

from __future__ import annotations

import os

TOTAL_MSIX = "sriov_vf_total_msix"  # of a PF
DEVICES = "/sys/bus/pci/devices"
READ_LIMIT = 4096  # bytes; a sysfs attribute is at most one page


def is_address(text: str) -> bool:
    """True for a full PCI address `dddd:bb:dd.f` in lower-case hex; domains of 4 to 8 digits (VMD has 5)."""
    domain, _rest, rest = text.partition(":")
    bus, _rest, slot = rest.partition(":")
    device, _rest, function = slot.partition(".")
    return (
        4 <= len(domain) <= 8
        and (len(bus), len(device), len(function)) == (2, 2, 1)
        and _is_hex(domain + bus + device)
        and function in "01234567"
        and int(device, 16) < 32
    )


def _is_hex(text: str) -> bool:
    return all(c in "0123456789abcdef" for c in text)


def device_dir(root: str, address: str) -> str:
    """The sysfs folder of a function."""
    return f"{root}{DEVICES}/{address}"


def read_text(path: str) -> str | None:
    """The stripped text of one attribute; None where it is missing, unreadable or not text."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(fd, READ_LIMIT).decode("ascii").strip("\0 \t\r\n")
    except (OSError, UnicodeDecodeError):
        return None
    finally:
        os.close(fd)


def read_int(path: str) -> int | None:
    """The attribute as an integer (decimal, or hex with 0x); None where it is not one."""
    text = read_text(path)
    if text is None or len(text) > 20:
        return None
    try:
        return int(text, 0) if text.lower().startswith("0x") else int(text)
    except ValueError:
        return None


def link_name(path: str) -> str | None:
    """The last component of a symbolic link's target; None where there is no link."""
    try:
        return os.path.basename(os.readlink(path)) or None
    except OSError:
        return None


def list_dir(path: str) -> list[str]:
    """The sorted entries of a folder; empty where there is none."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def addresses(root: str) -> list[str]:
    """All PCI functions of the host, sorted; entries that are no PCI address are left out."""
    return [name for name in list_dir(root + DEVICES) if is_address(name)]


def exists(root: str, address: str) -> bool:
    """True where the function is there now."""
    return os.path.isdir(device_dir(root, address))


def vendor_id(root: str, address: str) -> str:
    """Four lower-case hex digits, or "" where unknown."""
    return _id(root, address, "vendor", 4)


def device_id(root: str, address: str) -> str:
    """Four lower-case hex digits, or "" where unknown."""
    return _id(root, address, "device", 4)


def class_id(root: str, address: str) -> str:
    """Six lower-case hex digits: base class, subclass, programming interface; "" where unknown."""
    return _id(root, address, "class", 6)


def _id(root: str, address: str, attribute: str, digits: int) -> str:
    text = (read_text(f"{device_dir(root, address)}/{attribute}") or "").lower()
    text = text[2:] if text.startswith("0x") else text
    return text if len(text) == digits and _is_hex(text) else ""


def driver(root: str, address: str) -> str | None:
    """The bound driver's name, None where no driver is bound."""
    return link_name(f"{device_dir(root, address)}/driver")


def driver_override(root: str, address: str) -> str | None:
    """The driver_override text, None where it is not set (the kernel prints "(null)" then)."""
    text = read_text(f"{device_dir(root, address)}/driver_override")
    return None if text in (None, "", "(null)") else text


def total_vfs(root: str, address: str) -> int:
    """sriov_totalvfs, the most VFs that the PF can have; -1 where the function has no SR-IOV capability."""
    value = read_int(f"{device_dir(root, address)}/sriov_totalvfs")
    return -1 if value is None or value < 0 else value


def num_vfs(root: str, address: str) -> int:
    """sriov_numvfs, the VFs that are enabled; 0 where unreadable."""
    value = read_int(f"{device_dir(root, address)}/sriov_numvfs")
    return 0 if value is None or value < 0 else value


def physfn(root: str, address: str) -> str | None:
    """The PF's address of a VF; None for a function that is not a VF, or whose PF is not visible (in a VM)."""
    name = link_name(f"{device_dir(root, address)}/physfn")
    return name if name is not None and is_address(name) else None


def virtfns(root: str, address: str) -> dict[int, str]:
    """VF index -> VF address of a PF, from the `virtfnN` links (N is parsed: numbering may have gaps)."""
    base = device_dir(root, address)
    found: dict[int, str] = {}
    for entry in list_dir(base):
        digits = entry[6:]
        if not entry.startswith("virtfn") or not digits.isdecimal() or len(digits) > 5:
            continue
        target = link_name(f"{base}/{entry}")
        if target is not None and is_address(target):
            found[int(digits)] = target
    return dict(sorted(found.items()))


def vf_index(root: str, address: str) -> int:
    """The VF's index on its PF, -1 where the function is no VF or its PF does not list it."""
    parent = physfn(root, address)
    vfs = virtfns(root, parent) if parent else {}
    return next((index for index, vf in vfs.items() if vf == address), -1)


def net_names(root: str, address: str) -> list[str]:
    """The function's network interfaces in the reader's network namespace, sorted; virtio's sub-folder included."""
    base = device_dir(root, address)
    names = list_dir(f"{base}/net")
    if names:
        return names
    below = (list_dir(f"{base}/{entry}/net") for entry in list_dir(base) if entry.startswith("virtio"))
    return next(filter(None, below), [])


def uplink_name(root: str, address: str) -> str | None:
    """The PF's own network interface; None where it has none here.

    In switchdev mode the uplink and its representors share one folder: the uplink's phys_port_name is `pN`, a
    representor's is `pfNvfM` or `pfNsfM` (Linux Documentation/networking/switchdev.rst).
    """
    names = net_names(root, address)
    fallback: str | None = None
    for name in names:
        port = read_text(f"{root}/sys/class/net/{name}/phys_port_name") or ""
        if port.startswith("p") and port[1:].isdecimal():
            return name
        if fallback is None and not port.startswith("pf"):
            fallback = name
    return fallback


def iommu_group(root: str, address: str) -> str | None:
    """The IOMMU group's number as text, None where the function is in no group (no IOMMU, or it is off)."""
    name = link_name(f"{device_dir(root, address)}/iommu_group")
    return name if name is not None and name.isdecimal() else None


def iommu_group_members(root: str, group: str) -> list[str]:
    """The PCI functions that share an IOMMU group."""
    return [n for n in list_dir(f"{root}/sys/kernel/iommu_groups/{group}/devices") if is_address(n)]


def is_noiommu_group(root: str, address: str) -> bool:
    """True where the function's group is vfio's no-IOMMU mode (its device node is /dev/vfio/noiommu-N)."""
    return read_text(f"{device_dir(root, address)}/iommu_group/name") == "vfio-noiommu"


def numa_node(root: str, address: str) -> int:
    """The NUMA node, -1 where the platform tells none."""
    value = read_int(f"{device_dir(root, address)}/numa_node")
    return -1 if value is None or value < 0 else value

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine under the host is: its CPU's words, and whether it is a virtual one. Writes nothing.

Sources: Linux arch/x86/include/asm/cpufeatures.h (the flag hypervisor), Documentation/ABI/testing/sysfs-hypervisor-xen.
"""

from __future__ import annotations

from .host import Host

CPU_LIMIT = 16 << 20  # bytes
HYPERVISORS = ("qemu", "kvm", "vmware", "virtualbox", "xen", "microsoft corporation", "amazon ec2", "openstack")


def cpu_text(host: Host) -> frozenset[str]:
    """The flags of the first CPU (x86), or its features (arm64)."""
    for line in (host.read_text("/proc/cpuinfo", CPU_LIMIT) or "").splitlines():
        name, words = line.partition(":")[::2]
        if name.strip() in ("flags", "Features"):
            return frozenset(words.split())
    return frozenset()


def is_virtual(host: Host) -> bool:
    """True where the CPU says so; where it has no word for that (arm64), where the firmware's names do."""
    words = cpu_text(host)
    if "fpu" in words:  # x86 has the flag
        return "hypervisor" in words
    names = [host.read_text(f"/sys/class/dmi/id/{name}", 4096) or "" for name in ("sys_vendor", "product_name")]
    return host.exists("/sys/hypervisor/type") or any(known in " ".join(names).lower() for known in HYPERVISORS)

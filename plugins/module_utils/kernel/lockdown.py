# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lockdown and Secure Boot: what the kernel refuses on purpose. Writes nothing."""

from __future__ import annotations

from ..host.host import Host
from ..model.errors import HostError

LOCKDOWN = "/sys/kernel/security/lockdown"  # man 7 kernel_lockdown
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"  # UEFI: Global Variables
# What modprobe prints of a module whose signature the kernel does not take.
REJECTED = ("Key was rejected by service", "Required key not available", "Operation not permitted")


def lockdown(host: Host) -> str:
    """"integrity" or "confidentiality"; empty where the kernel is not locked down, or does not tell."""
    mode = _read(host, LOCKDOWN).decode("utf-8", "replace").partition("[")[2].partition("]")[0]
    return "" if mode == "none" else mode


def secure_boot(host: Host) -> bool:
    """True where the firmware says that it started the system with Secure Boot."""
    data = _read(host, SECURE_BOOT)
    return len(data) == 5 and data[4] == 1  # four bytes of attributes stand before the value


def module_remedy(host: Host, said: str) -> str:
    """What to do where a module could not be loaded, from what modprobe said."""
    if not any(text in said for text in REJECTED):
        return "Install the kernel's module package that holds it."
    causes = [f"the kernel is locked down ({lockdown(host)})"] if lockdown(host) else []
    causes += ["Secure Boot is on"] if secure_boot(host) else []
    why = f"The kernel takes only modules signed with a key that it trusts ({' and '.join(causes) or 'see dmesg'})"
    return f"{why}: sign it and enrol the key (mokutil --import), or use vfio-pci, which the kernel's package signs."


def _read(host: Host, path: str) -> bytes:
    try:
        return host.read_bytes(path, 4096) or b""
    except HostError:
        return b""

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which network interfaces the host itself uses: they are never handed to a pod."""

from __future__ import annotations

from shared import host_uses, pci

from . import network


def interfaces(root: str, vfs: set[str] | None = None) -> dict[str, str]:
    """Interface name -> what the host uses it for, in words (see `shared.host_uses`). vfs: the interfaces of VFs.

    What stands on an interface is seen in /sys/class/net; the kernel takes a link there away when its end moves into a
    pod, as it does with the interface itself.
    """
    names = pci.list_dir(f"{root}/sys/class/net")
    uppers = {name: host_uses.upper_names(root, name) for name in names}
    masters = {name: host_uses.master_name(root, name) for name in names}
    for name, master in masters.items():
        uppers[name] += [master] if master else []
    kinds = {upper: host_uses.kind_name(root, upper) for found in uppers.values() for upper in found}
    seen = host_uses.HostNetwork(uppers, masters, kinds, *network.read(root), vfs=vfs)
    found = {name: seen.uses(name) for name in names}
    return {name: host_uses.message(name, uses) for name, uses in found.items() if uses}

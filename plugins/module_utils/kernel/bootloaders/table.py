# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot loaders that we know, in the order in which they are looked for."""

from __future__ import annotations

from ...host.host import Host
from ...model.errors import HostError
from . import appended_arguments
from .base import BootLoader
from .grub_bls import GrubBls
from .grub_d import GrubD
from .grub_mkconfig import GrubMkconfig
from .proxmox_boot import ProxmoxBoot
from .rpm_ostree import RpmOstree
from .systemd_boot import SystemdBoot

AUTO = "auto"
# GRUB's settings may be left on a host that it does not start, so those alone come last.
BOOT_LOADERS: tuple[BootLoader, ...] = (
    RpmOstree(),
    GrubD(),
    GrubBls(),
    ProxmoxBoot(),
    SystemdBoot(),
    GrubMkconfig(),
)
NAMES = (AUTO, *sorted(loader.name for loader in BOOT_LOADERS))  # what the user may say


def find(host: Host, name: str = AUTO) -> BootLoader | None:
    """The host's boot loader, the named one or the one that is detected; None where it is none of ours.

    Raises HostError where our arguments are in another one than the named one.
    """
    # Detection may say something else by now, and teardown does not name it.
    earlier = appended_arguments.load(host).loader
    if name != AUTO:
        if earlier not in ("", name):
            raise HostError(
                f"boot loader {name}",
                "the one that our kernel arguments are in",
                earlier,
                "Take them back first (state absent), then name the other one.",
            )
        return by_name(name)
    if earlier:
        return by_name(earlier)
    return next((loader for loader in BOOT_LOADERS if loader.detect(host)), None)


def where(name: str) -> str:
    """Where a person finds what this boot loader gives to kernels."""
    loader = by_name(name)
    return loader.where if loader is not None else "its settings"


def by_name(name: str) -> BootLoader | None:
    """The back-end of this name."""
    return next((loader for loader in BOOT_LOADERS if loader.name == name), None)

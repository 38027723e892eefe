# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot loaders that we know, in the order in which they are looked for."""

from __future__ import annotations

from ..host import Host
from .base import BootLoader
from .grub_d import GrubD

BOOT_LOADERS: tuple[BootLoader, ...] = (GrubD(),)


def find(host: Host) -> BootLoader | None:
    """The host's boot loader; None where it is none of ours."""
    for loader in BOOT_LOADERS:
        if loader.detect(host):
            return loader
    return None


def by_name(name: str) -> BootLoader | None:
    """The back-end of this name."""
    for loader in BOOT_LOADERS:
        if loader.name == name:
            return loader
    return None

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd-boot with entries that kernel-install makes from /etc/kernel/cmdline."""

from __future__ import annotations

from ...host.host import Host
from ...model.errors import Problem
from .bls import ROOTS, BlsEntries


class SystemdBoot(BlsEntries):
    """The back-end; see the module's text, and `bls`."""

    name = "systemd-boot"
    where = "the entries that bootctl list shows"

    def detect(self, host: Host) -> bool:
        """systemd-boot is installed on the firmware's partition."""
        return any(
            name.startswith("systemd-boot") for root in ROOTS for name in host.list_dir(f"{root}/EFI/systemd")
        )

    def folders(self, host: Host) -> tuple[str, ...]:
        return tuple(f"{root}/loader/entries" for root in ROOTS if host.list_dir(f"{root}/loader/entries"))

    def obstacles(self, host: Host) -> tuple[Problem, ...]:
        """A unified kernel image holds its command line, and may be signed."""
        images = [
            f"{root}/EFI/Linux/{name}"
            for root in ROOTS
            for name in host.list_dir(f"{root}/EFI/Linux")
            if name.lower().endswith(".efi")
        ]
        return tuple(
            Problem(
                image,
                "kernels with entries in loader/entries",
                "a unified kernel image, which holds its own command line",
                "Add the arguments where the image is built, and reboot.",
            )
            for image in images[:1]
        )

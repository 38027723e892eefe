# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of most tests: PFs and VFs, memory, GRUB and systemd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.fake_boot import Grub
from support.fake_commands import Commands
from support.fake_memory import Memory
from support.fake_systemd import Systemd


class FakeHost(Commands, Memory, Grub, Systemd):
    """With a module vfio-pci that modprobe finds, and no other."""

    def __init__(self, root: Path, **options: Any) -> None:
        super().__init__(root, **options)
        self.available = {"vfio-pci"}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for the examples of property tests, which have no folder of pytest's each."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from support.fake_host import FakeHost
from support.node_runs import PLUGIN, make_host


def with_device_plugin(root: Path, driver: str = "igb") -> FakeHost:
    """Two PFs, and a device plugin that runs."""
    host = make_host(root, driver)
    host.active.add(PLUGIN)
    host.available.add("uio_pci_generic")
    return host


class TemporaryHost:
    """A host for one example."""

    def __init__(self, driver: str = "igb") -> None:
        self.driver = driver

    def __enter__(self) -> FakeHost:
        memory = "/dev/shm"  # where fsync costs nothing
        self.root = tempfile.mkdtemp(dir=memory if os.path.isdir(memory) else None)
        return with_device_plugin(Path(self.root), self.driver)

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.root)

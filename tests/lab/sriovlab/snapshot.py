# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that is Ready and bare, kept as it runs: its memory in a file, and a disk that nobody writes any more.

A start from it is a new overlay over that disk and a QEMU that reads the memory (-incoming file:): runs share no
writable file. An internal snapshot (savevm) would need the one disk that has it. It is taken before there are VFs:
those that a snapshot brings back have a carrier and pass no traffic until they are made anew.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from . import cache, image, qemu, qmp
from .command import run
from .definition import USUAL
from .progress import LabError, step
from .state import State

# What a start may begin with: the firmware and GRUB, the bare Ready node, or that node after a reboot with an IOMMU.
BOOT, READY, IOMMU = BEGINNINGS = ("boot", "ready", "iommu")
ARGUMENTS = "intel_iommu=on iommu=pt"
# At the end of the command line, where the last word on intel_iommu wins.
GRUB_LINE = f'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {ARGUMENTS}"\n'
# Both of two images, 0.7 GiB each.
KEPT = 4
SAVE_SECONDS = 120.0
BYTES_A_SECOND = 10**10


@dataclass(frozen=True)
class Snapshot:
    """A folder of the cache."""

    folder: Path

    @property
    def disk(self) -> Path:
        """Its qcow2, over the image's disk."""
        return self.folder / "disk.qcow2"

    @property
    def memory(self) -> Path:
        """The stream of the machine's memory and devices."""
        return self.folder / "memory"


def name(found: image.Image, accel: str, beginning: str) -> str:
    """Of the cache's folder: by the image, the release of QEMU and the usual machine, ports and paths aside."""
    nowhere = Path("/")
    machine = qemu.Machine(nowhere, nowhere, "qcow2", 1, 2, accel, 1, nowhere, USUAL)
    version = run([qemu.BINARY, "--version"]).splitlines()[0]
    return f"snapshot-{cache.digest(found.identity, version, beginning, GRUB_LINE, *qemu.argv(machine))}"


def find(found: image.Image, accel: str, beginning: str) -> Snapshot | None:
    """The snapshot to begin with, or None where there is none yet."""
    folder = cache.root() / name(found, accel, beginning)
    return Snapshot(folder) if folder.is_dir() else None


def save(current: State, found: image.Image, beginning: str) -> Snapshot:
    """Keep a node that is on, bare and Ready; it is off afterwards. Raises LabError where QEMU can't."""

    def build(folder: Path) -> None:
        made = Snapshot(folder)
        with step(f"keeping {current.node} as it runs"):
            _stream(current, made.memory)
            qemu.stop(current.pid, current.folder, grace=0)
        shutil.move(current.overlay, made.disk)
        made.disk.chmod(0o444)

    current.ssh().close()
    folder = cache.artefact(name(found, current.accel, beginning), build)
    qemu.stop(current.pid, current.folder, grace=0)  # where another run has kept one meanwhile
    older = sorted(cache.root().glob("snapshot-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in older[KEPT:]:
        shutil.rmtree(old)
    return Snapshot(folder)


def _stream(current: State, memory: Path) -> None:
    """Write the stopped machine's state. Raises LabError with QEMU's reason."""
    socket = current.machine().qmp
    qmp.command(socket, "stop")
    qmp.command(socket, "migrate-set-parameters", {"max-bandwidth": BYTES_A_SECOND})
    qmp.command(socket, "migrate", {"uri": f"file:{memory}"})
    deadline = time.monotonic() + SAVE_SECONDS
    while time.monotonic() < deadline:
        told = qmp.command(socket, "query-migrate")
        if told.get("status") == "completed":
            return
        if told.get("status") in ("failed", "cancelled"):
            raise LabError(f"{current.node} can't be kept as it runs: {told.get('error-desc', told['status'])}")
        time.sleep(0.1)
    raise LabError(f"{current.node} can't be kept as it runs: no end after {SAVE_SECONDS:.0f} s")

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A temporary folder that a killed test run leaves behind until the next one comes."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from pathlib import Path

PREFIX, LOCK = "baremetal-sriov-cluster-", "lock"
_KEPT: list[Folder] = []  # their locks last as long as this process


class Folder:
    """A folder for this process alone; its lock says that it is in use."""

    def __init__(self) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        new = self.path / f"{LOCK}.new"
        self._lock = new.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        new.rename(self.path / LOCK)  # nobody meets it before it is locked

    def remove(self, keep_logs: bool = False) -> None:
        """Take it away, or all but the logs, which are left to the next test run."""
        if keep_logs:
            for entry in self.path.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
            _KEPT.append(self)
        else:
            shutil.rmtree(self.path)
            self._lock.close()


def _sweep() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), lock.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)

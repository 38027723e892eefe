# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache outside the checkout: what is slow to fetch or build, shared by all checkouts of one user."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .console import say


def cache_folder() -> Path:
    """$BAREMETAL_SRIOV_CACHE, or baremetal-sriov in the user's cache folder (XDG base directories)."""
    chosen = os.environ.get("BAREMETAL_SRIOV_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base).absolute() / "baremetal-sriov"


def key_of(*parts: str) -> str:
    """A short name for a set of inputs: other inputs, other folder."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of that name among all checkouts; says so when it has to wait. The dead hold none."""
    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"    another run holds the lock {file.name}: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def published(target: Path) -> Iterator[Path]:
    """Give a folder to fill, and rename it to `target` when the block ends well: never half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
        content = Path(temporary) / "content"
        content.mkdir()
        yield content
        if target.exists():
            shutil.rmtree(target)
        content.rename(target)

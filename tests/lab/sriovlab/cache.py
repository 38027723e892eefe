# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artefacts shared by all checkouts of one user: named by a hash of their inputs, whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .progress import say


def root() -> Path:
    """The cache folder: $BAREMETAL_SRIOV_CACHE, else $XDG_CACHE_HOME/baremetal-sriov, else ~/.cache/..."""
    own = os.environ.get("BAREMETAL_SRIOV_CACHE")
    if own:
        return Path(own).absolute()
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache").absolute() / "baremetal-sriov"


def digest(*parts: str | bytes) -> str:
    """Twelve hex digits over all parts; their borders count, so ("ab", "c") differs from ("a", "bc")."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:12]


def tree_digest(folder: Path) -> str:
    """A digest over names, modes and contents of all files under a folder (compiled Python aside)."""
    parts: list[str | bytes] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            mode = "x" if os.access(path, os.X_OK) else "-"
            parts += [str(path.relative_to(folder)), mode, path.read_bytes()]
    return digest(*parts)


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of that name among all checkouts; says so when it has to wait. The dead hold none."""
    folder = root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run holds the lock {handle.name}: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def artefact(name: str, build: Callable[[Path], object]) -> Path:
    """The folder `name` of the cache, built by `build(empty folder)` if it is not there.

    The build happens in a temporary folder beside it and is renamed when whole; what a killed build left
    behind is removed by the next one, which holds the same lock.
    """
    final = root() / name
    if final.is_dir():
        return final
    with locked(final.name):
        if final.is_dir():
            return final
        final.parent.mkdir(parents=True, exist_ok=True)
        for left in final.parent.glob(f".{final.name}.*"):
            shutil.rmtree(left)
        work = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
        try:
            build(work)
            work.chmod(0o755)
            work.rename(final)
        except BaseException:
            # A failed build's log is worth more than its gigabytes.
            for entry in work.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry.suffix != ".log":
                    entry.unlink()
            raise
    return final

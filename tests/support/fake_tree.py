# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder as a host's root: what tests write, link and look at in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class Tree:
    """Paths are those of the host, with or without the slash at the start."""

    base: Path  # the host's root

    def real(self, path: str) -> Path:
        """Where a path of the host is."""
        return self.base / path.lstrip("/")

    def put(self, path: str, text: str) -> None:
        """Somebody else writes a file."""
        real = self.real(path)
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(text)

    def fill(self, entries: Mapping[str, str | Path | None]) -> None:
        """Each path with its text; a Path is a link to that, a path that ends with / a folder; None is left out."""
        for path, what in entries.items():
            if isinstance(what, Path):
                self.symlink(path, str(what))
            elif what is not None and path.endswith("/"):
                self.real(path).mkdir(parents=True, exist_ok=True)
            elif what is not None:
                self.put(path, what)

    def get(self, path: str) -> str:
        return self.real(path).read_text()

    def symlink(self, path: str, target: str) -> None:
        """A symbolic link, in the place of one that is there."""
        real = self.real(path)
        real.parent.mkdir(parents=True, exist_ok=True)
        real.unlink(missing_ok=True)
        real.symlink_to(target)

    def tree(self, *below: str) -> dict[str, tuple[int, bytes]]:
        """Every file, its mode and content, but those of /proc, and of ours below /run: a boot takes them away.

        below: folders; without any all are meant.
        """
        found = {}
        for start in below or ("",):
            for folder, folders, files in os.walk(self.real(start)):
                name = folder[len(str(self.base)) :]
                if name in ("/proc", "/run/baremetal-sriov"):
                    folders.clear()
                    continue
                for file in files:
                    path = os.path.join(folder, file)
                    if os.path.isfile(path):
                        found[f"{name}/{file}"] = (os.stat(path).st_mode & 0o7777, Path(path).read_bytes())
        return dict(sorted(found.items()))

    def folders(self) -> set[str]:
        """Every folder."""
        return {f"/{path.relative_to(self.base)}" for path in self.base.rglob("*") if path.is_dir()}

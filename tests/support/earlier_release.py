# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node library of an earlier release, from its commit, at work on today's fake host: both see the same files."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

from devtool.collection import ROOT

LIBRARY = "plugins/module_utils"


class EarlierRelease:
    """Its runs on a host. commit: of tests/support/releases.toml."""

    def __init__(self, folder: Path, commit: str) -> None:
        """Raises CalledProcessError where this clone lacks the commit."""
        command = ["git", "archive", "--format=tar", commit, LIBRARY]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        self.name = f"release_{commit[:12]}"
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                path = folder / self.name / member.name[len(LIBRARY) + 1 :]
                if content is not None:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())
        sys.path.insert(0, str(folder))
        try:
            self.node, self.spec = self._module("node"), self._module("spec")
            self.resolve, self.model, self.boot = (self._module(name) for name in ("resolve", "model", "boot"))
        finally:
            sys.path.remove(str(folder))
        self._folder = folder

    def _module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self.name}.{name}")

    def present(self, host: Any, policies: list[dict[str, Any]], check: bool = False) -> Any:
        """Its sriov_node with state present."""
        spec = self.spec.parse_spec(self.spec.node_spec(policies))
        return self._run(host, lambda state: self.resolve.resolve(spec, state), check)

    def absent(self, host: Any) -> Any:
        """Its sriov_node with state absent."""
        return self._run(host, lambda state: self.model.Goal(absent=True), False)

    def _run(self, host: Any, make_goal: Any, check: bool) -> Any:
        # What it imports late it finds here as well.
        sys.path.insert(0, str(self._folder))
        try:
            return self.node.run(host, make_goal, check=check, kernel_side=True)
        finally:
            sys.path.remove(str(self._folder))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python interpreters of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def interpreter_path() -> str:
    """A PATH that finds the machine's real interpreters, its own first, then pyenv's, newest first.

    pyenv's shims are left out: there is one for each version, and it fails where that is switched off.
    """
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    folders = [folder for folder in root.glob("*/bin") if folder.parent.name.replace(".", "").isdecimal()]
    folders.sort(key=lambda folder: [int(part) for part in folder.parent.name.split(".")], reverse=True)
    own = [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if not entry.endswith("/shims")]
    return os.pathsep.join([*own, *map(str, folders)])


def find_python(version: str) -> Path | None:
    """A working interpreter of that version ("3.9"), from PATH or pyenv; None where there is none."""
    code = "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for folder in interpreter_path().split(os.pathsep):
        if found := shutil.which(f"python{version}", path=folder):
            argv = [found, "-I", "-c", code]
            done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
            if done.returncode == 0 and done.stdout.strip() == version:
                return Path(found)
    return None

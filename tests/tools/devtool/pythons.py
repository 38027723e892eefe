# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python interpreters of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def pyenv_folders() -> list[Path]:
    """The bin folders of pyenv's real interpreters, newest release first."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    folders = [folder for folder in root.glob("*/bin") if folder.parent.name.replace(".", "").isdecimal()]
    return sorted(folders, key=lambda folder: [int(part) for part in folder.parent.name.split(".")], reverse=True)


def path_without_shims() -> list[str]:
    """PATH without pyenv's shims: there is one for each version, and it fails where that is switched off."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return [entry for entry in entries if not entry.endswith("/shims")]


def interpreter_path() -> str:
    """A PATH that finds the machine's real interpreters; its own come first."""
    return os.pathsep.join([*path_without_shims(), *map(str, pyenv_folders())])


def find_python(version: str) -> Path | None:
    """A working interpreter of that version ("3.9"), from PATH or pyenv; None where there is none."""
    for folder in interpreter_path().split(os.pathsep):
        found = shutil.which(f"python{version}", path=folder)
        if found and _version(found) == version:
            return Path(found)
    return None


def _version(python: str) -> str | None:
    code = "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else None

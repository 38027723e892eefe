# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PyPI's wheels of the device plugin's libraries, for another Python or machine than this one."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sriovlab.cache import artefact

# The oldest level, the last for Python 3.9, and the newest; Debian 12's protobuf 3.21.12 has this number on PyPI.
LEVELS = {
    "3.11": ("grpcio==1.51.1", "protobuf==4.21.12"),
    "3.9": ("grpcio==1.80.1", "protobuf==6.33.6"),
    "3.12": ("grpcio==1.85.1", "protobuf==7.36.2"),
}
PLATFORMS = ("manylinux_2_17", "manylinux_2_24", "manylinux_2_26", "manylinux_2_27", "manylinux_2_28", "manylinux2014")


def wheels(version: str, packages: Sequence[str], machine: str = platform.machine()) -> Path:
    """The folder that they are unpacked in, fetched at the first time."""

    def fetch(fresh: Path) -> None:
        command = [
            sys.executable, "-m", "pip", "install", "--quiet", "--target", str(fresh), "--no-compile",
            "--only-binary", ":all:", "--implementation", "cp", "--python-version", version,
            *(f"--platform={name}_{machine}" for name in PLATFORMS),
        ]  # fmt: skip
        subprocess.run([*command, *packages], check=True, timeout=240)

    return artefact(f"wheels/{'-'.join([version, *packages, machine])}", fetch)

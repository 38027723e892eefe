# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin on other machine types: Debian's packages of each, unpacked, under QEMU's user mode.

Nothing is installed for them and nothing is registered with the kernel: QEMU is told the folder and the program.
"""

from __future__ import annotations

import os
from pathlib import Path

from devtool.console import call
from devtool.images import PACKAGES, SUITE, UNREAD
from sriovlab.cache import artefact, digest

# As uname says it (QEMU's name too) -> as Debian's packages are called.
MACHINES = {"aarch64": "arm64", "ppc64le": "ppc64el"}
# One archive: what matters is the machine type, and those of security are not always whole for each.
MIRROR = f"deb http://deb.debian.org/debian {SUITE} main"
PYTHON = "usr/bin/python3.11"


def packages(machine: str) -> Path:
    """The folder with a machine type's packages, fetched at the first time. Raises ToolError."""

    def fetch(fresh: Path) -> None:
        print(f"    fetching packages of {SUITE} for {machine} (about half a minute)", flush=True)
        excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in UNREAD]
        include = f"--include={','.join(PACKAGES)}"
        call(["mmdebstrap", "--variant=extract", f"--architectures={MACHINES[machine]}", include, *excluded,
              SUITE, str(fresh / "root"), MIRROR])  # fmt: skip
        _keep_inside(fresh / "root")

    return artefact(f"machines/{machine}-{digest(*PACKAGES, *UNREAD, MIRROR)}", fetch) / "root"


def _keep_inside(root: Path) -> None:
    """Make absolute links relative: QEMU looks into the folder for a path, but the kernel follows a link outside."""
    for base, folders, files in os.walk(root):
        for path in (Path(base, name) for name in (*folders, *files)):
            if path.is_symlink() and os.path.isabs(os.readlink(path)):
                inside = os.path.relpath(root / os.readlink(path).lstrip("/"), path.parent)
                path.unlink()
                path.symlink_to(inside)


def interpreter(machine: str) -> list[str]:
    """The command line of that machine's Python on this machine. Raises ToolError."""
    root = packages(machine)
    return [f"qemu-{machine}-static", "-L", str(root), str(root / PYTHON)]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SELinux in a guest: Debian's policy (which is not Fedora's), a type for containers, and the labels of its disk."""

from __future__ import annotations

from pathlib import Path

from .command import run
from .ssh import Ssh

CONTEXTS = "/etc/selinux/default/contexts/files/file_contexts"
# setfiles opens each file by its name in /proc/self/fd; the mount goes with the namespace.
SETFILES = f'mount -t proc proc "$1/proc" && exec chroot "$1" setfiles -F -e /proc {CONTEXTS} /'
CONTAINER = "/usr/local/lib/lab/container.cil"
# Where a first boot writes.
WRITTEN = ("/boot", "/etc", "/opt", "/root", "/var")


def label(tree: Path) -> None:
    """Label all files of a tree; what the policy would refuse in silence is to be audited too."""
    run(["chroot", tree, "semodule", "--noreload", "--disable_dontaudit", f"--install={CONTAINER}"], timeout=600)
    run(["unshare", "--mount", "sh", "-c", SETFILES, "setfiles", tree], timeout=600)


def label_written(ssh: Ssh) -> None:
    """What the first boot has made."""
    ssh.run(["restorecon", "-RF", *WRITTEN], timeout=600)

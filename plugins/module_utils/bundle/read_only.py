# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places that take no writes."""

from __future__ import annotations

from ..model.errors import Problem


def read_only_problem(folder: str) -> Problem:
    """That nothing can be installed there."""
    return Problem(
        folder,
        "a file system that can be written",
        "a read-only one",
        "Mount a folder that can be written there (a bind mount, in /etc/fstab), or use the modules alone, which "
        "install nothing.",
    )

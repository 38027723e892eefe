# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that change a node have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes of every module that plans, shows and applies."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and tell what would change, with the code that changes it.
    support: full
  diff_mode:
    description: Shows before and after of each step.
    support: full
  platform:
    description: Target operating systems.
    platforms: linux
    support: full
"""

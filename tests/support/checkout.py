# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let tests import the collection by its full name from any checkout, wherever it lies."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def name_the_checkout() -> None:
    """Make ``ansible_collections.baremetal.sriov`` mean this checkout, and never an installed copy of it."""
    for name in ("ansible_collections", "ansible_collections.baremetal", "ansible_collections.baremetal.sriov"):
        module = sys.modules[name] = ModuleType(name)
        module.__path__ = [str(ROOT)] if name.endswith(".sriov") else []


name_the_checkout()

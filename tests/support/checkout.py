# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let tests import the collection by its full name from any checkout, wherever it lies."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.baremetal.sriov"


def name_the_checkout() -> None:
    """Make ``ansible_collections.baremetal.sriov`` mean this checkout, and never an installed copy of it."""
    parts = COLLECTION.split(".")
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        module = ModuleType(name)
        module.__path__ = [str(ROOT)] if name == COLLECTION else []
        sys.modules[name] = module


name_the_checkout()

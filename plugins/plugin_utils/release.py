# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of this collection, as plans and nodes tell it."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

# An installed collection has no galaxy.yml; a test compares both.
_TOLD_BY = Path(__file__).resolve().parents[2] / "files" / "device_plugin" / "sriov_device_plugin" / "__init__.py"


@lru_cache(maxsize=1)
def release() -> str:
    """The version; "unknown" where the installed collection is not whole."""
    try:
        found = re.search(r'^__version__ = "([^"]+)"$', _TOLD_BY.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else "unknown"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the steps of a lab took, for the ledger of time: the longest of each since the file was removed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).resolve().parents[3] / "tests" / "output" / "lab-steps.json"

BOOT_SSH, BOOT_READY = "boot to SSH", "boot to Ready"
KEPT_SSH, KEPT_READY = "kept machine to SSH", "kept machine to Ready"
REBOOT = "reboot to Ready"
POD = "first pod with VFs"


def note(step: str, seconds: float) -> None:
    """Write one down; nothing where there is no folder for it."""
    if FILE.parent.is_dir():
        found = dict(read())
        found[step] = round(max(seconds, found.get(step, 0.0)), 1)
        FILE.write_text(json.dumps(found, indent=1) + "\n")


def read() -> Mapping[str, float]:
    """Step -> seconds; empty where none was noted."""
    try:
        found: Mapping[str, float] = json.loads(FILE.read_text())
    except (OSError, ValueError):
        return {}
    return found

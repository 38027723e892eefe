# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the other programs could not do on this node, by the files that they leave; for the metrics.

What a program did not write is not told: it may not be there. What files hold is untrusted.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any

from shared import pci
from shared.places import DRIFT, FORMAT, NODE, REBOOT_ASKED, SET_ASIDE, WITHHELD

from .. import files

MAX_BYTES = 4 << 20
BOOT_ID = "/proc/sys/kernel/random/boot_id"
CNI_STATE = os.path.dirname(WITHHELD)


@dataclass(frozen=True)
class Drift:
    """Of the drift timer's last pass."""

    differences: int
    stopped: int
    errors: int
    repairs: int
    last: float  # seconds since 1970


@dataclass(frozen=True)
class NodeState:
    """None: nobody tells."""

    drift: Drift | None = None
    reboot_pending: bool | None = None
    withheld: int | None = None  # VFs that the CNI plugin could not bring back
    set_aside: int | None = None  # journals of it that could not be used


def read(root: str) -> NodeState:
    """What is there now."""
    has_cni = os.path.isdir(root + CNI_STATE)
    return NodeState(
        _drift(_load(root + DRIFT)),
        _reboot_pending(root) if os.path.exists(root + NODE) else None,
        sum(map(pci.is_address, pci.list_dir(root + WITHHELD))) if has_cni else None,
        len(pci.list_dir(root + SET_ASIDE)) if has_cni else None,
    )


def _load(path: str) -> Mapping[str, Any]:
    """A JSON object of our format; an empty one in the place of everything else."""
    try:
        found = json.loads(files.read(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and found.get("format") == FORMAT else {}


def _drift(told: Mapping[str, Any]) -> Drift | None:
    lists = [told.get(name) for name in ("differences", "stopped", "errors")]
    numbers = [told.get(name) for name in ("total", "last")]
    if not all(isinstance(one, (list, dict)) for one in lists) or not all(map(_is_number, numbers)):
        return None
    sizes = [len(one) if isinstance(one, Sized) else 0 for one in lists]
    repairs, last = (float(one or 0) for one in numbers)
    return Drift(sizes[0], sizes[1], sizes[2], int(repairs), last)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _reboot_pending(root: str) -> bool:
    """Arguments that only a boot takes, or PFs that wait for one."""
    if _load(root + REBOOT_ASKED).get("arguments"):
        return True
    try:
        node = json.loads(files.read(root + NODE, MAX_BYTES))
        boot = files.read(root + BOOT_ID, 64).decode("ascii", "replace").strip()
    except (OSError, ValueError, RecursionError):
        return False
    later = node.get("after_reboot") if isinstance(node, dict) else None
    return isinstance(later, dict) and later.get("boot_id") == boot

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long turns of nodes took in the last runs, kept on the controller: what the next plan's estimates are made of."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .report import NodeRecord

FORMAT = 1
MOST = 50  # turns of a kind
LIMIT = 1 << 20  # bytes of the file
DRAIN, REBOOT, BOTH = "drain", "reboot", "drain and reboot"
_DAY = 86400


def kind(drains: bool, reboots: bool) -> str:
    """What sort of a turn it is."""
    return BOTH if drains and reboots else REBOOT if reboots else DRAIN


def read(path: str) -> dict[str, list[int]]:
    """Kind -> seconds of its last turns; {} where there is no file, or one that can't be used."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.loads(file.read(LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    seconds = found.get("seconds") if isinstance(found, dict) and found.get("format") == FORMAT else None
    if not isinstance(seconds, dict):
        return {}
    return {name: _numbers(value) for name, value in seconds.items() if name in (DRAIN, REBOOT, BOTH)}


def _numbers(value: Any) -> list[int]:
    listed = value if isinstance(value, list) else []
    return [one for one in listed if isinstance(one, int) and not isinstance(one, bool) and 0 < one < _DAY][-MOST:]


def add(known: Mapping[str, list[int]], records: Iterable[NodeRecord]) -> dict[str, list[int]]:
    """With the turns of a run that ended well."""
    found = {name: list(value) for name, value in known.items()}
    for one in records:
        if one.seconds and one.outcome in ("drained", "rebooted"):
            found.setdefault(kind(one.drained, one.rebooted), []).append(one.seconds)
    return {name: value[-MOST:] for name, value in found.items()}


def write(path: str, seconds: Mapping[str, list[int]]) -> None:
    """Replace the file as a whole. Raises OSError."""
    folder = Path(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".history-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, "seconds": seconds}, file)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def estimate(known: Mapping[str, list[int]], batches: Iterable[Iterable[str]]) -> int:
    """Seconds of batches, each of which takes as long as the slowest of its turns; 0 where a kind was never seen.

    batches: the kinds of the turns of each.
    """
    total = 0.0
    for kinds in batches:
        if any(not known.get(one) for one in kinds):
            return 0
        total += max((statistics.median(known[one]) for one in kinds), default=0.0)
    return int(total)


def told(seconds: int) -> str:
    """About how long, in words; "" where it is not known."""
    if not seconds:
        return ""
    hours, minutes = divmod(-(-seconds // 60), 60)
    return f"about {hours} h {minutes} min" if hours else f"about {minutes} min"

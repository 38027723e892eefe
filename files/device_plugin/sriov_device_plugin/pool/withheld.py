# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VFs that another program could not bring back: one file for each, and the VF is Unhealthy while its file is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from shared import pci
from shared.places import FORMAT, WITHHELD

from .. import files
from ..host.discovery import Device

MAX_BYTES = 1 << 16
MAX_WORDS = 200  # characters of a cause
MOST = 4096  # files that are read


class Withheld:
    """The folder of these files. What a file holds is untrusted: that it is there counts."""

    def __init__(self, root: str) -> None:
        self.folder = root + WITHHELD
        self._causes: dict[str, str] = {}
        self._stamp: tuple[int, int, int] | None = None

    def look(self) -> dict[str, str]:
        """PCI address -> why; the files are read again where one came or went since the last look."""
        stamp = self._now()
        if stamp != self._stamp:
            names = [name for name in pci.list_dir(self.folder) if pci.is_address(name)]
            self._causes = {name: self._cause(name) if n < MOST else "" for n, name in enumerate(names)}
            self._stamp = stamp
        return self._causes

    def _now(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self.folder)
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns

    def _cause(self, name: str) -> str:
        try:
            return _words(json.loads(files.read(os.path.join(self.folder, name), MAX_BYTES)))
        except (OSError, ValueError, RecursionError) as error:
            return f"its file can't be read: {str(error)[:MAX_WORDS]}"


def problems(devices: Iterable[Device], causes: Mapping[str, str]) -> dict[str, str]:
    """Device id -> why it is Unhealthy; an IOMMU group is as good as its worst function."""
    found = {}
    for device in devices if causes else ():
        name = next((name for name in (device.id, *device.group_mates) if name in causes), "")
        if name:
            of_mate = "" if name == device.id else f"{name} of its IOMMU group is "
            found[device.id] = f"{of_mate}withheld: {causes[name]}"
    return found


def _words(content: Any) -> str:
    """The cause and the time that a file tells, or what is wrong with it."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return f"its file is of another form than format {FORMAT}"
    cause, time = (_printable(content.get(key)) for key in ("cause", "time"))
    return f"{cause or 'no cause is told'}{f' ({time})' if time else ''}"


def _printable(value: Any) -> str:
    text = value[:MAX_WORDS] if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else " " for c in text).strip()

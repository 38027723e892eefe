# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was set before us, on the controller: one file for each BMC, written before the first change."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from ...host.host import Host
from ...model.errors import StateFileError

FORMAT = 1
_NAME = re.compile(r"[^A-Za-z0-9._-]")


@dataclass
class BiosRecord:
    """Of one machine. original: attribute -> what it was before us; given: what we asked for; jobs: that we made."""

    identity: str = ""
    original: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)
    format: int = FORMAT


@dataclass(frozen=True)
class Store:
    """The folder of the records. host: the controller."""

    host: Host
    folder: str

    def path(self, name: str) -> str:
        """The file of a BMC, by its name in the inventory."""
        return os.path.join(self.folder, f"{_NAME.sub('_', name).lstrip('.') or '_'}.json")

    def read(self, name: str) -> BiosRecord:
        """An empty record where there is none. Raises StateFileError for what can't be read."""
        path = self.path(name)
        words = self.host.read_text(path)
        if words is None:
            return BiosRecord()
        try:
            told = json.loads(words)
            record = BiosRecord(**told)
            right = record.format == FORMAT and all(
                isinstance(one, dict) for one in (record.original, record.given)
            ) and isinstance(record.jobs, list)  # fmt: skip
        except (ValueError, TypeError, RecursionError):
            right = False
        if not right:
            raise StateFileError(
                f"{path}: expected a record of format {FORMAT}, found another one, or a damaged file. It says how the "
                "BIOS was before the first change: put it back from a copy, or move it away to go on without."
            )
        return record

    def write(self, name: str, record: BiosRecord) -> None:
        """As a whole, and on disk; nothing is left of a record that is empty."""
        path = self.path(name)
        if not record.original and not record.jobs:
            if self.host.exists(path):
                self.host.remove_file(path)
            return
        self.host.write_file(path, (json.dumps(asdict(record), indent=2, sort_keys=True) + "\n").encode(), 0o600)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept over our restarts, but no boot: the names of PFs whose interfaces a pod may have, and the resources that
we offered.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from shared import pci
from shared.places import FORMAT

from .. import files

FILE = "memory.json"
MAX_BYTES = 1 << 20

log = logging.getLogger(__name__)


class Memory:
    """One small file; without it, or with one that is not ours, we know what can be seen now."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, FILE)
        self._said = ""
        found = self._load()
        self.pf_names = _texts(found.get("pf_names"))
        resources = found.get("resources")
        self.resources = {r for r in resources if isinstance(r, str)} if isinstance(resources, list) else set()

    def _load(self) -> dict[str, Any]:
        try:
            found = json.loads(files.read(self.path, MAX_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.warning("%s: %s; nothing of it is used", self.path, error)
            return {}
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            log.warning("%s: expected an object of format %d; nothing of it is used", self.path, FORMAT)
            return {}
        return found

    def save(self, pf_names: Mapping[str, str], resources: Iterable[str]) -> None:
        """Bring the file up to date; one that can't be written is said once."""
        self.pf_names, self.resources = dict(pf_names), set(resources)
        content = {"format": FORMAT, "pf_names": self.pf_names, "resources": sorted(self.resources)}
        problem = ""
        try:
            files.replace(self.path, json.dumps(content, indent=1, sort_keys=True) + "\n")
        except OSError as error:
            problem = str(error)
        if problem and problem != self._said:
            log.warning("%s; what is offered now will not be known after a restart", problem)
        self._said = problem


def _texts(value: Any) -> dict[str, str]:
    entries = value.items() if isinstance(value, dict) else ()
    return {key: text for key, text in entries if isinstance(text, str) and pci.is_address(key) and len(text) < 64}

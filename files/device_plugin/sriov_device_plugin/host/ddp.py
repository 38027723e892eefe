# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DDP (dynamic device personalization) package of Intel NICs, for the ddpProfiles selector.

devlink tells it as the running version `fw.app.name` (Linux Documentation/networking/devlink/ice.rst); where it
does not, Intel's ddptool is asked. Both are outside programs, so they are called only where a selector asks.
"""

from __future__ import annotations

import json
import logging
import subprocess
import time
from typing import Any

TIMEOUT = 2.0  # seconds for one program
KEEP = 60.0  # seconds that an answer is used again: the package changes with the PF's driver alone
MAX_OUTPUT = 1 << 20

log = logging.getLogger(__name__)


class Profiles:
    """Package names by PCI address, asked for at most once in KEEP seconds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, str]] = {}

    def name(self, address: str) -> str:
        """The package of the function at `address` (a PF: its VFs have the same one); "" without one."""
        now = time.monotonic()
        asked, found = self._known.get(address, (now - KEEP - 1, ""))
        if now - asked > KEEP:
            device = f"pci/{address}"
            told = _ask(["devlink", "-j", "dev", "info", device])
            found = _text(told, "info", device, "versions", "running", "fw.app.name") or _text(
                _ask(["ddptool", "-l", "-a", "-j", "-s", address]), "DDPInventory", "DDPpackage", "name"
            )
            self._known[address] = (now, found)
        return found


def _text(answer: Any, *keys: str) -> str:
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer if isinstance(answer, str) else ""


def _ask(command: list[str]) -> Any:
    """The JSON that a program prints; None where it is missing, fails (8: no package) or prints something else."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL)
        if done.returncode == 0 and len(done.stdout) <= MAX_OUTPUT:
            return json.loads(done.stdout)
        log.debug("%s: status %d, %d bytes", command[0], done.returncode, len(done.stdout))
    except (OSError, ValueError, RecursionError, subprocess.TimeoutExpired) as error:
        log.debug("%s: %s", command[0], error)
    return None

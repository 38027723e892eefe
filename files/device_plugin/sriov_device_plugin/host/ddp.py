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
import threading
import time
from collections.abc import Iterable
from typing import Any

TIMEOUT = 2.0  # seconds for one program
FIRST = 3.0  # seconds that a pass waits for addresses that have told nothing yet, together
MOST = 32  # programs at once
KEEP = 60.0  # seconds that an answer is used again: the package changes with the PF's driver alone
MAX_OUTPUT = 1 << 20

log = logging.getLogger(__name__)


class Profiles:
    """Package names by PCI address, asked for at most once in KEEP seconds, each on a thread beside.

    A devlink that waits for its driver's lock can't even be killed, so nobody waits for one: what an address told last
    counts until it tells something else, and one that was never asked has FIRST seconds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, str]] = {}  # address -> when it was told, and the package
        self._asked: dict[str, threading.Thread] = {}

    def name(self, address: str) -> str:
        """The package of the function at `address` (a PF: its VFs have the same one); "" without one."""
        if address not in self._known:
            self.ask((address,))
        return self._known.get(address, (0.0, ""))[1]

    def ask(self, addresses: Iterable[str]) -> None:
        """Start to ask all of which nothing new is known, and wait a little for those of which nothing is."""
        now = time.monotonic()
        new = []
        with self._lock:
            self._asked = {address: thread for address, thread in self._asked.items() if thread.is_alive()}
            for address in addresses:
                told = self._known.get(address, (now - KEEP - 1, ""))[0]
                if now - told > KEEP and address not in self._asked and len(self._asked) < MOST:
                    thread = threading.Thread(target=self._look, args=(address,), name="ddp", daemon=True)
                    self._asked[address] = thread
                    new += [] if address in self._known else [thread]
                    thread.start()
        for thread in new:
            thread.join(max(0.0, now + FIRST - time.monotonic()))

    def _look(self, address: str) -> None:
        device = f"pci/{address}"
        told = _ask(["devlink", "-j", "dev", "info", device])
        found = _text(told, "info", device, "versions", "running", "fw.app.name") or _text(
            _ask(["ddptool", "-l", "-a", "-j", "-s", address]), "DDPInventory", "DDPpackage", "name"
        )
        with self._lock:
            self._known[address] = (time.monotonic(), found)


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

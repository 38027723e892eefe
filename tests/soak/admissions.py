# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose fault a pod is that a kubelet did not admit, by the times of its socket and of the device plugin's log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Runs on the node.
ASK = """
import json, os, subprocess
argv = ["journalctl", "--boot", "--unit", "baremetal-sriov-device-plugin.service", "--output=json", "--no-pager"]
lines = [json.loads(line) for line in subprocess.run(argv, capture_output=True, check=True).stdout.splitlines()]
told = [[int(line["__REALTIME_TIMESTAMP"]) / 1e6, str(line.get("MESSAGE"))] for line in lines]
path = "/var/lib/kubelet/device-plugins/kubelet.sock"
made = os.stat(path).st_mtime if os.path.exists(path) else 0.0  # while a kubelet starts it has none
print(json.dumps({"kubelet": made, "lines": told}))
"""
LISTENS, REGISTERED = ": listening on ", ": registered with the kubelet"
WATCHED = "/plugins_registry/"
# Seconds that we may need after the kubelet's socket is there, where it is us who call; on a slow emulated node.
OURS = 1.0


@dataclass(frozen=True)
class Times:
    """Of one start of a kubelet and one resource: seconds since 1970, 0 where it did not happen."""

    kubelet: float  # its socket was made
    listens: float
    registered: float
    watched: bool  # our socket is in the folder where the kubelet looks by itself

    @property
    def window(self) -> float:
        """How long the kubelet went without us."""
        return self.registered - self.kubelet


def times(told: str, resource: str) -> Times:
    """From the answer to ASK: what came last of it."""
    found: dict[str, Any] = json.loads(told)
    listens = [(at, text) for at, text in found["lines"] if f"{resource}{LISTENS}" in text]
    registered = [at for at, text in found["lines"] if f"{resource}{REGISTERED}" in text and at >= found["kubelet"]]
    last, text = listens[-1] if listens else (0.0, "")
    return Times(found["kubelet"], last, registered[0] if registered else 0.0, WATCHED in text)


def fault(of: Times) -> str:
    """Why it is ours that a pod was not admitted after this start; "" where no plugin could do anything."""
    if not of.registered:
        return "the kubelet was never registered with"
    if of.watched:
        late = of.listens - of.kubelet
        return f"our socket came {late:.2f} s after the kubelet's" if late > 0 else ""
    return f"we registered {of.window:.2f} s after the kubelet's socket" if of.window > OURS else ""


def summary(windows: Sequence[float]) -> str:
    """The shortest, the middle and the longest, in words."""
    if not windows:
        return "no window"
    ordered = sorted(windows)
    return f"windows of {ordered[0]:.2f} / {ordered[len(ordered) // 2]:.2f} / {ordered[-1]:.2f} s"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A paused node: what of ours writes to PFs and VFs by itself does nothing, until somebody ends the pause.

A file pauses it over reboots, a kernel argument for one boot. The units name both as conditions, so that a pause needs
neither this code nor an interpreter that starts. What serves pods (device plugin, CNI plugin) goes on: a paused node
loses nothing of what it offers.
"""

from __future__ import annotations

import json

from ..host.host import Host
from ..kernel import cmdline
from ..model.errors import HostError
from ..model.frozen import dataclass
from ..model.goal import Goal
from ..model.plan import Step
from ..model.state import NodeState
from . import drift_memory
from .plan import Concern, Draft

FOLDER = "/etc/baremetal-sriov"
PATH = f"{FOLDER}/pause"  # {"format": 1, "since": ..., "reason": ...}; whatever is in it, the node is paused
ARGUMENT = "baremetal-sriov.pause"  # of the kernel's command line, with any value
FORMAT = 1
SIZE_LIMIT = 64 << 10  # bytes
REASON_LIMIT = 500  # characters
HOW_TO_END = "end the pause by `baremetal-sriov resume`"


@dataclass(frozen=True)
class Pause:
    """Why the node is paused: by the file, the kernel's argument, or both."""

    by_file: bool = False
    by_argument: bool = False
    since: str = ""  # as whoever paused it wrote it
    reason: str = ""

    def __bool__(self) -> bool:
        return self.by_file or self.by_argument

    def __str__(self) -> str:
        """Who paused it, in words."""
        words = [f"the file {PATH}"] if self.by_file else []
        words += [f"the kernel argument {ARGUMENT}"] if self.by_argument else []
        told = f"by {' and '.join(words)}"
        told += f", since {self.since}" if self.since else ""
        return f"{told}: {self.reason}" if self.reason else told


def read(host: Host) -> Pause:
    """Whether the node is paused. A file that nobody can read pauses it, too."""
    tokens = cmdline.split(host.read_text("/proc/cmdline") or "")
    by_argument = any(token.partition("=")[0] == ARGUMENT for token in tokens)
    if not host.exists(PATH):
        return Pause(by_argument=by_argument)
    try:
        value = json.loads(host.read_text(PATH, SIZE_LIMIT) or "{}")
    except (ValueError, HostError):
        value = {}
    value = value if isinstance(value, dict) else {}
    since, reason = (" ".join(str(value.get(name, "")).split())[:REASON_LIMIT] for name in ("since", "reason"))
    return Pause(True, by_argument, since, reason)


def begin(host: Host, since: str, reason: str) -> None:
    """Pause the node, over reboots. Raises HostError."""
    text = json.dumps({"format": FORMAT, "since": since, "reason": reason[:REASON_LIMIT]}) + "\n"
    host.write_file(PATH, text.encode())


def end(host: Host) -> None:
    """End the pause, as far as the file is its cause. Raises HostError."""
    host.remove_file(PATH)
    host.remove_empty_folder(FOLDER)


class ForgetServicesStep(Step, kind="services", recorded=False):
    """Remove what our services and their command keep: the pause, and what drift was seen."""

    def apply(self, host: Host) -> None:
        end(host)
        drift_memory.remove(host)


class Services(Concern):
    """What keeps our services from their work is told in each plan; a teardown leaves nothing of it behind."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.pause = read(host) if host.is_running else Pause(by_file=host.exists(PATH))
        self.memory = drift_memory.read(host)

    def prepare(self, draft: Draft) -> None:
        if draft.goal.absent:
            return
        if self.pause:
            draft.warnings.append(f"the node is paused {self.pause}; at boot, at hot-plug and at drift nothing is set "
                                  f"up: {HOW_TO_END}")  # fmt: skip
        draft.warnings += self.memory.stopped.values()

    def check(self, draft: Draft) -> None:
        if draft.goal.absent and (self.pause.by_file or self.memory.exists):
            step = ForgetServicesStep(PATH, "end the pause, and forget drift", "everything is given back", True, None)
            draft.at_the_end.append(step)

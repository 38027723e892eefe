# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of ours: planned with what was there before, never over a file that somebody else wrote. See
`render`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..host.host import Host
from ..model.errors import HostError, Problem
from ..model.frozen import dataclass
from ..model.goal import Goal
from ..model.plan import Step
from ..model.state import NodeState, Record
from ..record.record import FILE

UDEV_FOLDER = "/etc/udev/rules.d/"
OWN_FOLDER = "/etc/baremetal-sriov"
MADE = "folder"  # of the record's objects: one that we made for a file


@dataclass(frozen=True)
class FileStep(Step, kind=FILE):
    """A file's text, or what `Host.read_exact` tells of one; None: it goes."""

    with_folder: bool = False  # which goes with it, where nothing else is in it

    @property
    def is_early(self) -> bool:
        """True for what must be there before VFs appear."""
        return self.target.startswith(UDEV_FOLDER) and self.after is not None

    def apply(self, host: Host) -> None:
        """Write or remove the file, and read it back. Raises HostError."""
        exact = isinstance(self.after, Mapping)
        if self.after is None:
            host.remove_file(self.target)
            if self.with_folder:
                host.remove_empty_folder(os.path.dirname(self.target))
        elif exact:
            host.restore(self.target, self.after)
        else:
            host.write_file(self.target, self.after.encode())
        found = host.read_exact(self.target) if exact else host.read_text(self.target)
        if found != self.after:
            raise HostError(self.target, "what was written", "something else", "See who else writes it.")
        if self.target.startswith(UDEV_FOLDER):
            host.run(["udevadm", "control", "--reload"])  # udevd looks for new rules every few seconds only
            if any("NM_UNMANAGED" in str(text) for text in (self.before, self.after)):
                # Interfaces that are there already get what the rules say, too.
                host.run(["udevadm", "trigger", "--action=change", "--subsystem-match=net"])

    def remember(self, known: Record, state: NodeState, owner: str) -> None:
        known.files.setdefault(self.target, self.before)
        folder = os.path.dirname(self.target)
        if folder in state.missing_folders and self.after is not None:
            known.objects.setdefault(f"{MADE} {folder}", None)


def file_steps(goal: Goal, state: NodeState) -> list[FileStep]:
    """Write what the goal names; give back what an earlier goal named and this one does not."""
    now, recorded = state.file_states, state.record.files
    steps = []
    for file in goal.files:
        if not _has_text(file.path, file.text, state):
            action = "write it" if now.get(file.path) is None else "rewrite it"
            steps.append(FileStep(file.path, action, "derived from the policies", now.get(file.path), file.text))
    for path in unnamed(goal, state):
        before = recorded[path]
        if now.get(path) != before and not (isinstance(before, str) and _has_text(path, before, state)):
            action = "remove it" if before is None else "put back what was there"
            folder = os.path.dirname(path)
            ours = folder == OWN_FOLDER or f"{MADE} {folder}" in state.record.objects
            reason = "no policy needs it any more"
            steps.append(FileStep(path, action, reason, now.get(path), before, with_folder=ours))
    return steps


def _has_text(path: str, text: str, state: NodeState) -> bool:
    """A file of its own with this text; who owns it, and its mode, are the administrator's to change."""
    now = state.file_states.get(path)
    is_link = isinstance(now, Mapping) and "link" in now
    return not is_link and state.file_texts.get(path) == text


def unnamed(goal: Goal, state: NodeState) -> list[str]:
    """Files that we changed once and that the goal does not name: they are given back."""
    return sorted(set(state.record.files) - {file.path for file in goal.files})


def file_problems(goal: Goal, state: NodeState) -> list[Problem]:
    """Files at our paths that somebody else wrote."""
    found = []
    for file in goal.files:
        there = state.file_states.get(file.path) is not None
        ours = file.path in state.record.files or _has_text(file.path, file.text, state)
        if there and not ours and not file.adopt:
            remedy = (
                "Set adopt (in the inventory sriov_adopt: true) to replace it (teardown puts it back), or leave that "
                "part to its owner."
            )
            problem = Problem(file.path, "no file, or one that we wrote", "a file that somebody else wrote", remedy)
            found.append(problem)
    return found

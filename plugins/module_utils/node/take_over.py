# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other software on this host that sets VFs: switched off where the user names its file (`sriov_take_over`).

Just lines that set VFs and do nothing else are commented out, and a unit that runs nothing else gets a drop-in that
keeps it from being started. The file as it was is in the record, and is given back where it is not named any more.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..host.host import FileState, Host
from ..model.errors import HostError
from ..model.frozen import dataclass
from ..model.goal import Goal
from ..model.plan import Step
from ..model.state import NodeState, Record
from ..policy.rendered_files import NODE_PATH
from ..record.record import forget
from ..usage import other_managers, vf_lines
from ..usage.other_managers import Finding
from .owned_files import UDEV_FOLDER
from .plan import Concern, Draft

KIND = "taken_over"
UNITS = "/etc/systemd/system"
DROP_IN = "baremetal-sriov.conf"
DROP_IN_TEXT = f"""# Made by baremetal.sriov (sriov_take_over): what this unit does is done by it now.
[Unit]
ConditionPathExists=!{NODE_PATH}
"""


@dataclass(frozen=True)
class SwitchOffStep(Step, kind=KIND):
    """Keep a file of others from setting VFs. before, after: its lines, by their numbers; or (unit) our drop-in."""

    original: Any = None  # the file as it was (`host.FileState`)

    def apply(self, host: Host) -> None:
        """Raises HostError, also where somebody has changed the file since the plan was made."""
        if isinstance(self.after, str):
            host.write_file(self.after, DROP_IN_TEXT.encode())
        else:
            found = host.read_exact(self.target)
            if found != self.original:
                raise HostError(self.target, "the file as it was when the plan was made", "another text",
                                "See who else writes it, and run this again.")  # fmt: skip
            lines = {int(number): line for number, line in self.after.items()}
            _write(host, self.target, found, vf_lines.replaced(_text(found) or "", lines))
        _read_anew(host, self.target, isinstance(self.after, str))

    def remember(self, known: Record, state: NodeState, owner: str) -> None:
        if isinstance(self.after, str):
            known.objects.setdefault(self.key, {"drop_in": self.after})
        else:
            known.objects.setdefault(self.key, {"original": self.original})


class GiveBackStep(Step, kind=KIND, recorded=False):
    """Let a file of others work again as it did. after: what the record has of it."""

    def apply(self, host: Host) -> None:
        """Raises HostError."""
        drop_in = self.after.get("drop_in")
        if drop_in:
            host.remove_file(drop_in)
            host.remove_empty_folder(os.path.dirname(drop_in))
        else:
            original, now = self.after["original"], host.read_exact(self.target)
            text = _text(now)
            again = vf_lines.restored(text or "")
            if text is not None and again == _text(original) and again != text:
                _write(host, self.target, original, again)
            elif text is not None and again != text:  # somebody else has changed it since then, too
                _write(host, self.target, now, again)
        _read_anew(host, self.target, bool(drop_in))


class TakeOvers(Concern):
    """Files of other software that the user names."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.warnings: list[str] = []
        self.steps: list[Step] = []
        self.taken = {key.partition(" ")[2]: value for key, value in state.record.objects.items()
                      if key.startswith(f"{KIND} ")}  # fmt: skip
        self.named = goal.options.take_over if any(not pf.externally_managed for pf in goal.pfs) else ()
        for finding in other_managers.in_files(host) if goal.whole and self.named else ():
            if finding.path in self.named:
                self._take(host, finding)

    def _take(self, host: Host, finding: Finding) -> None:
        step = _switch_off(host, finding) if finding.can_go else None
        if step is not None:
            self.steps.append(step)
        elif not (finding.is_unit and host.read_text(_drop_in(finding.path)) == DROP_IN_TEXT):
            self.warnings.append(
                f"{finding}: sriov_take_over names it, and it does more than set VFs, or is not understood: it is left "
                "as it is. Take what sets VFs out of it by hand, or say externally_managed in the policy"
            )

    def prepare(self, draft: Draft) -> None:
        draft.warnings += self.warnings

    def plan(self, draft: Draft) -> None:
        draft.early += self.steps
        why = "everything is given back" if draft.goal.absent else "sriov_take_over does not name it any more"
        for path, kept in self.taken.items():
            if draft.goal.whole and path not in self.named:
                step = GiveBackStep(path, "let it set VFs again", why, None, kept)
                draft.late.append(step)
                draft.forget.append(forget(step.key))


def _switch_off(host: Host, finding: Finding) -> Step | None:
    """The step for a file; None where it is done, or the file is not one that can be given back as it was."""
    if finding.is_unit:
        path = _drop_in(finding.path)
        if host.exists(path):
            return None
        action = "keep the unit from being started"
        return SwitchOffStep(finding.path, action, f"line {finding.lines[0]} sets VFs", None, path)
    now, without = host.read_exact(finding.path), finding.without or {}
    if _text(now) != finding.text:
        return None  # a link, or bytes that are no text
    before = {str(number): finding.text.split("\n")[number - 1] for number in sorted(without)}
    after = {str(number): without[number] for number in sorted(without)}
    numbers = ", ".join(before)
    action = f"switch off line{'s' if len(before) != 1 else ''} {numbers}"
    return SwitchOffStep(finding.path, action, f"{finding.what} sets VFs there", before, after, original=now)


def _drop_in(unit: str) -> str:
    return f"{UNITS}/{os.path.basename(unit)}.d/{DROP_IN}"


def _text(state: FileState) -> str | None:
    """A file's text; None for what is missing, a link, or no text."""
    return state if isinstance(state, str) else state.get("text") if isinstance(state, Mapping) else None


def _write(host: Host, path: str, state: FileState, text: str) -> None:
    """A text with the owner and the mode of a file."""
    if isinstance(state, Mapping):
        host.restore(path, {**state, "text": text})
    else:
        host.write_file(path, text.encode())


def _read_anew(host: Host, path: str, is_unit: bool) -> None:
    """Tell who reads the file just at a change of it. Nobody is told who would act on it at once."""
    if not host.is_running:
        return
    if is_unit or path.startswith((f"{UNITS}/", "/run/systemd/system/")):
        host.run(["systemctl", "daemon-reload"])
    elif path.startswith((UDEV_FOLDER, "/run/udev/rules.d/")):
        host.run(["udevadm", "control", "--reload"])

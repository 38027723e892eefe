# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our services have in common: the goal that the last run left, and what they say in the journal."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace

from ..host.host import Host
from ..model.errors import StateFileError
from ..model.goal import Goal, goal_from_dict
from ..model.state import NodeState
from ..policy import waiting
from ..policy.rendered_files import NODE_PATH
from ..record import pending_reboot
from .run import MakeGoal

STATUS_LIMIT = 2000  # characters
ERROR, WARNING = "<3>", "<4>"  # journald takes the priority from the begin of a line (sd-daemon(3))


def load_goal(host: Host) -> Goal:
    """The goal from node.json; an empty one where there is no such file. Raises StateFileError."""
    text = host.read_text(NODE_PATH)
    if text is None:
        return Goal(whole=False)
    text = since_reboot(host, text).get(NODE_PATH, text)
    try:
        return goal_from_dict(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateFileError(
            f"{NODE_PATH}: expected the goal that sriov_node writes, found {error}. "
            "Run the role again; it writes the file anew."
        ) from error


def since_reboot(host: Host, text: str | None) -> dict[str, str]:
    """The texts of files that waited for this boot, by path."""
    return waiting.since_reboot(text, pending_reboot.boot_id(host))


def unless_changed(goal: Goal, text: str | None) -> MakeGoal:
    """The goal, or nothing where another run has changed or removed node.json (its `text`): it knows better."""

    def current(state: NodeState) -> Goal:
        same = state.file_texts.get(NODE_PATH) == text
        return _as_accepted(goal, state) if same else Goal(whole=False)

    return current


def _as_accepted(goal: Goal, state: NodeState) -> Goal:
    """What the last run left was accepted by it: an address that came later, or with the initial RAM disk, keeps no PF
    from its VFs. A PF without an interface here may be in a pod.
    """
    here = {pf.address for pf in state.pfs if pf.name is not None}
    pfs = (replace(pf, allow_in_use=True) if pf.address in here else pf for pf in goal.pfs)
    return replace(goal, pfs=tuple(pfs))


def parts_of(goal: Goal) -> list[Goal]:
    """Huge pages, each PF, and single functions: one that fails does not keep the others from being set up."""
    no_pages = replace(goal.options, hugepages=())
    parts = [replace(goal, pfs=(), functions=())] if goal.options.hugepages else []
    parts += [replace(goal, pfs=(pf,), functions=(), options=no_pages) for pf in goal.pfs]
    return [*parts, replace(goal, pfs=(), options=no_pages)] if goal.functions else parts


def say_errors(errors: Sequence[str]) -> int:
    """Each line of the errors for the journal; the exit status."""
    for error in errors:
        for line in error.splitlines():
            sys.stderr.write(f"{ERROR}{line}\n")
    return 1 if errors else 0


def warn(text: str) -> None:
    """A line for the journal."""
    sys.stdout.write(f"{WARNING}{text}\n")


def tell_status(text: str) -> None:
    """The line `Status:` of systemctl status, also of a unit that failed (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(f"STATUS={text}"[:STATUS_LIMIT].encode(), address.replace("@", "\0", 1))

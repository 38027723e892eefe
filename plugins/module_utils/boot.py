# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot service: brings PFs, VFs and drivers to what the last run of sriov_node left in node.json.

Kernel arguments and files are never touched here. A PF that fails does not keep the others from being set up.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from . import pci
from .errors import SriovError, StateFileError
from .host import Host
from .model import Goal, NodeState, PfGoal, goal_from_dict
from .node import run
from .render import NODE_PATH

APPEAR_SECONDS = 60.0  # a PF's driver is loaded by udev, which may be busy at boot
TRIES = 3
PAUSE_SECONDS = 2.0


def load_goal(host: Host) -> Goal:
    """The goal from node.json; an empty one where there is no such file. Raises StateFileError."""
    text = host.read_text(NODE_PATH)
    if text is None:
        return Goal(whole=False)
    try:
        return goal_from_dict(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateFileError(
            f"{NODE_PATH}: expected the goal that sriov_node writes, found {error}. "
            "Run the role again; it writes the file anew."
        ) from error


def main(host: Host | None = None) -> int:
    """Exit status 0 where everything is as it should be; the lines that it prints go to the journal."""
    host = host or Host()
    try:
        goal = load_goal(host)
    except SriovError as error:
        return _say_failed([str(error)])
    text = host.read_text(NODE_PATH)
    parts = [replace(goal, pfs=(pf,), functions=()) for pf in goal.pfs]
    if goal.functions:
        parts.append(replace(goal, pfs=()))
    wait_for_pfs(host, goal.pfs)
    errors = []
    for part in parts:
        try:
            _bring_up(host, part, text)
        except SriovError as error:
            errors.append(str(error))
    return _say_failed(errors) if errors else 0


def wait_for_pfs(host: Host, pfs: Sequence[PfGoal]) -> None:
    """Until each PF has its driver, if it is a NIC its interface, and the VFs that somebody else makes.

    A bounded time, as the plan tells what is missing.
    """
    give_up = host.monotonic() + APPEAR_SECONDS
    waiting = list(pfs)
    while waiting and host.monotonic() < give_up:
        waiting = [pf for pf in waiting if not _is_ready(host, pf)]
        if waiting:
            host.sleep(0.5)


def _is_ready(host: Host, pf: PfGoal) -> bool:
    address = pf.address
    if pf.externally_managed and pci.num_vfs(host.root, address) < pf.num_vfs:
        return False
    network = pci.class_id(host.root, address).startswith("02")
    return pci.total_vfs(host.root, address) >= 0 and (
        pci.uplink_name(host.root, address) is not None if network else pci.driver(host.root, address) is not None
    )


def _bring_up(host: Host, goal: Goal, text: str | None) -> None:
    """Plan and carry out, again where udev renamed an interface or a driver was not ready.

    Nothing is done where another run has changed or removed node.json (its `text`) meanwhile: it knows better.
    """

    def current(state: NodeState) -> Goal:
        return goal if (state.file_texts or {}).get(NODE_PATH) == text else Goal(whole=False)

    for attempt in range(TRIES):
        try:
            outcome = run(host, current, check=False, kernel_side=False)
        except SriovError:
            if attempt == TRIES - 1:
                raise
            host.sleep(PAUSE_SECONDS)
            continue
        for warning in outcome.plan.warnings:
            sys.stdout.write(f"<4>{warning}\n")
        for step in outcome.plan.steps:
            sys.stdout.write(f"{step.target}: {step.action}: done\n")
        return


def _say_failed(errors: Sequence[str]) -> int:
    """Exit status 1. journald takes the priority from the line: 3 is an error."""
    for error in errors:
        for line in error.splitlines():
            sys.stderr.write(f"<3>{line}\n")
    return 1

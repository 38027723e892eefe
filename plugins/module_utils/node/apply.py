# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out a plan: the originals recorded before the first change, a journal around each step, each
step verified.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from ..host.host import Host
from ..model.errors import HostError, SriovError
from ..model.goal import NODE_OWNER
from ..model.plan import Plan, Step
from ..model.state import NodeState, Record
from ..pf.identity import is_another
from ..pf.steps import AutoprobeStep, PfStep
from ..record import record


def carry_out(host: Host, plan: Plan, state: NodeState, owner: str = NODE_OWNER) -> None:
    """Do the plan's steps that are due. `state` is what the plan was made from, `owner` the module that asks.

    Raises the error of the step that failed, with what was not done; a rerun goes on from what the host
    is then.
    """
    steps = plan.pending
    _remember(host, plan.steps, state, owner)
    for number, step in enumerate(steps):
        record.write_journal(host, [s.key for s in steps[number:]])
        try:
            step.apply(host)
        except SriovError as error:
            _undo(host, steps[number:])
            left = "; ".join(f"{s.target}: {s.action}" for s in steps[number + 1 :][:20]) or "nothing"
            raise HostError(
                f"{step.target}: {step.action}",
                f"the step done ({step.reason})",
                str(error),
                f"Done before: {number} steps; not done: {left}. Fix the cause, then run this again.",
            ) from error
    record.write_journal(host, [])


def _remember(host: Host, steps: Sequence[Step], state: NodeState, owner: str) -> None:
    """Record what the steps will change for the first time. Of a NIC that took another's place nothing is known."""
    before = record.load(host)
    touched = {step.target.address for step in steps if isinstance(step, PfStep)}
    swapped = {pf.address for pf in state.pfs if pf.address in touched and is_another(pf, state)}
    kept = record.without(before, swapped) if swapped else before
    known = Record(dict(kept.pfs), dict(kept.files), dict(kept.objects), dict(kept.owners), dict(kept.identities),
                   before.interrupted, True)  # fmt: skip
    for step in steps:
        step.remember(known, state, owner)
    if known != replace(before, exists=True):
        record.save(host, known)


def _undo(host: Host, steps: Sequence[Step]) -> None:
    """After a failure: a PF's autoprobe goes back now, or VFs made meanwhile would get no driver."""
    for step in steps:
        if isinstance(step, AutoprobeStep) and step.after:
            with contextlib.suppress(SriovError):
                step.apply(host)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out a plan: the originals recorded before the first change, a journal while steps are done, each step
verified. One PF or VF that fails does not keep the others from being set up.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..host.host import Host
from ..model.errors import HostError, SlowError, SriovError, TakenError
from ..model.frozen import dataclass
from ..model.goal import NODE_OWNER
from ..model.plan import Plan, Step
from ..model.state import NodeState, Record
from ..pf import causes
from ..pf.drivers import Target
from ..pf.identity import is_another
from ..pf.steps import AutoprobeStep, PfStep
from ..pf.withdrawal import NotTakenBackError, withdrawn
from ..record import record
from ..record.record import Forget, ForgetAll

NAMED = 20  # steps, in an error
PATIENCE_SECONDS = 60.0  # that may be waited in vain for one PF and its VFs in a run


@dataclass(frozen=True)
class Failure:
    """A step that failed, and what the kernel's log says of its object."""

    step: Step
    error: SriovError
    said: str


def carry_out(
    host: Host,
    plan: Plan,
    state: NodeState,
    owner: str = NODE_OWNER,
    *,
    at_boot: bool = False,
    drained: bool = False,
) -> None:
    """Do the plan's steps that are due. `state` is what the plan was made from, `owner` the module that asks.
    at_boot: a disk that takes no record keeps no PF from its VFs. drained: the node takes no pods.

    Steps that rest on one that failed are left out; a PF or VF that somebody has taken meanwhile, and all but a PF's
    steps that fail, end it. Raises HostError with what failed, what was done and what was not, at the end; a rerun
    goes on from what the host is then.
    """
    steps = plan.pending
    with _written_or_told(at_boot):
        _remember(host, plan.steps, state, owner)
        record.write_journal(host, [step.key for step in steps])
    try:
        with withdrawn(host, steps, state, drained, plan.waiting, whole=not at_boot):
            failed, done, left = _all_steps(host, steps, state)
    except NotTakenBackError:  # nothing was changed
        record.write_journal(host, [])
        raise
    if not failed:
        with _written_or_told(at_boot):
            record.write_journal(host, [])
        return
    at_work = {failure.step.target for failure in failed if isinstance(failure.error, SlowError)}
    _undo(host, [step for step in left if step.target not in at_work])
    with _written_or_told(True):  # the failure is what there is to tell
        record.write_journal(host, [step.key for step in (*(failure.step for failure in failed), *left)])
    raise _failure(failed, done, left)


def _all_steps(host: Host, steps: Sequence[Step], state: NodeState) -> tuple[list[Failure], int, list[Step]]:
    """Do them. Returns what failed, how many are done, and what was left out."""
    failed: list[Failure] = []
    done, left = 0, []
    patience: dict[str, float] = {}
    for number, step in enumerate(steps):
        if any(_rests_on(step, failure) for failure in failed):
            left.append(step)
            continue
        owner_of_time = step.target.address if isinstance(step, PfStep) else ""
        host.patience = patience.get(owner_of_time, PATIENCE_SECONDS)
        try:
            _at_this_moment(step, state).apply(host)
            done += 1
        except SriovError as error:
            failed.append(Failure(step, error, causes.said(host, step.target) if isinstance(step, PfStep) else ""))
            if isinstance(error, TakenError) or not isinstance(step, PfStep):
                left += steps[number + 1 :]
                break
        patience[owner_of_time] = host.patience
    return failed, done, left


def _at_this_moment(step: Step, state: NodeState) -> Step:
    """The step with what its look at who holds a VF knows of the kubelet: the places of its files, and the pods that
    had ended when the plan was made.
    """
    if step.free is None or not state.kubelet_dirs:
        return step
    return replace(step, free=replace(step.free, kubelet_dirs=state.kubelet_dirs, ended_pods=state.ended_pods))


def _rests_on(step: Step, failure: Failure) -> bool:
    """True for a step on the PF or VF of one that failed, and for what would forget its original."""
    targets = getattr(failure.error, "targets", (failure.step.target,))
    addresses = {target.address for target in targets}
    if isinstance(step, Forget):
        return isinstance(step, ForgetAll) or step.target in addresses
    if not isinstance(step, PfStep) or step.target.address not in addresses:
        return False
    if isinstance(step, AutoprobeStep) and step.after and not isinstance(failure.error, SlowError):
        return False  # VFs that are made later would get no driver
    return any(target in (step.target, Target(step.target.address)) for target in targets)


def _failure(failed: Sequence[Failure], done: int, left: Sequence[Step]) -> HostError:
    """One error of all: of the last one's class, which says whether a rerun helps."""
    rest = "; ".join(f"{s.target}: {s.action}" for s in left[:NAMED]) or "nothing"
    rest += f"; and {len(left) - NAMED} more" if len(left) > NAMED else ""
    first, others = failed[0], failed[1:]
    more = "".join(f"\n  - {one.step.target}: {one.step.action}: {one.error}{one.said}" for one in others[:NAMED])
    more += f"\n  - and {len(others) - NAMED} more" if len(others) > NAMED else ""
    kinds = {type(one.error) for one in failed}
    special = next((kind for kind in (TakenError, SlowError) if kind in kinds), HostError)
    return special(
        f"{first.step.target}: {first.step.action}",
        f"the step done ({first.step.reason})",
        f"{first.error}{first.said}{more}",
        f"Done: {done} steps; not done: {rest}. Fix the cause, then run this again.",
    )


@contextlib.contextmanager
def _written_or_told(at_boot: bool) -> Iterator[None]:
    """A failure to write what only later runs read ends a run, but not a boot, which says so."""
    try:
        yield
    except SriovError as error:
        if not at_boot:
            raise
        sys.stdout.write(f"<4>{error}\n")


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

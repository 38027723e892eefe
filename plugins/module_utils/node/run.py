# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run on a node: look, plan, and (unless it is a check) carry out and look again.

The modules and the boot service come in here; nothing here knows of Ansible. What only a change needs is imported
when there is one: a run that changes nothing is the usual one, and shall cost little.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Callable, Optional, TypeVar

from ..host import devlink
from ..host.host import Host
from ..model.errors import HostError, RefusedError
from ..model.frozen import dataclass
from ..model.goal import KUBELET_FOLDERS, Goal, compact
from ..model.plan import AFTER_REBOOT, Plan, Step
from ..model.state import NodeState, Pf, Vf
from ..pf import withdrawal
from ..pf.read import read_state
from ..pf.steps import PfStep
from ..policy.rendered_files import NODE_PATH, PATHS
from ..record import pending_reboot, record
from ..record.record import LOCK
from ..shared.places import DEVICE_PLUGIN_UNIT
from .concerns import Iommu, KernelArguments, Pfs
from .plan import Concern, make_plan, part_of

SETTLE_TRIES = 10  # a VF's interface may come seconds after its driver

C = TypeVar("C", bound=Concern)
MakeGoal = Callable[[NodeState], Goal]
Concerns = Sequence[type[Concern]]
Choice = Callable[[Step], Optional[Step]]


def all_of_it(step: Step) -> Step:
    """The choice of most runs."""
    return step


@dataclass(frozen=True)
class Look:
    """What a look at the host gave."""

    state: NodeState
    goal: Goal
    concerns: Sequence[Concern]  # with what they read
    plan: Plan

    def part(self, kind: type[C]) -> C:
        """The concern of this kind. Raises StopIteration where the run was not for it."""
        return next(concern for concern in self.concerns if isinstance(concern, kind))


@dataclass(frozen=True)
class Outcome:
    """A run's result."""

    look: Look  # at its start: the plan is what was, or would be, done
    last: Look  # at its end

    @property
    def plan(self) -> Plan:
        """The plan that was carried out, or would be."""
        return self.look.plan

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of the plan, and what shows only when it is carried out."""
        return tuple(dict.fromkeys((*self.look.plan.warnings, *self.last.plan.warnings)))

    def facts(self) -> dict[str, Any]:
        """What a module's result tells besides the plan."""
        found = [concern.state for concern in self.look.concerns if isinstance(concern, Iommu) and concern.state]
        return {
            "drain_required": self.plan.drain_required,
            "refused": [str(problem) for problem in self.plan.held],
            "expected_after_reboot": [s.as_dict() for s in self.plan.steps if s.stage == AFTER_REBOOT],
            "waits_for_free": withdrawal.targets_of(self.plan.waiting, self.look.state),
            "resources": dict(self.look.goal.resources),
            "skipped_policies": dict(self.look.goal.skipped),
            "managed": _managed(self.look.goal, self.last.state.pfs),
            "pfs": [_pf_summary(pf) for pf in self.last.state.pfs if pf.total_vfs >= 0 or pf.is_guest_vf],
            "iommu": found[0].as_dict() if found else {},
        }


def look(
    host: Host, make_goal: MakeGoal, concerns: Concerns, ssh_connection: str, chosen: Choice
) -> Look:
    """Read the host and plan. PFs are read where they are a concern; who uses a PF or VF is looked for only where
    something stands or would change.

    Raises RefusedError with every problem, HostError where the host can't be read, StateFileError for our
    own files.
    """
    with_pfs = Pfs in concerns
    state = read_state(host, record.load(host), PATHS) if with_pfs else NodeState()
    goal = make_goal(state)
    state = devlink.with_modes(host, state, _with_a_mode(goal, state))
    made = [concern(host, goal, state) for concern in concerns]
    more = with_pfs and host.is_running
    try:
        plan = make_plan(goal, state, made)
        changes = plan.pending or state.record.interrupted or any(isinstance(step, PfStep) for step in plan.steps)
        more = more and bool(changes)
    except RefusedError:
        if not more:
            raise  # else the user is told everything at once
    if more:
        from ..usage import kubelet
        from ..usage.pf_usage import read_usage

        # What an earlier run was told counts for those that are told nothing: a teardown, the narrow modules.
        known = kubelet.root_dir_of(state.file_texts.get(NODE_PATH))
        folders = [folder for folder in (goal.options.kubelet_root_dir, known, *KUBELET_FOLDERS) if folder]
        state = read_usage(host, state, ssh_connection, DEVICE_PLUGIN_UNIT, folders)
        plan = make_plan(goal, state, made)
    return Look(state, goal, made, plan if chosen is all_of_it else part_of(plan, chosen, state))


def _with_a_mode(goal: Goal, state: NodeState) -> set[str]:
    """PFs whose eswitch mode is asked for, or was changed by us."""
    wanted = [*goal.pfs, *state.record.pfs.values()]
    return {pf.address for pf in wanted if (pf.eswitch_mode, pf.tc_offload) != (None, None)}


def run(
    host: Host,
    make_goal: MakeGoal,
    concerns: Concerns,
    *,
    check: bool,
    ssh_connection: str = "",
    chosen: Choice = all_of_it,
    at_boot: bool = False,
    agreed: Callable[[Plan], None] | None = None,
) -> Outcome:
    """Bring the host to the goal, or (check) say what that would be. chosen: what of each step is not left for later.
    at_boot: nothing on the disk need be written. agreed: raises RefusedError for a plan that is not to be carried out.

    Raises RefusedError before any change, HostError where a step failed or the host is not as planned at
    the end.
    """
    again = partial(look, host, make_goal, concerns, ssh_connection, chosen)
    first = last = again()
    if check:
        return Outcome(first, first)
    if first.plan.pending or first.state.record.interrupted or withdrawal.is_due(host, first.plan.waiting, first.state):
        from .apply import carry_out

        with host.lock(LOCK):
            first = again()  # another run may have been at work until now
            if first.plan.held:
                raise RefusedError(list(first.plan.held))
            if agreed is not None:
                agreed(first.plan)
            drained = first.goal.options.drained
            carry_out(host, first.plan, first.state, first.goal.owner, at_boot=at_boot, drained=drained)
            last = _settled(host, again)
    if KernelArguments in concerns and host.is_running:
        # What a reboot is needed for now, so that one that does not help is not asked for again.
        pending_reboot.note(host, last.plan.steps)
    return Outcome(first, last)


def _settled(host: Host, again: Callable[[], Look]) -> Look:
    """The host after all steps. Raises HostError where some are due again."""
    last = again()
    for pause in [1.0] * SETTLE_TRIES:  # udev may be renaming interfaces while we look
        if not last.plan.pending:
            break
        host.sleep(pause)
        last = again()
    left = last.plan.pending
    if left:
        text = "; ".join(f"{step.target}: {step.action}" for step in left[:20])
        raise HostError(
            "the host",
            "to be as planned after all steps",
            f"steps that are due again: {text}",
            "Somebody else changes the same objects, or a driver does not keep what is set; see dmesg.",
        )
    return last


def _managed(goal: Goal, pfs: Sequence[Pf]) -> list[str]:
    """The VFs and functions that are there and that policies are about."""
    wanted = {(one.address, index) for one in goal.pfs if not one.restore_original for index, _settings in one.vfs}
    vfs = [vf.address for pf in pfs for vf in pf.vfs if (pf.address, vf.index) in wanted and vf.address]
    return sorted({*vfs, *(one.address for one in goal.functions)})


def _pf_summary(pf: Pf) -> dict[str, Any]:
    """A PF and its VFs without what is unknown or empty: with many VFs, most of a result is this."""
    return {**_told(pf), "vfs": [_told(vf) for vf in pf.vfs]}


def _told(value: Pf | Vf) -> dict[str, Any]:
    return {name: item for name, item in compact(value).items() if item != ()}

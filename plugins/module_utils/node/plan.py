# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole plan: from the goal and what the host is to ordered steps with reasons.

Each concern plans its own part (see `concerns`); this puts the parts in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..host.host import Host
from ..kernel.arguments import KernelState
from ..model.errors import RefusedError
from ..model.goal import Goal
from ..model.plan import AFTER_REBOOT, NOW, REBOOT, Plan, Reboot, Step
from ..model.state import NodeState
from ..pf.checks import drain_problems, with_drains
from ..pf.steps import PfStep
from ..pf.wait_for_free import messages, until_free
from ..policy.rendered_files import CONFIG_PATH
from ..shared.places import DEVICE_PLUGIN_UNIT
from .owned_files import FileStep


class ReloadStep(Step, kind="reload", recorded=False):
    """Have the device plugin look again."""

    def apply(self, host: Host) -> None:
        host.run(["systemctl", "reload-or-restart", self.target])


class Draft:
    """A plan in the making: what the concerns add to."""

    def __init__(self, goal: Goal, state: NodeState) -> None:
        self.goal, self.state = goal, state
        self.problems = list(goal.problems)
        self.warnings = list(goal.warnings)  # about the node
        self.pf_warnings: list[str] = []
        self.kernel: KernelState | None = None  # None where nothing of this run sets kernel arguments
        self.has_iommu = True  # the running kernel; also where nobody asks
        self.waiting: set[str] = set()  # the PFs whose steps need what the reboot brings
        self.arguments = goal.options.kernel_arguments
        self.boot: list[Step] = []  # for the next boot: kernel arguments, modules
        self.early: list[Step] = []  # before VFs: huge pages, udev rules
        self.runtime: list[Step] = []  # PFs and VFs
        self.restored: list[Step] = []  # PFs that nothing names any more; no boot undoes that
        self.late: list[Step] = []  # files that tell of VFs, huge pages to give back
        self.forget: list[Step] = []  # of the record
        self.at_the_end: list[Step] = []  # of all of it

    @property
    def reboot(self) -> bool:
        """True where what the next boot brings is needed first."""
        return any(REBOOT in step.needs for step in self.boot)

    @property
    def can_ask(self) -> bool:
        """True where a reboot may be asked for a PF that the host needs: by the user's word, and not by a boot."""
        return self.kernel is not None and self.goal.options.reboot_ok

    def lacks(self, *starts: str) -> bool:
        """True where the reboot brings an argument, or an option of a module, that begins so."""
        brought = [str(item) for step in self.boot if isinstance(step, Reboot) for item in step.after]
        plain = (item.replace("module ", "").replace("-", "_") for item in brought)
        return any(item.startswith(start.replace("-", "_")) for item in plain for start in starts)

    def changes(self) -> list[Step]:
        """The steps of the host's objects. What needs the reboot waits for it, and nothing else does."""
        ordered = [*self.boot, *self.early, *self.runtime]
        if self.reboot and not self.goal.absent:
            ordered = [replace(step, stage=AFTER_REBOOT) if self._waits(step) else step for step in ordered]
        return [*ordered, *self.restored, *self.late]

    def _waits(self, step: Step) -> bool:
        if isinstance(step, PfStep):
            return step.target.address in self.waiting
        return step.lost_at_boot and bool(self.waiting or not self.runtime)


class Concern:
    """One part of a node. It reads what is as it is made, and then adds its part to a plan."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        """Raises HostError, StateFileError."""

    def prepare(self, draft: Draft) -> None:
        """Add what other concerns build on, such as kernel arguments."""

    def plan(self, draft: Draft) -> None:
        """Add steps, problems and warnings. Raises RefusedError, InvalidSpecError."""

    def check(self, draft: Draft) -> None:
        """Add what depends on the steps of all."""


def make_plan(goal: Goal, state: NodeState, concerns: Sequence[Concern]) -> Plan:
    """The plan for the whole goal. Raises RefusedError with every problem, InvalidSpecError for bad
    kernel arguments.
    """
    draft = Draft(goal, state)
    for concern in concerns:
        concern.prepare(draft)
    for concern in concerns:
        try:
            concern.plan(draft)
        except RefusedError as error:
            draft.problems += error.problems
    for concern in concerns:
        concern.check(draft)
    if draft.problems:
        raise RefusedError(draft.problems, (*draft.warnings, *draft.pf_warnings))
    ordered = draft.changes()
    ordered = ordered if goal.options.drained else with_drains(ordered, state)
    forget = list(draft.forget)
    if goal.options.wait_for_free:
        draft.pf_warnings += messages(ordered, state)
        waiting = until_free([*ordered, *forget])
        ordered, forget = waiting[: len(ordered)], waiting[len(ordered) :]
    ordered += [*_reload(ordered, state), *forget, *draft.at_the_end]
    # The reboot is the user's to do, when all else is done.
    ordered = [*[step for step in ordered if not isinstance(step, Reboot)], *_one_reboot(ordered)]
    warnings = (*draft.warnings, *draft.pf_warnings)
    return Plan(tuple(ordered), warnings, tuple(drain_problems(ordered, state)))


def _reload(steps: Sequence[Step], state: NodeState) -> list[Step]:
    """The device plugin looks again when its configuration or its VFs change, also when an earlier run
    was killed. What waits for a reboot changes neither.
    """
    if not state.plugin_active:
        return []
    step = ReloadStep(DEVICE_PLUGIN_UNIT, "reload it", "its VFs or its configuration changed", None, True)
    return [step] if _changes_pools(steps) or step.key in state.record.interrupted else []


def _changes_pools(steps: Sequence[Step]) -> bool:
    """Whether what is done now changes what the device plugin offers."""
    return any(isinstance(step, PfStep) or (isinstance(step, FileStep) and step.target == CONFIG_PATH)
               for step in steps if step.stage == NOW)  # fmt: skip


def part_of(plan: Plan, chosen: Callable[[Step], Step | None], state: NodeState) -> Plan:
    """The plan with what is chosen of each step, and what that alone needs."""
    steps = [step for step in map(chosen, plan.steps) if step is not None]
    if not _changes_pools(steps):
        steps = [step for step in steps if not isinstance(step, ReloadStep) or step.key in state.record.interrupted]
    return replace(plan, steps=tuple(steps), held=tuple(drain_problems(steps, state)))


def _one_reboot(steps: Sequence[Step]) -> list[Reboot]:
    """Several concerns may ask for a reboot; one serves them all."""
    asked = [step for step in steps if isinstance(step, Reboot)]
    if len(asked) < 2:
        return asked
    return [
        replace(
            asked[0],
            reason="; ".join(dict.fromkeys(step.reason for step in asked)),
            before=[item for step in asked for item in step.before],
            after=[item for step in asked for item in step.after],
        )
    ]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run on a node: look, plan, and (unless it is a check) carry out and look again.

The modules and the boot service come in here; nothing here knows of Ansible. What only a change needs is imported
when there is one: a run that changes nothing is the usual one, and shall cost little.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Callable

from ..host import devlink
from ..host.host import Host
from ..kernel import arguments as kernel_arguments
from ..kernel import hugepages, iommu
from ..kernel import modules as kernel_modules
from ..kernel.hugepages import Memory
from ..model.errors import HostError, Problem, RefusedError
from ..model.frozen import dataclass
from ..model.goal import KUBELET_FOLDERS, Goal, compact
from ..model.plan import AFTER_REBOOT, Plan, pending
from ..model.state import NodeState, Pf, Vf
from ..pf.read import read_state
from ..policy.rendered_files import CONFIG_PATH, NODE_PATH, PATHS
from ..record import pending_reboot, record
from ..record.record import LOCK
from ..shared.driver_kinds import is_vfio
from ..usage import other_managers
from .plan import PLUGIN_UNIT, KernelSide, Planned, changes_vfs, make_plan

SETTLE_TRIES = 3

MakeGoal = Callable[[NodeState], Goal]


@dataclass(frozen=True)
class Look:
    """What a look at the host gave: the state, the goal for it, and the plan between them."""

    state: NodeState
    goal: Goal
    planned: Planned
    side: KernelSide


@dataclass(frozen=True)
class Outcome:
    """A run's result. look: at its start (the plan is what was, or would be, done); state: at its end."""

    look: Look
    state: NodeState

    @property
    def plan(self) -> Plan:
        """The plan that was carried out, or would be."""
        return self.look.planned.plan

    @property
    def held(self) -> tuple[Problem, ...]:
        """What would be taken away from its holders (a check only; a real run refuses)."""
        return self.look.planned.held

    def as_dict(self) -> dict[str, Any]:
        """For a module's result."""
        side = self.look.side
        return {
            "changed": bool(pending(self.plan)),
            "plan": self.plan.as_dict(),
            "warnings": list(self.plan.warnings),
            "reboot_required": self.plan.reboot_required,
            "drain_required": self.plan.drain_required,
            "refused": [str(problem) for problem in self.held],
            "expected_after_reboot": [s.as_dict() for s in self.plan.steps if s.stage == AFTER_REBOOT],
            "resources": dict(self.look.goal.resources),
            "skipped_policies": dict(self.look.goal.skipped),
            "pfs": [_pf_summary(pf) for pf in self.state.pfs if pf.total_vfs >= 0 or pf.is_guest_vf],
            "iommu": side.iommu.as_dict() if side.iommu is not None else {},
        }


def look(host: Host, make_goal: MakeGoal, *, kernel_side: bool, ssh_connection: str = "") -> Look:
    """Read the host and plan. Who uses a PF or VF is looked for only where something stands or would
    change.

    Raises RefusedError with every problem, HostError where the host can't be read, StateFileError for our
    own files.
    """
    state = read_state(host, record.load(host), PATHS)
    goal = make_goal(state)
    if kernel_side and goal.whole and any(not pf.externally_managed for pf in goal.pfs):
        ours = any(file.path == CONFIG_PATH for file in goal.files)  # else VFs are offered by somebody else's choice
        found = other_managers.find(host, dict(goal.resources) if ours else (), goal.options.kubelet_root_dirs)
        goal = replace(goal, warnings=(*goal.warnings, *found))
    state = devlink.with_modes(host, state, _with_a_mode(goal, state))
    with_pages = goal.options.hugepages or (goal.whole and hugepages.originals(state.record.objects))
    memory = hugepages.read(host) if with_pages else None
    side = _read_kernel_side(host, goal, memory) if kernel_side else KernelSide(memory=memory)
    try:
        planned = make_plan(goal, state, side)
        more = changes_vfs(planned.plan) or bool(pending(planned.plan)) or bool(state.record.interrupted)
    except RefusedError:
        more = True  # the user is told everything at once
    if more and host.is_running:
        from ..usage import kubelet
        from ..usage.pf_usage import read_usage

        # What an earlier run was told counts for those that are told nothing: a teardown, the narrow modules.
        known = kubelet.root_dir_of(state.file_texts.get(NODE_PATH))
        folders = [folder for folder in (goal.options.kubelet_root_dir, known, *KUBELET_FOLDERS) if folder]
        state = read_usage(host, state, ssh_connection, PLUGIN_UNIT, folders)
        planned = make_plan(goal, state, side)
    return Look(state, goal, planned, side)


def _with_a_mode(goal: Goal, state: NodeState) -> set[str]:
    """PFs whose eswitch mode is asked for, or was changed by us."""
    wanted = [*goal.pfs, *state.record.pfs.values()]
    return {pf.address for pf in wanted if (pf.eswitch_mode, pf.tc_offload) != (None, None)}


def run(
    host: Host,
    make_goal: MakeGoal,
    *,
    check: bool,
    kernel_side: bool,
    ssh_connection: str = "",
    kinds: Collection[str] = (),
) -> Outcome:
    """Bring the host to the goal, or (check) say what that would be. kinds: steps of other kinds are left for later.

    Raises RefusedError before any change, HostError where a step failed or the host is not as planned at
    the end.
    """

    def again() -> Look:
        found = look(host, make_goal, kernel_side=kernel_side, ssh_connection=ssh_connection)
        return replace(found, planned=_some(found.planned, kinds)) if kinds else found

    first = again()
    if check:
        return Outcome(first, first.state)
    if not (pending(first.planned.plan) or first.state.record.interrupted):
        _note(host, first)
        return Outcome(first, first.state)
    from .apply import carry_out

    with host.lock(LOCK):
        first = again()  # another run may have been at work until now
        if first.planned.held:
            raise RefusedError(list(first.planned.held))
        carry_out(host, first.planned.plan, first.state, first.goal.owner)
        last = again()
        for pause in [1.0] * SETTLE_TRIES:  # udev may be renaming interfaces while we look
            if not pending(last.planned.plan):
                break
            host.sleep(pause)
            last = again()
    left = pending(last.planned.plan)
    if left:
        text = "; ".join(f"{step.target}: {step.action}" for step in left[:20])
        raise HostError(
            "the host",
            "to be as planned after all steps",
            f"steps that are due again: {text}",
            "Somebody else changes the same objects, or a driver does not keep what is set; see dmesg.",
        )
    _note(host, last)
    return Outcome(first, last.state)


def _some(planned: Planned, kinds: Collection[str]) -> Planned:
    steps = tuple(step for step in planned.plan.steps if step.kind in kinds)
    return replace(planned, plan=replace(planned.plan, steps=steps))


def _note(host: Host, found: Look) -> None:
    """What a reboot is needed for now, so that one that does not help is not asked for again."""
    if found.side.kernel is not None and host.is_running:
        pending_reboot.note(host, found.planned.plan.steps)


def _read_kernel_side(host: Host, goal: Goal, memory: Memory | None) -> KernelSide:
    wants_iommu = goal.iommu or any(is_vfio(settings.driver) for pf in goal.pfs for settings in pf.settings)
    return KernelSide(
        kernel_arguments.read(host, goal.options.boot_loader),
        iommu.read(host) if wants_iommu else None,
        kernel_modules.read(host, goal.modules),
        memory,
    )


def _pf_summary(pf: Pf) -> dict[str, Any]:
    """A PF and its VFs without what is unknown or empty: with many VFs, most of a result is this."""
    return {**_told(pf), "vfs": [_told(vf) for vf in pf.vfs]}


def _told(value: Pf | Vf) -> dict[str, Any]:
    return {name: item for name, item in compact(value).items() if item != ()}

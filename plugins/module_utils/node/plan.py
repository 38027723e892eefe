# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole plan: from the goal and what the host is to ordered steps with reasons. Pure.

Kernel arguments and modules are planned by their own concerns; this puts them in order with VFs, drivers
and files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..kernel import arguments as kernel_arguments
from ..kernel import hugepages, iommu
from ..kernel import modules as kernel_modules
from ..kernel.arguments import KernelState
from ..kernel.hugepages import Memory
from ..kernel.iommu import IommuState
from ..kernel.modules import ModulesState
from ..model.errors import Problem, RefusedError
from ..model.frozen import dataclass
from ..model.goal import FunctionGoal, Goal
from ..model.plan import AFTER_REBOOT, NOW, REBOOT, Plan, Step
from ..model.state import NodeState
from ..pf.checks import drain_problems, iommu_problems, pf_problems, use_warnings
from ..pf.plan import KINDS as PF_KINDS
from ..pf.plan import driver_is_right, driver_step, offload_warnings, pf_steps
from ..shared.driver_kinds import is_vfio
from . import owned_files
from .ownership import (
    emptied_problems,
    file_forgets,
    forget_all,
    original_for,
    pf_record_steps,
    restore_original,
    swap_problems,
    swap_warnings,
)

RELOAD = "reload"
PLUGIN_UNIT = "baremetal-sriov-device-plugin.service"

# What the next boot would undo, or can't be done before it.
RUNTIME_KINDS = (*PF_KINDS, kernel_modules.LOAD_KIND, hugepages.KIND)


@dataclass(frozen=True)
class KernelSide:
    """What the kernel's concerns read: None where the goal does not ask (a narrow view, the boot service)."""

    kernel: KernelState | None = None
    iommu: IommuState | None = None
    modules: ModulesState | None = None
    memory: Memory | None = None


@dataclass(frozen=True)
class Planned:
    """A plan, and the problems that stand against carrying it out now: VFs that are held."""

    plan: Plan
    held: tuple[Problem, ...] = ()


def make_plan(goal: Goal, state: NodeState, side: KernelSide) -> Planned:
    """The plan for the whole goal. Raises RefusedError with every problem, InvalidSpecError for bad
    kernel arguments.
    """
    problems = [*emptied_problems(goal, state), *goal.problems]
    before = _kernel_steps(goal, side, problems)
    wanted = [*goal.pfs, *restore_original(goal, state)]
    runtime: list[Step] = []
    forget: list[Step] = []
    about_pfs: list[str] = []
    for pf_goal in wanted:
        pf = state.pf(pf_goal.address)
        original = original_for(pf_goal.address, state)
        nothing = pf is None or (pf_goal.restore_original and original is None)
        steps = pf_steps(pf_goal, pf, original) if pf is not None and not nothing else []
        problems += [*pf_problems(pf_goal, pf, steps, state), *swap_problems(goal, pf_goal, state)]
        if pf is not None:
            about_pfs += [*offload_warnings(pf_goal, pf), *use_warnings(pf_goal, pf, steps)]
        runtime += steps
        forget += pf_record_steps(pf_goal, goal, state, bool(steps))
    for function in goal.functions:
        runtime += _function_steps(function, state, problems)
    persistent: list[Step] = []
    if goal.whole:
        persistent = owned_files.file_steps(goal, state)
        problems += owned_files.file_problems(goal, state)
        forget += file_forgets(goal, state)
    reboot = any(REBOOT in step.needs for step in before)
    if side.iommu is not None and not goal.options.no_iommu:
        # What the firmware keeps back no reboot brings.
        found = iommu.firmware_problems(side.iommu)
        if found or not reboot:
            problems += iommu_problems(goal, state, found or iommu.problems(side.iommu))
    pages, pages_back = _page_steps(goal, state, side)
    early = [*pages, *(step for step in persistent if owned_files.is_early(step))]
    ordered = [*before, *early, *runtime, *(step for step in persistent if step not in early)]
    if reboot and not goal.absent:
        returned = {pf.address for pf in wanted if pf.restore_original}
        ordered = [_stage(step, returned) for step in ordered]
    ordered += pages_back
    if side.memory is not None:
        problems += hugepages.problems(goal.options.hugepages, goal.options.hugepages_floor << 20, side.memory)
        problems += hugepages.use_problems(ordered, side.memory)
    if problems:
        raise RefusedError(problems)
    at_the_end, kept = forget_all(goal, state)
    ordered += [*_reload(ordered, state), *forget, *at_the_end]
    # The reboot is the user's to do, when all else is done.
    ordered = [*[s for s in ordered if s.kind != kernel_arguments.REBOOT_KIND], *_one_reboot(ordered)]
    swapped = swap_warnings(goal, state, wanted)
    more = _page_warnings(goal, side, ordered)
    warnings = (*goal.warnings, *more, *swapped, *kept, *about_pfs, *_interrupt_warnings(goal, side))
    return Planned(Plan(tuple(ordered), warnings), tuple(drain_problems(ordered, state)))


def _interrupt_warnings(goal: Goal, side: KernelSide) -> tuple[str, ...]:
    """vfio answers EPERM to those who use a VF where interrupts are not remapped."""
    found = side.iommu
    wanted = any(is_vfio(settings.driver) for pf in goal.pfs for settings in pf.settings)
    if found is None or not wanted or goal.options.allow_unsafe_interrupts or goal.options.no_iommu:
        return ()
    if not found.units or found.interrupt_remapping is not False:
        return ()
    return (
        "the IOMMU does not remap interrupts, so vfio will refuse to open VFs (EPERM): switch interrupt remapping on "
        "in the firmware (BIOS), or give up that isolation with sriov_allow_unsafe_interrupts",
    )


def _kernel_steps(goal: Goal, side: KernelSide, problems: list[Problem]) -> list[Step]:
    """Steps of the concerns that own the kernel command line and modules, with the IOMMU's arguments
    added.
    """
    steps: list[Step] = []
    try:
        if side.kernel is not None:
            wanted = goal.options.kernel_arguments + hugepages.arguments(_ways(goal, side).boot)
            if side.modules is not None:  # modprobe.d does not reach modules that are built in
                wanted += kernel_modules.kernel_arguments(goal.modules, side.modules)
            if goal.iommu and side.iommu is not None:
                wanted = iommu.with_arguments(side.iommu.vendor, wanted)
            steps += kernel_arguments.plan(wanted, side.kernel)
    except RefusedError as error:
        problems += error.problems
    try:
        if side.modules is not None:
            steps += kernel_modules.plan(goal.modules, side.modules)
    except RefusedError as error:
        problems += error.problems
    return steps


def _ways(goal: Goal, side: KernelSide) -> hugepages.Ways:
    """How the goal's huge pages are had."""
    loader = side.kernel.loader if side.kernel is not None else None
    ours = loader.ours if loader is not None else ()
    return hugepages.ways(goal.options.hugepages, goal.options.hugepages_floor << 20, side.memory or Memory(), ours)


def _page_steps(goal: Goal, state: NodeState, side: KernelSide) -> tuple[list[Step], list[Step]]:
    """Huge pages to take from the running kernel, and those to give back."""
    if side.memory is None:
        return [], []
    before = hugepages.originals(state.record.objects)
    back = hugepages.steps_back(goal.options.hugepages, side.memory, before) if goal.whole else []
    return hugepages.steps(_ways(goal, side), side.memory, before), back


def _page_warnings(goal: Goal, side: KernelSide, steps: Sequence[Step]) -> tuple[str, ...]:
    if side.memory is None:
        return ()
    boot = _ways(goal, side).boot
    if side.kernel is None:
        return hugepages.missing_message(boot, goal.options.hugepages_floor << 20, side.memory)
    found = hugepages.warnings(boot, side.kernel.running or (), side.memory)
    if any(step.kind == hugepages.KIND and step.stage == NOW for step in steps):
        found += (
            "a kubelet tells the cluster of the huge pages that it found when it started: restart it, or reboot the "
            "node, before pods ask for these",
        )
    return found


def _function_steps(function: FunctionGoal, state: NodeState, problems: list[Problem]) -> list[Step]:
    """The driver of one function by its PCI address: a VF of a PF here."""
    for pf in state.pfs:
        for vf in pf.vfs:
            if vf.address == function.address:
                if driver_is_right(function.driver, vf.driver, vf.override):
                    return []
                return [
                    driver_step(
                        f"{pf.address} vf {vf.index}",
                        vf.driver,
                        function.driver,
                        "asked for",
                        bool(vf.in_use),
                    )
                ]
    problems.append(
        Problem(
            function.address,
            "a VF at this PCI address",
            "none",
            "Create the VFs first, or correct the address.",
        )
    )
    return []


def _reload(steps: Sequence[Step], state: NodeState) -> list[Step]:
    """The device plugin looks again when its configuration or its VFs change, also when an earlier run
    was killed.
    """
    if not state.plugin_active:
        return []
    caused = any(step.stage == NOW and step.kind in (*PF_KINDS, owned_files.FILE) for step in steps)
    if not caused and f"{RELOAD} {PLUGIN_UNIT}" not in state.record.interrupted:
        return []
    return [Step(RELOAD, PLUGIN_UNIT, "reload it", "its VFs or its configuration changed", None, True)]


def _stage(step: Step, restore_original: set[str]) -> Step:
    """With a reboot ahead, what the boot would undo waits for it; what is given back is not undone by a
    boot.
    """
    if step.kind not in RUNTIME_KINDS or step.target.partition(" vf ")[0] in restore_original:
        return step
    return replace(step, stage=AFTER_REBOOT)


def _one_reboot(steps: Sequence[Step]) -> list[Step]:
    """Several concerns may ask for a reboot; one serves them all."""
    asked = [step for step in steps if step.kind == kernel_arguments.REBOOT_KIND]
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


def changes_vfs(plan: Plan) -> bool:
    """True where the plan does something to a PF or VF, so that their users must be looked for."""
    return any(step.kind in PF_KINDS for step in plan.steps)

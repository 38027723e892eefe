# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The concerns of a node. A run is given those that it is for: all of them, or one alone.

Their order is that in which problems are told, and in which kernel arguments are put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..host.host import Host
from ..kernel import arguments as kernel_arguments
from ..kernel import hugepages, iommu
from ..kernel import modules as kernel_modules
from ..kernel.hugepages import Memory
from ..model.errors import Problem
from ..model.goal import DEFAULT_DRIVER, NO_DRIVER, FunctionGoal, Goal, HugePages, PfGoal
from ..model.plan import AFTER_REBOOT, NOW, REBOOT, Reboot, Step
from ..model.state import NodeState, Pf
from ..pf.checks import bond_warnings, iommu_problems, pf_problems, use_warnings, waits_in_use
from ..pf.drivers import Target, driver_is_right
from ..pf.plan import driver_step, offload_warnings, pf_steps, untold_warnings
from ..pf.steps import EswitchModeStep, NumVfsStep
from ..policy import waiting
from ..policy.rendered_files import CONFIG_PATH
from ..record.record import FILE, forget
from ..shared.driver_kinds import is_vfio
from ..usage import other_managers
from . import owned_files, unmanaged
from .nic_firmware import FirmwareSettings
from .ownership import (
    emptied_problems,
    forget_all,
    original_for,
    pf_record_steps,
    swap_problems,
    swap_warnings,
    wanted_pfs,
)
from .pause import Services
from .plan import Concern, Draft
from .take_over import TakeOvers


class OtherManagers(Concern):
    """Other software on this host that creates VFs or advertises them to the kubelet."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.found: tuple[str, ...] = ()
        if goal.whole and any(not pf.externally_managed for pf in goal.pfs):
            # Without a file of ours, VFs are offered by somebody else's choice.
            ours = any(file.path == CONFIG_PATH for file in goal.files)
            offered = dict(goal.resources) if ours else ()
            options = goal.options
            self.found = tuple(other_managers.find(host, offered, options.kubelet_root_dirs, options.take_over))

    def prepare(self, draft: Draft) -> None:
        draft.warnings += self.found


class KernelArguments(Concern):
    """Those of the goal, and those that other concerns ask for."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.state = kernel_arguments.read(host, goal.options.boot_loader)

    def prepare(self, draft: Draft) -> None:
        draft.kernel = self.state

    def plan(self, draft: Draft) -> None:
        draft.boot += kernel_arguments.plan(draft.arguments, self.state)


class Pages(Concern):
    """Huge pages from the running kernel, and by its arguments; where a goal asks for none, those to give back."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.before = hugepages.originals(state.record.objects) if goal.whole or goal.options.hugepages else {}
        self.memory = hugepages.read(host) if goal.options.hugepages or self.before else Memory()
        self.boot: Sequence[HugePages] = ()
        self.runtime: Sequence[HugePages] = ()

    def prepare(self, draft: Draft) -> None:
        loader = draft.kernel.loader if draft.kernel is not None else None
        appended, options = loader.appended if loader is not None else (), draft.goal.options
        floor = options.hugepages_floor << 20
        self.boot, self.runtime = hugepages.ways(options.hugepages, floor, self.memory, appended)
        draft.arguments += hugepages.arguments(self.boot)

    def plan(self, draft: Draft) -> None:
        draft.early += hugepages.steps(self.runtime, self.memory, self.before)
        if draft.goal.whole:
            draft.late += hugepages.steps_back(draft.goal.options.hugepages, self.memory, self.before)

    def check(self, draft: Draft) -> None:
        goal, steps = draft.goal, draft.changes()
        draft.problems += hugepages.problems(goal.options.hugepages, goal.options.hugepages_floor << 20, self.memory)
        draft.problems += hugepages.use_problems(steps, self.memory)
        if draft.kernel is None:
            draft.warnings += hugepages.missing_message(self.boot, goal.options.hugepages_floor << 20, self.memory)
            return
        draft.warnings += hugepages.warnings(self.boot, draft.kernel.running or (), self.memory)
        if any(isinstance(step, hugepages.HugePagesStep) and step.stage == NOW for step in steps):
            draft.warnings.append(
                "a kubelet tells the cluster of the huge pages that it found when it started: restart it, or reboot "
                "the node, before pods ask for these"
            )


class Modules(Concern):
    """Kernel modules: options, loading now and at boot."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.state = kernel_modules.read(host, goal.modules)

    def prepare(self, draft: Draft) -> None:
        """modprobe.d does not reach modules that are built in."""
        draft.arguments += kernel_modules.kernel_arguments(draft.goal.modules, self.state)

    def plan(self, draft: Draft) -> None:
        draft.boot += kernel_modules.plan(draft.goal.modules, self.state)


class Pfs(Concern):
    """PFs, their VFs, single functions, whose they are, and what the record keeps of them."""

    def prepare(self, draft: Draft) -> None:
        draft.problems += emptied_problems(draft.goal, draft.state)

    def plan(self, draft: Draft) -> None:
        goal, state = draft.goal, draft.state
        draft.at_the_end, kept = forget_all(goal, state)
        draft.pf_warnings += [*swap_warnings(goal, state), *kept]
        for pf_goal in wanted_pfs(goal, state):
            pf = state.pf(pf_goal.address)
            original = original_for(pf_goal.address, state)
            nothing = pf is None or (pf_goal.restore_original and original is None)
            steps = pf_steps(pf_goal, pf, original) if pf is not None and not nothing else []
            draft.problems += [*pf_problems(pf_goal, pf, steps, state, draft.can_ask),
                               *swap_problems(goal, pf_goal, state)]  # fmt: skip
            if pf is not None:
                draft.pf_warnings += _warnings(pf_goal, pf, steps, goal.whole)
            waits = pf is not None and draft.can_ask and waits_in_use(pf_goal, pf, steps)
            if pf is not None and waits:
                draft.boot.append(_by_reboot(pf, steps))
            if waits and pf_goal.restore_original:  # a boot gives it back by itself
                draft.restored += [replace(step, stage=AFTER_REBOOT) for step in steps]
                draft.forget += pf_record_steps(pf_goal, goal, state, True) if goal.absent else []
                continue
            (draft.restored if pf_goal.restore_original else draft.runtime).extend(steps)
            if pf is not None and steps and not pf_goal.restore_original and _needs_reboot(pf_goal, pf, draft):
                draft.waiting.add(pf.address)
            draft.forget += pf_record_steps(pf_goal, goal, state, bool(steps))
        for function in goal.functions:
            draft.runtime += _function_steps(function, state, draft.problems)


class Files(Concern):
    """Files of ours."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        names = unmanaged.interfaces(goal, state) if goal.whole else {}
        self.profiles: Mapping[str, str] = {}
        if names:
            from ..usage import profiles  # few runs need it

            self.profiles = profiles.find(host, set(names.values()))

    def plan(self, draft: Draft) -> None:
        if draft.goal.whole:
            draft.goal, left = unmanaged.with_rule(draft.goal, draft.state, self.profiles)
            draft.warnings += left
            goal = _until_reboot(draft)
            steps = owned_files.file_steps(goal, draft.state)
            draft.early += [step for step in steps if step.is_early]
            draft.late[:0] = [step for step in steps if not step.is_early]
            draft.problems += owned_files.file_problems(goal, draft.state)
            draft.forget += [forget(f"{FILE} {path}") for path in owned_files.unnamed(goal, draft.state)]


class Iommu(Concern):
    """The IOMMU's kernel arguments, and why VFs can't go to vfio-pci."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.for_vfs = any(is_vfio(settings.driver) for pf in goal.pfs for settings in pf.settings)
        self.state = iommu.read(host) if goal.iommu or self.for_vfs else None

    def prepare(self, draft: Draft) -> None:
        if self.state is not None:
            draft.has_iommu = self.state.groups > 0
        if draft.goal.iommu and self.state is not None:
            draft.arguments = iommu.with_arguments(self.state.vendor, draft.arguments)

    def plan(self, draft: Draft) -> None:
        found, options = self.state, draft.goal.options
        if found is None or options.no_iommu:
            return
        firmware = iommu.firmware_problems(found)  # what the firmware keeps back no reboot brings
        if firmware or not draft.reboot:
            draft.problems += iommu_problems(draft.goal, draft.state, firmware or iommu.problems(found))
        # vfio answers EPERM to those who use a VF where interrupts are not remapped.
        if self.for_vfs and found.units and found.interrupt_remapping is False and not options.allow_unsafe_interrupts:
            draft.pf_warnings.append(
                "the IOMMU does not remap interrupts, so vfio will refuse to open VFs (EPERM): switch interrupt "
                "remapping on in the firmware (BIOS), or give up that isolation with sriov_allow_unsafe_interrupts"
            )


RUNTIME = (Pages, Pfs, Files)
WHOLE = (OtherManagers, TakeOvers, Services, KernelArguments, FirmwareSettings, Pages, Modules, Pfs, Files, Iommu)


def _warnings(goal: PfGoal, pf: Pf, steps: Sequence[Step], whole: bool) -> list[str]:
    """What of a PF a person should know; a boot, and drift, do not say again what a bond does."""
    found = [*offload_warnings(goal, pf), *untold_warnings(goal, pf), *use_warnings(goal, pf, steps)]
    return [*found, *(bond_warnings(goal, pf) if whole else [])]


def _needs_reboot(goal: PfGoal, pf: Pf, draft: Draft) -> bool:
    """True for a PF whose steps can't be done on the running kernel: without the IOMMU that vfio needs, an option of a
    driver of its VFs or of its own, or (pci=) the room that its VFs need.
    """
    if not draft.reboot or draft.goal.absent:
        return False
    drivers = {settings.driver for settings in goal.settings} - {DEFAULT_DRIVER, NO_DRIVER, None}
    for_vfio = any(map(is_vfio, drivers))
    without_iommu = for_vfio and not draft.has_iommu and not draft.goal.options.no_iommu
    modules = [f"{driver}." for driver in (*drivers, pf.driver) if driver]
    starts = [*modules, *(["vfio"] if for_vfio else []), *(["pci="] if pf.num_vfs < goal.num_vfs else [])]
    return without_iommu or draft.lacks(*starts, f"{pf.address} ")


def _by_reboot(pf: Pf, steps: Sequence[Step]) -> Step:
    """The reboot that a PF needs whose VFs or mode can't be changed while the host uses it."""
    told = [f"{pf.address} {step.action}" for step in steps if isinstance(step, (NumVfsStep, EswitchModeStep))]
    reason = f"the host needs {pf.label}, whose VFs are made anew"
    return Reboot(pf.address, "reboot", reason, [], told, needs=(REBOOT,))


def _until_reboot(draft: Draft) -> Goal:
    """The goal with the files as they are to be before the reboot that PFs wait for."""
    if not draft.waiting:
        return draft.goal
    boot_id = draft.kernel.reboots.boot if draft.kernel is not None else ""
    texts = {file.path: file.text for file in draft.goal.files}
    texts = waiting.until_reboot(texts, draft.state.file_texts, draft.waiting, boot_id)
    return replace(draft.goal, files=tuple(replace(file, text=texts[file.path]) for file in draft.goal.files))


def _function_steps(function: FunctionGoal, state: NodeState, problems: list[Problem]) -> list[Step]:
    """The driver of one function by its PCI address: a VF of a PF here."""
    found = [(pf, vf) for pf in state.pfs for vf in pf.vfs if vf.address == function.address]
    if not found:
        remedy = "Create the VFs first, or correct the address."
        problems.append(Problem(function.address, "a VF at this PCI address", "none", remedy))
    return [
        driver_step(Target(pf.address, vf.index), vf.driver, function.driver, "asked for", bool(vf.in_use))
        for pf, vf in found[:1]
        if not driver_is_right(function.driver, vf.driver, vf.override)
    ]

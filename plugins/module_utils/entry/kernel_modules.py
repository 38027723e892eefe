# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules sriov_kernel_args, sriov_iommu and sriov_modprobe: runs with one concern of the kernel."""

from __future__ import annotations

from typing import Any

from ..host.host import Host
from ..kernel import argument_shares, cmdline, iommu, unsafe_arguments
from ..kernel import modules as kernel_modules
from ..model.errors import raise_if
from ..model.goal import Goal, ModuleGoal, NodeOptions
from ..model.state import NodeState
from ..node.concerns import KernelArguments, Modules
from ..node.plan import Concern, Draft
from ..node.run import Outcome
from ..policy.rendered_files import NODE_PATH
from .node_module import run_module
from .results import Module


class ArgumentShare(Concern):
    """What one module asks for, beside what others have asked for: none takes another's arguments away."""

    module = argument_shares.ARGS

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.noted = argument_shares.read(host)
        self.managed = host.exists(NODE_PATH)
        self.arguments = goal.options.kernel_arguments
        self.shares: argument_shares.Shares = {}

    def prepare(self, draft: Draft) -> None:
        loader = draft.kernel.loader if draft.kernel is not None else None
        found = argument_shares.shares_of(self.noted, loader.appended if loader is not None else (), self.managed)
        self.shares = {**found, self.module: self.arguments}
        draft.arguments = argument_shares.together(self.shares)

    def plan(self, draft: Draft) -> None:
        draft.boot += argument_shares.note_steps(self.noted, self.shares, self.managed, self.module)


class IommuArguments(ArgumentShare):
    """The IOMMU's kernel arguments alone; why it is off is a warning."""

    module = argument_shares.IOMMU

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        super().__init__(host, goal, state)
        self.state = iommu.read(host)
        self.arguments = iommu.arguments(self.state.vendor) if goal.iommu else ()

    def plan(self, draft: Draft) -> None:
        super().plan(draft)
        if draft.goal.iommu:
            problems = iommu.firmware_problems(self.state) if draft.boot else iommu.problems(self.state)
            draft.warnings += map(str, problems)


def kernel_arguments(
    module: Module,
    wanted: tuple[str, ...],
    boot_loader: str = "auto",
    unsafe: bool = False,
    host: Host | None = None,
) -> None:
    """Run sriov_kernel_args. unsafe: whether words may be set after which the node does not boot as before."""

    def goal(state: NodeState) -> Goal:
        wrong = [] if unsafe else unsafe_arguments.mistakes(wanted, "arguments", "arguments_unsafe")
        raise_if(cmdline.mistakes(wanted, "arguments") + wrong)
        return Goal(options=NodeOptions(kernel_arguments=wanted, boot_loader=boot_loader), whole=False)

    run_module(module, goal, (KernelArguments, ArgumentShare), _next_boot, host)


def _next_boot(outcome: Outcome) -> dict[str, Any]:
    found = outcome.last.part(KernelArguments).state
    entries = found.loader.entries if found.loader else ()
    return {
        "boot_loader": found.loader.loader if found.loader else None,
        "running": list(found.running or ()),
        "next_boot": [{"title": entry.title, "arguments": list(entry.tokens)} for entry in entries],
    }


def iommu_arguments(module: Module, present: bool, host: Host | None = None) -> None:
    """Run sriov_iommu."""
    goal = Goal(iommu=present, whole=False)
    run_module(module, lambda state: goal, (KernelArguments, IommuArguments), _iommu, host)


def _iommu(outcome: Outcome) -> dict[str, Any]:
    found = outcome.last.part(IommuArguments)
    return {**found.state.as_dict(), "arguments": list(found.arguments)}


def modules(module: Module, options: list[dict[str, Any]], host: Host | None = None) -> None:
    """Run sriov_modprobe."""
    goals = tuple(
        ModuleGoal(
            item["name"],
            tuple((str(name), text(value)) for name, value in sorted((item["options"] or {}).items())),
            not item.get("blacklist") if item["load"] is None else item["load"],
            bool(item.get("blacklist")),
            tuple(item.get("softdep_pre") or ()),
            tuple(item.get("softdep_post") or ()),
        )
        for item in options
    )

    def goal(state: NodeState) -> Goal:
        kernel_modules.validate(goals)
        return Goal(modules=goals, whole=False)

    run_module(module, goal, (Modules,), _modules, host)


def _modules(outcome: Outcome) -> dict[str, Any]:
    found, goals = outcome.last.part(Modules).state, outcome.last.goal.modules
    return {
        "modules": [
            {"name": one.name, "loaded": found.of(one).loaded, "builtin": found.of(one).builtin} for one in goals
        ],
        "kernel_arguments": list(kernel_modules.kernel_arguments(goals, found)),
    }


def text(value: Any) -> str:
    """An option's value as modprobe.d has it."""
    return ("1" if value else "0") if isinstance(value, bool) else str(value)

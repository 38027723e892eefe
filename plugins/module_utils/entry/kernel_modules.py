# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's views: sriov_kernel_args, sriov_iommu and sriov_modprobe plan one concern and carry it out
as the whole.

The record of the original state, the journal and the lock are the same as those of a run over the whole host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any

from ..host.host import Host
from ..kernel import arguments as kernel
from ..kernel import cmdline, iommu, unsafe_arguments
from ..kernel import modules as kernel_modules
from ..model.errors import HostError, SriovError
from ..model.frozen import dataclass
from ..model.goal import ModuleGoal
from ..model.plan import Plan, pending
from ..model.state import NodeState
from ..node.apply import carry_out
from ..policy.validation import raise_if
from ..record import pending_reboot
from ..record.record import LOCK
from . import results


@dataclass(frozen=True)
class ConcernLook:
    """A concern as it is: the plan for it, what the module tells besides, and whether its reboot is remembered."""

    plan: Plan
    facts: dict[str, Any] = field(default_factory=dict)
    asks: bool = False


def run(module: results.Module, look: Callable[[Host], ConcernLook], host: Host | None = None) -> None:
    """Run the module; ends in exit_json or fail_json. The facts are those after the run."""
    where = Host() if host is None else host
    try:
        first = last = look(where)
        if not module.check_mode and pending(first.plan):
            with where.lock(LOCK):
                first = look(where)  # another run may have been at work until now
                carry_out(where, first.plan, NodeState())
                last = look(where)
            _settled(last.plan)
        if last.asks and not module.check_mode:
            pending_reboot.note(where, last.plan.steps)
    except SriovError as error:
        results.fail(module, error)
        return
    results.finish(module, first.plan, **last.facts)


def _settled(plan: Plan) -> None:
    left = "; ".join(f"{step.target}: {step.action}" for step in pending(plan)[:20])
    if left:
        raise HostError(
            "the host",
            "to be as planned after all steps",
            f"steps that are due again: {left}",
            "Something else changes the same objects: look at what manages this host besides us.",
        )


def kernel_arguments(
    wanted: tuple[str, ...], boot_loader: str = "auto", unsafe: bool = False
) -> Callable[[Host], ConcernLook]:
    """For sriov_kernel_args. unsafe: whether words may be set after which the node does not boot as before."""

    def look(host: Host) -> ConcernLook:
        wrong = [] if unsafe else unsafe_arguments.mistakes(wanted, "arguments", "arguments_unsafe")
        raise_if(cmdline.mistakes(wanted, "arguments") + wrong)
        state = kernel.read(host, boot_loader)
        loader = state.loader
        facts = {
            "boot_loader": loader.loader if loader else None,
            "running": list(state.running or ()),
            "next_boot": [
                {"title": entry.title, "arguments": list(entry.tokens)}
                for entry in (loader.entries if loader else ())
            ],
        }
        return ConcernLook(Plan(tuple(kernel.plan(wanted, state))), facts, asks=True)

    return look


def iommu_arguments(present: bool) -> Callable[[Host], ConcernLook]:
    """For sriov_iommu."""

    def look(host: Host) -> ConcernLook:
        found = iommu.read(host)
        wanted = iommu.arguments(found.vendor) if present else ()
        plan = Plan(tuple(kernel.plan(wanted, kernel.read(host))))
        problems = iommu.firmware_problems(found) if present else []
        if present and not plan.steps:
            problems = iommu.problems(found)
        warnings = tuple(str(problem) for problem in problems)
        return ConcernLook(Plan(plan.steps, warnings), {**found.as_dict(), "arguments": list(wanted)}, asks=True)

    return look


def modules(options: list[dict[str, Any]]) -> Callable[[Host], ConcernLook]:
    """For sriov_modprobe."""
    specs = [
        ModuleGoal(
            item["name"],
            tuple((str(name), text(value)) for name, value in sorted((item["options"] or {}).items())),
            not item.get("blacklist") if item["load"] is None else item["load"],
            bool(item.get("blacklist")),
            tuple(item.get("softdep_pre") or ()),
            tuple(item.get("softdep_post") or ()),
        )
        for item in options
    ]

    def look(host: Host) -> ConcernLook:
        kernel_modules.validate(specs)
        state = kernel_modules.read(host, specs)
        facts = {
            "modules": [
                {"name": spec.name, "loaded": state.of(spec).loaded, "builtin": state.of(spec).builtin}
                for spec in specs
            ],
            "kernel_arguments": list(kernel_modules.kernel_arguments(specs, state)),
        }
        return ConcernLook(Plan(tuple(kernel_modules.plan(specs, state))), facts)

    return look


def text(value: Any) -> str:
    """An option's value as modprobe.d has it."""
    return ("1" if value else "0") if isinstance(value, bool) else str(value)

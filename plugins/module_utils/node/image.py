# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a node can be prepared in its image: files, and a specification from which the first boot does the rest.

An image tells nothing of the machines that will run it, so NICs, memory and firmware are left. The record of what was
there before is the image's own, and goes along: a teardown on the node gives back what the image was without us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..host.host import Host
from ..kernel import arguments as kernel_arguments
from ..kernel import iommu
from ..kernel.arguments import KernelArgumentsStep, KernelState
from ..kernel.bootloaders import table
from ..kernel.modules import INITRAMFS, InitramfsStep, ModuleFileStep, OptionsStep
from ..model.errors import HostError, Problem, RefusedError
from ..model.frozen import dataclass
from ..model.goal import FileGoal, Goal
from ..model.plan import Plan
from ..model.state import NodeState
from ..pf.read import read_files
from ..policy.node_spec import NodeSpec
from ..policy.rendered_files import FIRST_BOOT_PATH, NODE_PATH, json_text
from ..policy.resolve import resolve
from ..record import record
from ..record.record import Forget
from .apply import carry_out
from .concerns import Files, Modules
from .owned_files import FileStep
from .ownership import forget_all
from .plan import Concern, Draft, make_plan

FORMAT = 1
_KINDS = (FileStep, ModuleFileStep, KernelArgumentsStep, Forget)
_INITRAMFS = f"{InitramfsStep.kind} {INITRAMFS}"


@dataclass(frozen=True)
class ImageWish:
    """spec: None takes all of it away; value: the same as JSON; cpu: whose IOMMU the machines have, if it is known."""

    spec: NodeSpec | None = None
    value: Mapping[str, Any] | None = None
    cpu: str = iommu.UNKNOWN

    def goal(self) -> Goal:
        """What can be told without a machine."""
        if self.spec is None:
            return Goal(absent=True)
        found = resolve(self.spec, NodeState())
        text = json_text({"format": FORMAT, "spec": self.value})
        # That no NIC of this image's fits is no mistake: it has none.
        options = replace(found.options, hugepages=())
        return replace(found, options=options, files=(FileGoal(FIRST_BOOT_PATH, text),), problems=())


class Arguments(Concern):
    """Kernel arguments, where the boot loader takes them from a file."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        loader = table.find(host, goal.options.boot_loader)
        self.state = KernelState(None, loader.read(host)) if loader is not None and loader.in_images else None

    def plan(self, draft: Draft) -> None:
        if self.state is not None:
            draft.boot += kernel_arguments.plan(draft.arguments, self.state)


class RecordEnd(Concern):
    """The record goes with all else."""

    def plan(self, draft: Draft) -> None:
        draft.at_the_end, _kept = forget_all(draft.goal, draft.state)


@dataclass(frozen=True)
class Prepared:
    """plan: what was done, or would be; left: what only the first boot can do, in words."""

    plan: Plan
    left: tuple[str, ...] = ()
    absent: bool = False


def prepare(host: Host, wish: ImageWish, *, check: bool) -> Prepared:
    """Bring the image to the wish. Raises RefusedError before any change, HostError, StateFileError."""
    plan, state = _look(host, wish)
    if not check and plan.pending:
        with host.lock(record.LOCK):
            plan, state = _look(host, wish)
            carry_out(host, plan, state)
            again = _look(host, wish)[0].pending
        if again:
            text = "; ".join(f"{step.target}: {step.action}" for step in again)
            raise HostError(host.root, "to be as planned after all steps", f"steps that are due again: {text}",
                            "Somebody else changes the same files.")  # fmt: skip
    if not check and wish.spec is not None:
        _have_initramfs_made(host)
    return Prepared(plan, _left(host, wish), wish.spec is None)


def _look(host: Host, wish: ImageWish) -> tuple[Plan, NodeState]:
    known = record.load(host)
    state = read_files(host, known, (FIRST_BOOT_PATH, NODE_PATH))
    configured = known.pfs or state.file_states[NODE_PATH] is not None
    if configured:
        what = "the root of a node that was configured while it ran"
        raise RefusedError([Problem(host.root or "/", "an image that no machine has run", what,
                                    "Run teardown on that node before its disk becomes an image.")])  # fmt: skip
    goal = wish.goal()
    asked = iommu.with_arguments(wish.cpu, goal.options.kernel_arguments) if goal.iommu else None
    goal = goal if asked is None else replace(goal, options=replace(goal.options, kernel_arguments=asked))
    plan = make_plan(goal, state, [kind(host, goal, state) for kind in (Arguments, Modules, Files, RecordEnd)])
    # A reboot is nothing to an image: what it would bring comes with the first boot.
    steps = [replace(step, needs=()) for step in plan.steps if isinstance(step, _KINDS)]
    return replace(plan, steps=tuple(steps)), state


def _have_initramfs_made(host: Host) -> None:
    """Where modules have options, an initramfs may hold an older copy: the first boot looks, as after a killed run."""
    known = record.load(host)
    wanted = (_INITRAMFS,) if any(key.startswith(f"{OptionsStep.kind} ") for key in known.objects) else ()
    if known.interrupted != wanted:
        record.write_journal(host, wanted)


def _left(host: Host, wish: ImageWish) -> tuple[str, ...]:
    """What an image can't have, by who asks for it."""
    if wish.spec is None:
        return ()
    goal, options = wish.goal(), wish.spec.options
    names = ", ".join(policy.name for policy in wish.spec.policies)
    firmware = ", ".join(policy.name for policy in wish.spec.policies if policy.firmware is not None)
    loader = table.find(host, options.boot_loader)
    written = loader is not None and loader.in_images
    asked = " ".join(options.kernel_arguments)
    found = (
        (names, f"VFs, their settings and drivers, and what the device plugin offers: {names}"),
        (firmware, f"settings of NICs' firmware: {firmware}"),
        (asked and not written, f"kernel arguments: {asked}"),
        (written and (asked or goal.iommu), "the boot menu with the kernel arguments, unless it is made in the image"),
        (goal.iommu and (not written or wish.cpu == iommu.UNKNOWN), "the IOMMU's kernel arguments, for the node's CPU"),
        (options.hugepages, "huge pages, for the node's memory"),
    )
    return tuple(text for due, text in found if due)

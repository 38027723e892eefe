# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass of the drift timer: is all still as the last run left it, and what of the rest is put right.

What is wholly missing (VFs that a reset of their PF took, a VF without its driver or interface) harms nobody as it is
made again. What differs may be somebody's choice, and is told. An object that is lost again and again is left to a
person, who is told who may be at work on it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..host.host import Host
from ..kernel.hugepages import HugePagesStep
from ..model.errors import HostError, SriovError
from ..model.frozen import dataclass
from ..model.goal import DEFAULT_DRIVER, DRIFT_OFF, DRIFT_REPAIR, DRIFT_REPORT, NO_DRIVER, Goal
from ..model.plan import DRAIN, WHEN_FREE, Step
from ..pf import withdrawal
from ..pf.steps import AutoprobeStep, DriverStep, NumVfsStep, PfStep, RebindStep, VfMtuStep
from ..policy import waiting
from ..policy.rendered_files import NODE_PATH
from ..record import pending_reboot
from . import drift_memory, services
from .concerns import RUNTIME
from .drift_memory import LIMIT, DriftMemory
from .plan import ReloadStep
from .run import run

OF_A_VF = (DriverStep, RebindStep, VfMtuStep)  # what makes a lost VF again
WRITERS = 5  # that a message names
VALUE_LENGTH = 200  # characters of a value in a message
Groups = Mapping[str, Sequence[Step]]  # an object's text -> its steps


@dataclass(frozen=True)
class Part:
    """A part of the goal that is not as it should be: the steps to it, or why that can't be told."""

    goal: Goal
    steps: Sequence[Step] = ()
    error: str = ""
    waiting: Sequence[Step] = ()  # steps that wait until nobody has what they take


def judge(host: Host, goal: Goal, text: str | None) -> list[Part]:
    """The parts of the goal that are not reached; one look where all are. text: of node.json."""
    whole = _judged(host, goal, text)
    if not (whole.steps or whole.error or whole.waiting):
        return []
    parts = [_judged(host, part, text) for part in services.parts_of(goal)]
    return [part for part in parts if part.steps or part.error or part.waiting]


def _judged(host: Host, goal: Goal, text: str | None) -> Part:
    try:
        plan = run(host, services.unless_changed(goal, text), RUNTIME, check=True).plan
        steps = [step for step in plan.pending if not isinstance(step, ReloadStep)]
        return Part(goal, steps, waiting=plan.waiting)
    except SriovError as error:
        return Part(goal, error=str(error))


def missing(steps: Sequence[Step], unfinished: Iterable[str] = ()) -> dict[str, Sequence[Step]]:
    """What is wholly missing, with the steps that make it again. unfinished: PFs whose VFs are being made again."""
    found: dict[str, Sequence[Step]] = {}
    for address, mine in _by_pf(steps).items():
        counts = [step for step in mine if isinstance(step, NumVfsStep)]
        if counts and counts[0].before["num_vfs"] == 0:
            found[address] = mine
        elif address in unfinished and not counts:
            found[address] = [step for step in mine if DRAIN not in step.needs]
        else:
            found.update(_lost_vfs(mine))
    pages = [step for step in steps if isinstance(step, HugePagesStep) and not any(step.before.values())]
    return {**found, **{step.key: [step] for step in pages}}


def _lost_vfs(steps: Sequence[PfStep]) -> Iterator[tuple[str, list[Step]]]:
    for lost in steps:
        no_driver = isinstance(lost, DriverStep) and lost.before is None and lost.after != NO_DRIVER
        if no_driver or isinstance(lost, RebindStep):
            own = [step for step in steps if step.target == lost.target and isinstance(step, OF_A_VF)]
            # The kernel's own driver is bound by a probe, which autoprobe allows.
            probing = [step for step in steps if isinstance(step, AutoprobeStep) and lost.after == DEFAULT_DRIVER]
            yield str(lost.target), [*own, *probing]


def everything(steps: Sequence[Step]) -> dict[str, list[Step]]:
    """All that is not held by anybody: by PF where its VFs are made anew, else by object."""
    found: dict[str, list[Step]] = {}
    for address, mine in _by_pf(steps).items():
        anew = any(isinstance(step, NumVfsStep) for step in mine)
        for step in mine:
            found.setdefault(address if anew else str(step.target), []).append(step)
    found = {name: mine for name, mine in found.items() if not any(DRAIN in step.needs for step in mine)}
    return {**found, **{step.key: [step] for step in steps if not isinstance(step, PfStep)}}


def _by_pf(steps: Iterable[Step]) -> dict[str, list[PfStep]]:
    found: dict[str, list[PfStep]] = {}
    for step in steps:
        if isinstance(step, PfStep):
            found.setdefault(step.target.address, []).append(step)
    return found


class Pass:
    """One pass, and what came of it."""

    def __init__(self, host: Host, goal: Goal, text: str | None, memory: DriftMemory) -> None:
        self.host, self.mode, self.text, self.memory = host, goal.options.drift, text, memory
        self.reboot_has = _of_the_reboot(host, text)
        self.waited = withdrawal.targets_that_wait(host)
        self.done = 0
        self.differences: list[str] = []
        self.errors: list[str] = []
        self.wrong: set[str] = set()  # objects that are not right, and were not made so

    def take(self, part: Part) -> None:
        """Repair what of the part may be repaired, and note the rest."""
        if part.error:
            self.errors.append(part.error)
            return
        groups: Groups = missing(part.steps, self.memory.unfinished)
        if self.mode == DRIFT_REPAIR:
            groups = {**groups, **everything(part.steps)}
        self.differences += [difference(step) for step in part.waiting]
        # The user's word, in each mode: what waited for its holders is free now.
        free = {name: steps for name, steps in everything(part.steps).items() if name in self.waited}
        groups = {**groups, **free}
        now = self.host.monotonic()
        waits = {name for name, steps in groups.items() if any(_address(step) in self.reboot_has for step in steps)}
        repairs = groups.keys() - free.keys() if self.mode != DRIFT_REPORT else set()
        tired = {name for name in repairs if self.memory.tired_of(name, now)}
        chosen = {n: s for n, s in groups.items() if n in (repairs | free.keys()) - waits - tired}
        self.wrong |= groups.keys() - chosen.keys()
        for name in sorted(tired - waits):
            self._stop(name, groups[name][0])
        named = {_name(step) for steps in chosen.values() for step in steps}
        left = [step for step in part.steps if _name(step) not in named]
        self.differences += [difference(step, _address(step) in self.reboot_has) for step in left]
        if chosen:
            self._repair(part, chosen, now)

    def _repair(self, part: Part, chosen: Groups, now: float) -> None:
        """The repair is noted before it is begun: one that fails or is killed counts, and is gone on with."""
        pfs = {name for name in chosen if name in {pf.address for pf in part.goal.pfs}}
        named = {_name(step) for steps in chosen.values() for step in steps}
        goal = services.unless_changed(part.goal, self.text)
        before, unfinished = self.memory, {*self.memory.unfinished, *pfs}
        self.memory = replace(before.repairing(chosen, now), unfinished=tuple(sorted(unfinished)))
        try:
            drift_memory.save(self.host, self.memory)
            outcome = run(self.host, goal, RUNTIME, check=False, at_boot=True,
                          chosen=lambda step: step if _name(step) in named or isinstance(step, ReloadStep) else None)
        except SriovError as error:
            self.errors.append(str(error))
            self.wrong |= set(chosen)
            return
        repaired = bool(outcome.plan.pending)  # else another run, which had the lock before, has done it
        self.memory = replace(self.memory if repaired else before, unfinished=tuple(sorted(unfinished - pfs)))
        self.done += len(chosen) if repaired else 0
        for step in outcome.plan.steps:
            sys.stdout.write(f"{step.target}: {step.action}: done\n")

    def _stop(self, name: str, step: Step) -> None:
        if name in self.memory.stopped:
            return
        text = (f"{name}: lost again after {LIMIT} repairs within an hour, and not repaired any more until it is right "
                f"again or somebody says `baremetal-sriov resume`. {_writers(self.host, step)}")  # fmt: skip
        self.memory = replace(self.memory, stopped={**self.memory.stopped, name: text})
        services.say_errors([text])

    def end(self) -> int:
        """Tell what is new, and remember it for the next pass; the exit status."""
        for text in self.differences:
            if text not in self.memory.differences:
                services.warn(text)
        memory = self.memory.settled(self.wrong, self.host.monotonic())
        unfinished = memory.unfinished if self.errors else tuple(sorted(self.wrong & set(memory.unfinished)))
        memory = replace(memory, differences=tuple(self.differences), errors=tuple(self.errors), last=time.time(),
                         unfinished=unfinished)  # fmt: skip
        try:
            drift_memory.save(self.host, memory)
            drift_memory.save_metrics(self.host, memory, paused=False)
        except HostError as error:
            self.errors.append(str(error))
        services.tell_status(f"drift ({self.mode}): {self.done} repaired, {len(memory.differences)} differ, "
                             f"{len(memory.stopped)} stopped, {len(self.errors)} failed")  # fmt: skip
        services.say_errors([text for text in self.errors if text not in self.memory.errors])
        return int(bool(self.errors or memory.stopped))


def run_pass(host: Host) -> int:
    """Exit status 0 where all is right, was made so, or differs in what is told alone."""
    try:
        text, goal = host.read_text(NODE_PATH), services.load_goal(host)
        if text is None or goal.options.drift == DRIFT_OFF:
            return 0
        one = Pass(host, goal, text, drift_memory.read(host))
    except SriovError as error:
        return services.say_errors([str(error)])
    for part in judge(host, goal, text):
        one.take(part)
    return one.end()


def _name(step: Step) -> tuple[str, str]:
    """Tells a step from all others of a plan."""
    return step.key, step.action


def _address(step: Step) -> str:
    return step.target.address if isinstance(step, PfStep) else ""


def _of_the_reboot(host: Host, text: str | None) -> set[str]:
    """PFs that a reboot which is still ahead brings to their goal: until then they stay as they are."""
    reboots = pending_reboot.read(host)
    asked = reboots.requested if reboots.requested_in == reboots.boot else ()
    return waiting.addresses_that_wait(text, reboots.boot) | {item.partition(" ")[0] for item in asked}


def difference(step: Step, waits: bool = False) -> str:
    """A step that is not done, in words. waits: a reboot brings it."""
    told = f"{step.target}: to {step.action} ({step.reason}); found {_short(step.before)}"
    if step.stage == WHEN_FREE:
        return f"{told}. It waits until nobody has its VFs (sriov_wait_for_free)"
    if waits:
        return f"{told}. The reboot that is asked for brings it"
    return f"{told}. It needs a drain: somebody has it" if DRAIN in step.needs else told


def _short(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= VALUE_LENGTH else f"{text[:VALUE_LENGTH]}..."


def _writers(host: Host, step: Step) -> str:
    """Who may undo a repair, as far as the host tells."""
    from ..pf import causes
    from ..usage import other_managers

    found = [text.partition(": ")[0] for text in other_managers.find(host)[:WRITERS]]
    known = f"Who may be at work on it: {'; '.join(found)}." if found else (
        "No other software that sets VFs is known on this host; look for resets in the kernel's log (dmesg), and for "
        "programs that people run.")  # fmt: skip
    return known + (causes.said(host, step.target) if isinstance(step, PfStep) else "")

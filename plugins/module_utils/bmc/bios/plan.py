# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a BIOS is and what is staged to what is wished for: the steps, as every plan of the collection has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...model.errors import Problem
from ...model.plan import REBOOT, Plan, Reboot, Step
from ..redfish.vendors import Vendor
from .record import BiosRecord
from .tree import Bios, Job
from .wish import Desired, Resolved, same


class Setting(Step, kind="bios_setting"):
    """One attribute that is staged; it takes effect with the next reset of the host."""


class Cancel(Step, kind="bios_job"):
    """A job of ours that stages something else."""


class Reset(Step, kind="host_reset"):
    """The one reset of the host that was asked for."""


@dataclass(frozen=True)
class Outlook:
    """A plan for a BIOS, and what it comes to.

    send: all that is sent, in one request; cancel: our jobs that go before; refused: why nothing can be done;
    desired: attribute -> value, of what is wished for and what is given back; forgotten: attributes that are no longer
    of the record.
    """

    plan: Plan
    send: dict[str, Any]
    cancel: tuple[Job, ...] = ()
    refused: tuple[Problem, ...] = ()
    desired: tuple[Desired, ...] = ()
    forgotten: tuple[str, ...] = ()


def outlook(
    bios: Bios, vendor: Vendor, resolved: Resolved, record: BiosRecord, jobs: Iterable[Job], reset: str = ""
) -> Outlook:
    """The way there. jobs: those that wait, asked for only where they matter; reset: its kind, where one is wanted."""
    back, forgotten, told = _given_back(bios, record, resolved)
    desired = (*resolved.desired, *back)
    wanted = {one.attribute: one for one in desired}
    missing = [one for one in desired if not same(bios.pending.get(one.attribute), one.value)]
    steps: list[Step] = [_setting(one, bios) for one in missing]
    waiting = {one.attribute: one.value for one in desired if not same(bios.current.get(one.attribute), one.value)}
    cancel: tuple[Job, ...] = ()
    refused: tuple[Problem, ...] = ()
    if (steps or waiting) and (vendor.job_lock or vendor.needs_apply_time):
        found = tuple(jobs)
        if not steps and not found:  # staged by a run that ended before its job was there
            steps = [_setting(wanted[name], bios, "staged, but no job takes it over") for name in waiting]
        if steps and vendor.job_lock:
            cancel = tuple(job for job in found if job.path in record.jobs)
            refused = tuple(_blocked(job) for job in found if job not in cancel)
    # After its job, all that was staged with it is staged again.
    again = vendor.needs_apply_time and bool(steps)
    send = {one.attribute: one.value for one in desired if one in missing or (again and one.attribute in waiting)}
    steps = [*(_cancel(job) for job in cancel), *steps]
    if waiting:
        steps.append(_reset(reset, vendor, waiting) if reset else Reboot(
            "the host", "reset it", "settings that are staged take effect with a reset", None, waiting,
            needs=(REBOOT,)))  # fmt: skip
    foreign = [
        f"{name} is staged by somebody else, and changes with the next reset: {bios.current.get(name)!r} to {value!r}"
        for name, value in sorted(bios.staged.items())
        if name not in wanted and name not in forgotten
    ]
    plan = Plan(tuple(steps), (*resolved.warnings, *told, *foreign))
    return Outlook(plan, send, cancel, refused, desired, forgotten)


def _setting(one: Desired, bios: Bios, why: str = "") -> Step:
    now, then = bios.current.get(one.attribute), bios.pending.get(one.attribute)
    if same(now, one.value):
        action = f"withdraw {then!r}, which is staged; it stays {now!r}"
        return Setting(one.attribute, action, one.reason, now, one.value)
    staged = "" if same(now, then) or why else f" (now {then!r} is staged)"
    action = f"stage {one.value!r}{staged}"
    return Setting(one.attribute, action, why or one.reason, now, one.value, needs=(REBOOT,))


def _cancel(job: Job) -> Step:
    return Cancel(job.path, "delete the job", "it is ours, and stages something else", job.state, None)


def _reset(kind: str, vendor: Vendor, waiting: dict[str, Any]) -> Step:
    more = f"; this vendor's BIOS resets {vendor.more_resets} more times by itself" if vendor.more_resets else ""
    return Reset("the host", f"reset it once ({kind}){more}", "asked for: what is staged takes effect", None, waiting)


def _blocked(job: Job) -> Problem:
    remedy = "Let it run with a reset, or delete it; this collection deletes its own jobs alone."
    return Problem(job.path, "no job of somebody else that waits", f"{job.name}, {job.state}", remedy)


def _given_back(
    bios: Bios, record: BiosRecord, resolved: Resolved
) -> tuple[list[Desired], tuple[str, ...], list[str]]:
    """What is no longer wished for goes back to what it was, unless somebody else has set it since."""
    wished = {one.attribute for one in resolved.desired}
    back, forgotten, told = [], [], []
    for name, original in sorted(record.original.items()):
        if name in wished:
            continue
        ours, now, then = record.given.get(name), bios.current.get(name), bios.pending.get(name)
        if name not in bios.current or (same(now, original) and same(then, original)):
            forgotten.append(name)
        elif same(now, ours) or same(then, ours) or same(then, original):
            back.append(Desired(name, original, f"attributes.{name}", "no longer wished for: what it was before"))
        else:
            forgotten.append(name)
            told.append(f"{name} is left as it is: {now!r} is not what was set here ({ours!r})")
    return back, tuple(forgotten), told

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of one PF, in the one order that works. Pure.

The order: PF up (some PFs create VFs only then), autoprobe, the count (through 0) with the eswitch mode in
between or behind, settings made through the PF, the PF's MTU, drivers, VF MTUs (these need the VF's
interface), autoprobe back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..host import quirks
from ..model.goal import DEFAULT_DRIVER, NO_DRIVER, NO_MAC, PfGoal, VfAttributes, VfSettings, compact
from ..model.plan import DRAIN, Step
from ..model.state import NO_INTERFACE, Pf, Vf
from ..shared.driver_kinds import is_userspace
from . import vf_attributes
from .drivers import Target, driver_is_right
from .free import NO_HOLDER, NOBODY, Free
from .steps import (
    AttributesStep,
    AutoprobeStep,
    DriverStep,
    EswitchModeStep,
    LinkStep,
    NumVfsStep,
    PfMtuStep,
    RebindStep,
    TcOffloadStep,
    VfMtuStep,
)
from .vf_attributes import AT_BIND, DISTURBING, VF_DEFAULTS

SET_UP_FIRST = "VFs are set up before the kernel's own driver probes them, and others not at all"
LEGACY, SWITCHDEV = "legacy", "switchdev"


def pf_steps(goal: PfGoal, pf: Pf, original: PfGoal | None) -> list[Step]:
    """The steps from what the PF is to its goal. `original`: how the PF was before our first change, if
    it is known.
    """
    reason = _reason(goal)
    mode = wanted_mode(goal, original)
    modes = pf.eswitch_mode is not None and mode is not None and pf.eswitch_mode != mode
    fresh = not goal.externally_managed and (pf.num_vfs != goal.num_vfs or (modes and goal.num_vfs > 0))
    steps: list[Step] = []
    if goal.num_vfs and pf.up is False and not goal.externally_managed:
        steps.append(LinkStep(Target(pf.address), "bring the PF up", f"its VFs need it ({reason})", False, True))
    bare = mode == SWITCHDEV and pf.eswitch_mode is not None and not quirks.of(pf.driver).mode_before_vfs
    probing = _Autoprobe(goal, pf, original, fresh, bare)
    steps += probing.before()
    counting = list(_count_steps(goal, pf, probing.now, reason)) if fresh else []
    offloading = _offload_steps(goal, pf, original, reason)
    steps += [step for step in offloading if step.after]
    steps += counting if goal.externally_managed else _with_mode(goal, pf, mode, counting, reason)
    steps += _attribute_steps(goal, pf, fresh, reason)
    if goal.mtu is not None and pf.mtu is not None and (pf.mtu != goal.mtu if goal.exact else pf.mtu < goal.mtu):
        action, held = f"set the PF's MTU to {goal.mtu}", not fresh and any(vf.in_use for vf in pf.vfs)
        steps.append(PfMtuStep(Target(pf.address), action, reason, pf.mtu, goal.mtu, needs=(DRAIN,) if held else (),
                               free=_of_pf(goal, NO_HOLDER if fresh else NOBODY)))  # fmt: skip
    drivers = list(_driver_steps(goal, pf, fresh, probing.now, reason))
    if probing.set_up_first and probing.now is False and probing.final is not False:
        drivers += _rest_of_drivers(goal, pf, reason)
    if any(step.after == DEFAULT_DRIVER for step in drivers):
        steps += probing.on()
    steps += drivers
    steps += _mtu_steps(goal, pf, fresh, _bound_again(steps), reason)
    steps += probing.after()
    steps += [step for step in offloading if not step.after]
    if goal.up is False and pf.up and not goal.num_vfs and not pf.in_use:
        reason = "it was down before our first change"
        unused = Free(pf=NOBODY, vfs=NOBODY)
        steps.append(LinkStep(Target(pf.address), "bring the PF down", reason, True, False, free=unused))
    return steps


def wanted_mode(goal: PfGoal, original: PfGoal | None) -> str | None:
    """The eswitch mode asked for, or the one from before our first change; None leaves it."""
    return goal.eswitch_mode or (original.eswitch_mode if original is not None else None)


def _offload_steps(goal: PfGoal, pf: Pf, original: PfGoal | None, reason: str) -> list[Step]:
    """On with switchdev mode, before it; back to what it was, after all else, where nothing asks for that mode."""
    wanted = goal.tc_offload
    if goal.eswitch_mode == SWITCHDEV and not goal.restore_original:
        wanted = True
    elif wanted is None and original is not None:
        wanted = original.tc_offload
    if wanted is None or pf.tc_offload in (None, wanted) or goal.externally_managed:
        return []
    action = f"turn hw-tc-offload {'on' if wanted else 'off'}"
    return [TcOffloadStep(Target(pf.address), action, reason, pf.tc_offload, wanted)]


def offload_warnings(goal: PfGoal, pf: Pf) -> list[str]:
    """In switchdev mode without offload every packet goes through the host's CPUs."""
    ours = goal.eswitch_mode == SWITCHDEV and not goal.externally_managed and not goal.restore_original
    if not ours or pf.eswitch_mode is None or pf.tc_offload is not None:
        return []
    return [f"{pf.label}: hw-tc-offload can't be set: ethtool is not installed, or the NIC's driver has it fixed"]


def untold_warnings(goal: PfGoal, pf: Pf) -> list[str]:
    """Settings that nobody can see: whether they are as asked for is unknown."""
    asked = dict(goal.vfs)
    found: dict[str, list[int]] = {}
    for vf in pf.vfs:
        for name in compact(asked[vf.index].attributes) if vf.index in asked else ():
            if name in vf.unreported and getattr(vf.attributes, name) is None:
                found.setdefault(name, []).append(vf.index)
    return [
        f"{pf.label}: its driver does not report {name}, so whether it is as it was set is unknown (VF "
        f"{', '.join(map(str, indices))})"
        for name, indices in found.items()
    ]


def _with_mode(goal: PfGoal, pf: Pf, mode: str | None, counting: list[Step], reason: str) -> Iterator[Step]:
    """The steps of the count with those of the eswitch mode where the PF's driver takes them.

    Away from switchdev without VFs; to switchdev without VFs, or with VFs that have no driver yet.
    """
    now = pf.eswitch_mode
    if now is None or mode is None:
        yield from counting
        return

    def turn(after: str) -> Step:
        action, unused = f"set the eswitch mode to {after}", Free(pf=NOBODY, vfs=NOBODY)
        return EswitchModeStep(Target(pf.address), action, reason, now, after, free=unused)

    early = quirks.of(pf.driver).mode_before_vfs or mode == LEGACY
    removing = [step for step in counting if step.after["num_vfs"] == 0]
    creating = [step for step in counting if step.after["num_vfs"] > 0]
    yield from removing
    if creating and now == SWITCHDEV and not early:
        yield turn(LEGACY)
        now = LEGACY
    if now != mode and (early or not creating):
        yield turn(mode)
        now = mode
    yield from creating
    if now != mode:
        yield turn(mode)


def _reason(goal: PfGoal) -> str:
    if goal.restore_original:
        return "no policy names it any more: back to what it was before our first change"
    return (
        f"polic{'ies' if len(goal.policies) > 1 else 'y'} {', '.join(goal.policies)}" if goal.policies else "asked for"
    )


class _Autoprobe:
    """sriov_drivers_autoprobe over the course of a plan: off while VFs are made that all go to userspace
    drivers.
    """

    def __init__(self, goal: PfGoal, pf: Pf, original: PfGoal | None, fresh: bool, bare: bool) -> None:
        self.address = pf.address
        self.now = pf.autoprobe
        drivers = [settings.driver for settings in goal.settings]
        self.all_userspace = goal.num_vfs > 0 and len(drivers) == goal.num_vfs and all(map(is_userspace, drivers))
        self.fresh = fresh and goal.num_vfs > 0
        self.bare = bare
        read = any(
            getattr(settings.attributes, name) not in (None, VF_DEFAULTS[name])
            for settings in goal.settings
            for name in AT_BIND
        )
        others = any(driver not in (None, DEFAULT_DRIVER) for driver in drivers)
        self.set_up_first = self.fresh and (read or others) and self.now is not None
        known = original.autoprobe if original is not None else None
        cases = (
            (goal.externally_managed, pf.autoprobe),
            (goal.autoprobe is not None, goal.autoprobe),
            (DEFAULT_DRIVER in drivers, True),
            (known is not None, known),
            (True, pf.autoprobe),
        )
        self.final = next(wanted for holds, wanted in cases if holds)

    def before(self) -> list[Step]:
        cases = (
            (self.all_userspace, False, "all VFs go to userspace drivers, so the kernel's own need not probe them"),
            (self.bare, False, "the eswitch mode is set while the VFs have no driver"),
            (self.set_up_first, False, SET_UP_FIRST),
            (self.final, True, "new VFs are to get the kernel's driver"),
        )
        return next((self._turn(on, reason) for holds, on, reason in cases if self.fresh and holds), [])

    def on(self) -> list[Step]:
        return self._turn(True, "the kernel binds no driver to a VF of this PF otherwise")

    def after(self) -> list[Step]:
        return [] if self.final is None else self._turn(self.final, "as it was before")

    def _turn(self, wanted: bool, reason: str) -> list[Step]:
        if self.now is None or self.now == wanted:
            return []
        step = AutoprobeStep(
            Target(self.address),
            f"turn driver autoprobe {'on' if wanted else 'off'}",
            reason,
            self.now,
            wanted,
        )
        self.now = wanted
        return [step]


def _count_steps(goal: PfGoal, pf: Pf, autoprobe: bool | None, reason: str) -> Iterator[Step]:
    """A PF refuses another count while it has VFs, so the way from N to M is through 0."""
    if pf.num_vfs:
        needs = (DRAIN,) if any(vf.in_use for vf in pf.vfs) else ()
        yield NumVfsStep(
            Target(pf.address),
            f"remove {_count(pf.num_vfs)}",
            reason,
            {"num_vfs": pf.num_vfs},
            {"num_vfs": 0, "probed": []},
            needs=needs,
            free=Free(pf=NOBODY, vfs=NOBODY) if goal.num_vfs else _of_pf(goal, NOBODY),
        )
    if goal.num_vfs:
        probed = [i for i, s in goal.vfs if s.driver == DEFAULT_DRIVER] if autoprobe is not False else []
        yield NumVfsStep(
            Target(pf.address),
            f"create {_count(goal.num_vfs)}",
            reason,
            {"num_vfs": 0},
            {"num_vfs": goal.num_vfs, "probed": probed},
            free=_of_pf(goal),
        )


def _of_pf(goal: PfGoal, vfs: str = "") -> Free:
    """A PF that the host uses is left alone, but for the user's word, and where something is given back."""
    return Free(pf="" if goal.allow_in_use or goal.restore_original else NOBODY, vfs=vfs)


def _count(number: int) -> str:
    return f"{number} VF{'s' if number != 1 else ''}"


def _settings(goal: PfGoal, pf: Pf, fresh: bool) -> Iterator[tuple[int, VfSettings, Vf | None]]:
    """Each VF that has wishes, with what it is now (None: it is yet to be created)."""
    now = {} if fresh else {vf.index: vf for vf in pf.vfs}
    for index, settings in goal.vfs:
        if index < goal.num_vfs and (fresh or index in now):
            yield index, settings, now.get(index)


def _attribute_steps(goal: PfGoal, pf: Pf, fresh: bool, reason: str) -> Iterator[Step]:
    for index, settings, vf in _settings(goal, pf, fresh):
        if vf is not None and (vf.holders or vf.in_other_netns):
            continue  # whoever holds it (a pod's CNI plugin, a VM) sets it up as well
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        now = vf.attributes if vf else VfAttributes()
        for name, wanted in compact(settings.attributes).items():
            found = getattr(now, name)
            if found is None:
                found = (vf.unreported if vf is not None else {}).get(name, VF_DEFAULTS[name])
            # The host may give an interface that it uses another address, as a bond does with its ports.
            own = vf.netdev_mac if name == "mac" and vf and not vf.host_uses and wanted != NO_MAC else None
            if found != wanted or own not in (None, wanted):
                before[name], after[name] = found, wanted
        after = vf_attributes.with_joined(after, now)
        if after:
            text = ", ".join(f"{name} {vf_attributes.text(value)}" for name, value in after.items())
            disturbs = vf is not None and DISTURBING & set(after)
            needs = (DRAIN,) if vf is not None and vf.host_uses and disturbs else ()
            yield AttributesStep(
                Target(pf.address, index),
                f"set {text}",
                reason,
                before,
                after,
                needs=needs,
                free=Free(vfs=NOBODY if disturbs else NO_HOLDER),
            )


def _driver_steps(goal: PfGoal, pf: Pf, fresh: bool, autoprobe: bool | None, reason: str) -> Iterator[Step]:
    for index, settings, vf in _settings(goal, pf, fresh):
        wanted = settings.driver
        if wanted is None:
            continue
        target = Target(pf.address, index)
        if vf is not None:
            if not driver_is_right(wanted, vf.driver, vf.override):
                yield driver_step(target, vf.driver, wanted, reason, bool(vf.in_use))
            elif vf.missing == NO_INTERFACE and wanted == DEFAULT_DRIVER and not vf.in_use:
                why = f"{vf.driver} shows no network interface of it ({reason})"
                yield RebindStep(target, "bind its driver again", why, vf.driver, vf.driver, free=Free(vfs=NOBODY))
        elif {DEFAULT_DRIVER: autoprobe is False, NO_DRIVER: autoprobe is not False}.get(wanted, True):
            yield replace(driver_step(target, None, wanted, reason, False), free=Free(vfs=NO_HOLDER))


def _rest_of_drivers(goal: PfGoal, pf: Pf, reason: str) -> list[Step]:
    """New VFs that nothing is asked of have the kernel's own driver."""
    asked = {index for index, settings in goal.vfs if settings.driver is not None}
    rest = [Target(pf.address, index) for index in range(goal.num_vfs) if index not in asked]
    steps = [driver_step(target, None, DEFAULT_DRIVER, reason, False) for target in rest]
    return [replace(step, free=Free(vfs=NO_HOLDER)) for step in steps]


def driver_step(target: Target, found: str | None, wanted: str, reason: str, held: bool) -> Step:
    """The step that gives a function another driver."""
    action = {DEFAULT_DRIVER: "bind the kernel's own driver", NO_DRIVER: "unbind its driver"}.get(
        wanted, f"bind {wanted}"
    )
    return DriverStep(target, action, reason, found, wanted, needs=(DRAIN,) if held else (), free=Free(vfs=NOBODY))


def _bound_again(steps: list[Step]) -> set[Target]:
    """The VFs that a driver is bound to by these steps: some settings are read at binding, too."""
    found = [step for step in steps if isinstance(step, AttributesStep) and AT_BIND & set(step.after)]
    return {step.target for step in (*found, *(step for step in steps if isinstance(step, DriverStep)))}


def _mtu_steps(goal: PfGoal, pf: Pf, fresh: bool, bound: set[Target], reason: str) -> Iterator[Step]:
    """A driver that is bound starts with its own MTU, so a right one is set again after that."""
    for index, settings, vf in _settings(goal, pf, fresh):
        if settings.mtu is None or is_userspace(settings.driver) or settings.driver == NO_DRIVER:
            continue
        target = Target(pf.address, index)
        if vf is not None and (vf.in_use or vf.in_other_netns or (vf.mtu == settings.mtu and target not in bound)):
            continue
        yield VfMtuStep(
            target,
            f"set its MTU to {settings.mtu}",
            reason,
            vf.mtu if vf else None,
            settings.mtu,
            free=Free(vfs=NO_HOLDER if vf is None else NOBODY),
        )

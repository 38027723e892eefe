# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shall become of a host's power and of its next boot, whatever the BMC speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...model.plan import Plan, Step
from ..redfish.errors import BmcError

ON, OFF, SHUT_DOWN, RESET, CYCLE = "on", "off", "shut_down", "reset", "cycle"
POWERS = (ON, OFF, SHUT_DOWN, RESET, CYCLE)
NONE, PXE, HTTP, DISK, CD, SETUP = "none", "pxe", "http", "disk", "cd", "bios_setup"
BOOTS = (NONE, PXE, HTTP, DISK, CD, SETUP)
UEFI, LEGACY = "uefi", "legacy"
MODES = (UEFI, LEGACY)
_STEP_SECONDS = 2.0


class BootOverride(Step, kind="boot_override"):
    """Where the next boot, and that alone, starts from."""


class Power(Step, kind="power"):
    """A change of the host's power."""


@dataclass(frozen=True)
class PowerOrder:
    """What is asked for. boot: one of BOOTS, None to leave it; mode: for the override; power: one of POWERS."""

    boot: str | None = None
    mode: str | None = None
    power: str | None = None
    wait_seconds: float = 300.0


@dataclass(frozen=True)
class PowerState:
    """What a BMC tells. boot: one of BOOTS, in force for the next boot; None where it does not tell."""

    is_on: bool
    boot: str | None = NONE
    mode: str | None = None


@dataclass(frozen=True)
class PowerDone:
    """How it ended. before, after: what the BMC told; in check mode after is what is predicted."""

    plan: Plan
    before: PowerState
    after: PowerState
    warnings: tuple[str, ...] = ()


def plan(order: PowerOrder, now: PowerState) -> Plan:
    """What has to be done; a reset and a power cycle are events, and so never done already."""
    steps: list[Step] = []
    wrong_mode = order.mode is not None and order.boot != NONE and now.mode is not None and now.mode != order.mode
    if order.boot is not None and (now.boot != order.boot or wrong_mode):
        after = f"{order.boot}{f' ({order.mode})' if order.mode else ''}"
        steps.append(BootOverride("the next boot", f"start from {after}, once", "as given", now.boot, order.boot))
    state = ON if now.is_on else OFF
    action = {OFF: "switch it off at once", SHUT_DOWN: "ask the operating system to shut down", ON: "switch it on",
              RESET: "reset it once", CYCLE: "switch it off and on"}  # fmt: skip
    if order.power in (ON, OFF, SHUT_DOWN):
        if (order.power == ON) != now.is_on:
            steps.append(Power("the host", action[order.power], "as given", state, order.power))
    elif order.power is not None:
        kind = action[order.power] if now.is_on else f"{action[ON]}, as it is off"
        steps.append(Power("the host", kind, "as given", state, ON))
    return Plan(tuple(steps))


def predicted(order: PowerOrder, now: PowerState) -> PowerState:
    """The state after the plan; a boot that is started takes the override with it."""
    starts = order.power in (RESET, CYCLE) or (order.power == ON and not now.is_on)
    boot = order.boot if order.boot is not None else now.boot
    is_on = now.is_on if order.power is None else order.power not in (OFF, SHUT_DOWN)
    return PowerState(is_on, NONE if starts else boot, order.mode or now.mode)


def wait_for_power(
    read: Callable[[], PowerState], is_on: bool, order: PowerOrder, where: str,
    clock: Callable[[], float], sleep: Callable[[float], None],
) -> PowerState:  # fmt: skip
    """Until the host is on, or off. Raises BmcError where its time is over."""
    deadline = clock() + order.wait_seconds
    while (now := read()).is_on != is_on:
        if clock() >= deadline:
            remedy = "Ask for it with force (power: off)." if order.power == SHUT_DOWN else "Look at the host."
            expected = f"the host {'on' if is_on else 'off'} within {order.wait_seconds:g} s"
            raise BmcError(where, expected, f"it is {'on' if now.is_on else 'off'}", remedy)
        sleep(_STEP_SECONDS)
    return now


def done(plan_: Plan, before: PowerState, after: PowerState, warnings: list[str]) -> dict[str, Any]:
    """What a task registers for one BMC."""
    return {
        "changed": bool(plan_.pending),
        "plan": plan_.as_dict(),
        "power": ON if after.is_on else OFF,
        "boot": after.boot,
        "boot_mode": after.mode,
        "before": {"power": ON if before.is_on else OFF, "boot": before.boot, "boot_mode": before.mode},
        "warnings": warnings,
    }

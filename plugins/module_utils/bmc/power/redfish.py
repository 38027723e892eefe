# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot override and power over Redfish, each compared with what is before anything is sent, and read back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable

from ...model.plan import Plan
from ..redfish.client import Client, is_unavailable, items, link, mapping, text
from ..redfish.errors import BmcError, StatusError
from ..redfish.system import System, allowed_resets, find_system, send_reset
from .order import (
    CD,
    CYCLE,
    DISK,
    HTTP,
    LEGACY,
    NONE,
    OFF,
    ON,
    PXE,
    RESET,
    SETUP,
    SHUT_DOWN,
    UEFI,
    PowerOrder,
    PowerState,
    plan,
    predicted,
    wait_for_power,
)

# DSP0268, ComputerSystem: BootSourceOverrideTarget, BootSourceOverrideMode, ResetType.
TARGETS = {NONE: "None", PXE: "Pxe", HTTP: "UefiHttp", DISK: "Hdd", CD: "Cd", SETUP: "BiosSetup"}
MODES = {UEFI: "UEFI", LEGACY: "Legacy"}
KINDS = {
    ON: ("On", "ForceOn"), OFF: ("ForceOff",), SHUT_DOWN: ("GracefulShutdown",), RESET: ("ForceRestart",),
    CYCLE: ("PowerCycle",),
}  # fmt: skip


@dataclass
class RedfishPower:
    """One order at one BMC."""

    client: Client
    order: PowerOrder
    system_id: str | None = None
    check: bool = False
    clock: Callable[[], float] = time.monotonic

    def carry_out(self) -> tuple[Plan, PowerState, PowerState]:
        """The plan, the state before and after. Raises BmcError."""
        system = self._system()
        before = state(system)
        found = plan(self.order, before)
        self._possible(system, found)
        if self.check or not found.pending:
            return found, before, predicted(self.order, before) if found.pending else before
        for step in found.pending:
            if step.kind == "boot_override":
                self._override(system)
            else:
                self._power(self._system(), before)
        return found, before, state(self._system())

    def _system(self) -> System:
        return find_system(self.client, self.system_id)

    def _possible(self, system: System, found: Plan) -> None:
        """What the BMC does not know is told before anything is sent."""
        known = items(system.body, "Boot", "BootSourceOverrideTarget@Redfish.AllowableValues")
        kinds = {step.kind for step in found.pending}
        if "boot_override" in kinds and known and TARGETS[self.order.boot or NONE] not in known:
            wanted = f"the boot source {TARGETS[self.order.boot or NONE]}"
            raise BmcError(system.path, wanted, ", ".join(map(str, known)), "Use one of these.")
        if "power" in kinds:
            self._kind(system)

    def _kind(self, system: System) -> str:
        """The reset that is sent for what is asked for."""
        power = self.order.power or ON
        if power in (RESET, CYCLE) and system.power == "Off":
            power = ON
        known = allowed_resets(system)
        kinds = [kind for kind in KINDS[power] if not known or kind in known]
        if not kinds:
            raise BmcError(system.path, f"the reset {KINDS[power][0]}", ", ".join(known), "Use another way.")
        return kinds[0]

    def _override(self, system: System) -> None:
        target = TARGETS[self.order.boot or NONE]
        boot: dict[str, Any] = {
            "BootSourceOverrideTarget": target,
            "BootSourceOverrideEnabled": "Disabled" if target == "None" else "Once",
        }
        mode = MODES.get(self.order.mode or "")
        if mode and text(system.body, "Boot", "BootSourceOverrideMode") != mode:
            boot["BootSourceOverrideMode"] = mode
        # Where boot settings are staged, the settings object takes them (Lenovo, AMI).
        path = link(system.body, "@Redfish.Settings", "SettingsObject") or system.path
        self.client.find(path)
        try:
            self.client.send("PATCH", path, {"Boot": boot}, self.client.etags.get(path))
        except StatusError as error:
            if error.status not in (404, 405) or path == system.path:
                raise
            path = system.path
            self.client.send("PATCH", path, {"Boot": boot}, self.client.etags.get(path))
        if path == system.path:
            found = mapping(self._system().body, "Boot")
            if found.get("BootSourceOverrideTarget") != target:
                remedy = "It was accepted, but did not take; look at the BMC."
                raise BmcError(
                    path, f"the boot source {target}", str(found.get("BootSourceOverrideTarget")), remedy
                )

    def _power(self, system: System, before: PowerState) -> None:
        kind = self._kind(system)
        send_reset(self.client, system, kind)
        wanted = self.order.power not in (OFF, SHUT_DOWN)
        wait_for_power(self._look, wanted, self.order, self.client.wire.target.address, self.clock, self.client.sleep)

    def _look(self) -> PowerState:
        """A BMC that is away for a moment has not switched anything yet."""
        try:
            return state(self._system())
        except BmcError as error:
            if not is_unavailable(error):
                raise
            return PowerState(self.order.power in (OFF, SHUT_DOWN))


def state(system: System) -> PowerState:
    """What a system tells of itself."""
    boot = mapping(system.body, "Boot")
    words = {word: name for name, word in TARGETS.items()}
    target: str | None = words.get(text(boot, "BootSourceOverrideTarget"))
    # sushy-emulator tells Continuous of what was asked for once.
    if text(boot, "BootSourceOverrideEnabled") not in ("Once", "Continuous"):
        target = NONE
    modes = {word: name for name, word in MODES.items()}
    return PowerState(system.power == "On", target, modes.get(text(boot, "BootSourceOverrideMode")))

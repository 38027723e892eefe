# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot override and power over IPMI, by ipmitool. The password is in its environment, never on its command line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...host.host import Host
from ...model.errors import CommandError, Mistake, raise_if
from ...model.plan import Plan
from ..redfish.errors import BmcError, LoginError
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

DEVICES = {NONE: "none", PXE: "pxe", DISK: "disk", CD: "cdrom", SETUP: "bios"}
POWER = {ON: "on", OFF: "off", SHUT_DOWN: "soft", RESET: "reset", CYCLE: "cycle"}
# What ipmitool prints of the boot flags (ipmi_chassis.c, "Boot Device Selector").
_SELECTORS = {
    "Force PXE": PXE, "Force Boot from default Hard-Drive": DISK, "Force Boot from CD/DVD": CD,
    "Force Boot into BIOS Setup": SETUP, "No override": NONE,
}  # fmt: skip
_REFUSED = re.compile(r"RAKP 2")  # of the handshake: HMAC is invalid, unauthorized name, insufficient role


@dataclass
class IpmiPower:
    """One order at one BMC. host: where ipmitool runs."""

    host: Host
    address: str
    username: str
    password: str
    order: PowerOrder
    port: int = 623
    cipher: int = 17
    seconds: int = 30
    check: bool = False

    def carry_out(self) -> tuple[Plan, PowerState, PowerState, list[str]]:
        """The plan, the state before and after, warnings. Raises BmcError, CommandError."""
        if self.order.boot == HTTP:
            raise_if([Mistake("boot", "expected pxe, disk, cd, bios_setup or none over IPMI, which has no http. "
                                      "Use Redfish for it.")])  # fmt: skip
        before = self._state()
        found = plan(self.order, before)
        if self.check or not found.pending:
            return found, before, predicted(self.order, before) if found.pending else before, []
        warnings = []
        for step in found.pending:
            if step.kind == "boot_override":
                warnings += self._override()
            else:
                self._power(before)
        return found, before, self._state(), warnings

    def _state(self) -> PowerState:
        said = self._run("chassis", "power", "status")
        known = re.search(r"Chassis Power is (on|off)", said)
        if known is None:
            raise BmcError(self.address, "Chassis Power is on, or off", repr(said[:200]), "Look at the BMC.")
        return PowerState(known[1] == "on", *self._flags())

    def _flags(self) -> tuple[str | None, str | None]:
        """The boot override and its mode; None where the BMC does not tell, as it has to tell of flags that hold."""
        try:
            said = self._run("chassis", "bootparam", "get", "5")
        except CommandError:
            return None, None
        if re.search(r"Boot Flag Invalid", said):
            return NONE, None
        found = re.search(r"Boot Device Selector *: *(.+)", said)
        selector = found[1].strip() if found else ""
        mode = UEFI if re.search(r"BIOS EFI boot", said) else LEGACY if "BIOS PC Compatible" in said else None
        return _SELECTORS.get(selector), mode

    def _override(self) -> list[str]:
        boot = self.order.boot or NONE
        words = ["chassis", "bootdev", DEVICES[boot]]
        if self.order.mode == UEFI and boot != NONE:
            words.append("options=efiboot")
        said = self._run(*words)
        if "Set Boot Device to" not in said:  # its exit status is 0 for a failure, too
            found = said.strip()[:200] or "nothing said"
            raise BmcError(self.address, f"the boot device {DEVICES[boot]}", found, "Look at the BMC.")
        told, mode = self._flags()
        if told != boot:
            return [f"{self.address} does not tell whether its next boot starts from {boot}: it answered "
                    f"{told or 'nothing known'}"]  # fmt: skip
        lost = self.order.mode == UEFI and mode == LEGACY and boot != NONE
        return [f"{self.address} does not tell of UEFI for the next boot"] if lost else []

    def _power(self, before: PowerState) -> None:
        power = self.order.power or ON
        word = ON if power in (RESET, CYCLE) and not before.is_on else POWER[power]
        self._run("chassis", "power", word)
        wait_for_power(
            lambda: PowerState(" is on" in self._run("chassis", "power", "status")), power not in (OFF, SHUT_DOWN),
            self.order, self.address, self.host.monotonic, self.host.sleep,
        )  # fmt: skip

    def _run(self, *words: str) -> str:
        """What it prints; with -v alone it tells a login that is refused from a BMC that is not there."""
        argv = ["ipmitool", "-I", "lanplus", "-C", str(self.cipher), "-H", self.address, "-p", str(self.port),
                "-U", self.username, "-E", "-N", "2", "-R", "3", "-v", *words]  # fmt: skip
        try:
            done = self.host.run(argv, seconds=self.seconds, variables={"IPMI_PASSWORD": self.password})
        except CommandError as error:
            if _REFUSED.search(str(error.problem.found)):
                remedy = "Correct user and password. Nothing more is tried here: a BMC locks out who fails too often."
                raise LoginError(self.address, f"a login as {self.username}", error.problem.found, remedy) from error
            raise
        return done.stdout

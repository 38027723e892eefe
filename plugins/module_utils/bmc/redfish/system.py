# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A system behind a BMC: which one is meant, its vendor, its power, and its reset."""

from __future__ import annotations

from dataclasses import dataclass

from .client import Client, Tree, items, link, links, mapping, text
from .errors import BmcError
from .vendors import Vendor, vendor_of

GRACEFUL, FORCED = ("GracefulRestart", "ForceRestart"), ("ForceRestart", "PowerCycle")


@dataclass(frozen=True)
class System:
    """One computer behind a BMC, with the resource itself."""

    path: str
    body: Tree
    vendor: Vendor

    @property
    def identity(self) -> str:
        """What tells this machine from another one at the same address."""
        return text(self.body, "UUID") or text(self.body, "SerialNumber")

    @property
    def power(self) -> str:
        """On, Off, or between them."""
        return text(self.body, "PowerState")

    @property
    def in_post(self) -> bool:
        """Whether the firmware is still at work, as far as the BMC tells."""
        state = text(self.body, "BootProgress", "LastState")
        return bool(state) and state not in ("None", "OSRunning", "OSBootStarted", "SetupEntered", "OEM")


def find_system(client: Client, system_id: str | None = None) -> System:
    """The one that is meant. Raises BmcError where it can't be told."""
    paths = links(client.get(link(client.root, "Systems") or "/redfish/v1/Systems"))
    wanted = [path for path in paths if system_id in (None, path, path.rstrip("/").rpartition("/")[2])]
    if len(wanted) != 1:
        known = ", ".join(path.rstrip("/").rpartition("/")[2] for path in paths) or "none"
        expected = f"a system {system_id}" if system_id else "one system"
        remedy = "Name one of them as system_id." if paths else "Look at the BMC: a host that is missing or asleep."
        raise BmcError(client.wire.target.address, expected, known, remedy)
    body = client.get(wanted[0])
    root = client.root
    told = (text(root, "Vendor"), *mapping(root, "Oem"), *mapping(body, "Oem"), text(body, "Manufacturer"))
    return System(wanted[0], body, vendor_of(*told))


def allowed_resets(system: System) -> list[str]:
    """The kinds of reset that a system knows; empty where it does not tell."""
    action = mapping(system.body, "Actions", "#ComputerSystem.Reset")
    return [one for one in items(action, "ResetType@Redfish.AllowableValues") if isinstance(one, str)]


def reset_kind(system: System, force: bool) -> str:
    """The kind of reset that is sent: On where the host is off, else a restart, with force one that asks nobody."""
    if system.power == "Off":
        return "On"
    kinds, known = FORCED if force else GRACEFUL, allowed_resets(system)
    return next((kind for kind in kinds if kind in known), kinds[0])


def reset(client: Client, system: System, force: bool) -> str:
    """One reset, never sent twice; its kind. Raises BmcError."""
    kind = reset_kind(system, force)
    send_reset(client, system, kind)
    return kind


def send_reset(client: Client, system: System, kind: str) -> None:
    """The action, by its own link. Raises BmcError."""
    known = allowed_resets(system)
    target = text(system.body, "Actions", "#ComputerSystem.Reset", "target")
    path = link({"action": {"@odata.id": target}}, "action")
    if path is None or (known and kind not in known):
        found = ", ".join(known) if path else "no action Reset"
        raise BmcError(system.path, f"the reset {kind}", found, "Use another one of these, or the power button.")
    client.send("POST", path, {"ResetType": kind})

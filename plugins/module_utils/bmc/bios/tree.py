# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The BIOS of a system as its BMC tells it: current values, what is staged, jobs that wait, the registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..redfish.client import Client, Tree, items, link, links, mapping, text
from ..redfish.errors import BmcError
from ..redfish.system import System
from .registry import Registry, parse

_WAITING = ("new", "pending", "scheduled", "running", "starting", "scheduling", "waiting", "queued", "suspended")


@dataclass(frozen=True)
class Bios:
    """The settings of one BIOS. pending: what the next reset brings, of all attributes; staged: where it differs."""

    path: str
    settings: str
    registry: str
    current: dict[str, Any]
    pending: dict[str, Any]
    etag: str | None = None
    apply_times: tuple[str, ...] = ()
    messages: tuple[Any, ...] = ()

    @property
    def staged(self) -> dict[str, Any]:
        """What a reset would change."""
        return {name: value for name, value in self.pending.items() if self.current.get(name) != value}


@dataclass(frozen=True)
class Job:
    """A job or task that waits for a reset, or is at work."""

    path: str
    name: str
    state: str


@dataclass
class Reader:
    """Reads by links, and keeps what does not change during a run."""

    client: Client
    _registry: Registry | None = field(default=None)

    def bios(self, system: System) -> Bios:
        """Its BIOS. Raises BmcError where that can't be changed over Redfish."""
        path = link(system.body, "Bios")
        told = self.client.get(path) if path else {}
        settings = link(told, "@Redfish.Settings", "SettingsObject")
        current = mapping(told, "Attributes")
        if path is None or settings is None or not current:
            found = "a system without Bios" if path is None else "a Bios without @Redfish.Settings or Attributes"
            remedy = "Update the BMC's firmware, or set it in the BIOS setup; nothing was sent."
            raise BmcError(f"the BIOS at {self.client.wire.target.address}", "settings over Redfish", found, remedy)
        staged = self.client.get(settings)
        times = items(told, "@Redfish.Settings", "SupportedApplyTimes")
        times = times or items(staged, "@Redfish.SettingsApplyTime", "SupportedApplyTimes")
        times = times or items(staged, "@Redfish.Settings", "SupportedApplyTimes")
        return Bios(
            path, settings, text(told, "AttributeRegistry"), current, {**current, **mapping(staged, "Attributes")},
            self.client.etags.get(settings), tuple(one for one in times if isinstance(one, str)),
            tuple(items(told, "@Redfish.Settings", "Messages")),
        )  # fmt: skip

    def registry(self, bios: Bios) -> Registry:
        """What its attributes may be; empty where the BMC has no registry for it."""
        if self._registry is None:
            self._registry = self._read_registry(bios)
        return self._registry

    def _read_registry(self, bios: Bios) -> Registry:
        wanted = bios.registry
        paths = links(self.client.find(link(self.client.root, "Registries")) or {})
        # Dell's differ in the version alone; most name themselves in their link.
        for exact in (True, False):
            for path in sorted(paths, key=lambda one: _stem(wanted) not in one):
                told = self.client.find(path) or {}
                names = (text(told, "Registry"), text(told, "Id"))
                if wanted in names if exact else _stem(wanted) in map(_stem, names):
                    return self._of_locations(told)
        return parse(self.client.find(f"{bios.path.rstrip('/')}/BiosRegistry") or {})  # Dell, iDRAC9

    def _of_locations(self, told: Tree) -> Registry:
        places = items(told, "Location")
        places.sort(key=lambda one: not text(one, "Language").startswith("en"))
        for place in places:
            path = link({"at": {"@odata.id": text(place, "Uri")}}, "at")
            if found := parse(self.client.find(path) or {}):
                return found
        return {}

    def jobs(self, system: System, bios: Bios) -> Iterator[Job]:
        """Jobs and tasks about the BIOS that are not over."""
        for manager in _paths(items(system.body, "Links", "ManagedBy")):
            told = self.client.find(manager) or {}
            yield from self._waiting(link(told, "Links", "Oem", "Dell", "Jobs"), bios)
        tasks = self.client.find(link(self.client.root, "Tasks")) or {}
        yield from self._waiting(link(tasks, "Tasks"), bios)

    def _waiting(self, path: str | None, bios: Bios) -> Iterator[Job]:
        for one in self.client.members(path):
            state = text(one, "JobState") or text(one, "TaskState")
            kind = f"{text(one, 'JobType')} {text(one, 'Name')}"
            about = text(one, "Payload", "TargetUri").rstrip("/") == bios.settings.rstrip("/")
            if state.lower() in _WAITING and (about or re.search(r"bios", kind, re.I)):
                yield Job(text(one, "@odata.id"), text(one, "Name") or text(one, "Id"), state)


def _stem(name: str) -> str:
    """Without the version."""
    return re.sub(r"\.v?\d+[_.]\d+[_.]\d+$", "", name)


def _paths(references: list[Any]) -> list[str]:
    return links({"Members": references})

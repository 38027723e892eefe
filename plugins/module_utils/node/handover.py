# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node changes its device plugin, from another one to ours or back, and the kubelet always has one.

When a plugin's stream ends the kubelet counts none of its devices until another one registers; and two that serve one
resource take its socket from each other. So ours starts beside the other one, waits (`shared.places.HANDOVER`), and
registers in the moment when that has left. On the way back ours is stopped by a signal, with its stream open, until the
other one has taken the socket; it is killed then, since at an orderly end it would take the socket away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..bundle import units
from ..host.host import Host
from ..model.errors import HostError
from ..model.frozen import dataclass
from ..model.goal import KUBELET_FOLDERS
from ..shared.places import DEVICE_PLUGIN_STATE, DEVICE_PLUGIN_UNIT, FORMAT, HANDOVER
from ..usage import kubelet, socket_owners

PATH = f"{DEVICE_PLUGIN_STATE}/{HANDOVER}"
LISTED_SECONDS = 30.0  # until the kubelet has noted our list
PAUSE_SECONDS = 0.2
START_SECONDS = 90.0  # the unit's own limit, and some time for systemd


@dataclass(frozen=True)
class Server:
    """Who listens for a resource. unit, pod: where that process is, "" for what it is not of."""

    resource: str
    socket: str
    is_ours: bool
    words: str
    unit: str = ""
    pod: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For results."""
        return {"resource": self.resource, "socket": self.socket, "ours": self.is_ours, "words": self.words,
                "unit": self.unit, "pod": self.pod}  # fmt: skip


@dataclass(frozen=True)
class Handover:
    """resources: full names of what this collection's policies offer. names: the units of another device plugin, where
    it is not a pod. seconds: how long one may take to leave, or to come.
    """

    host: Host
    resources: Sequence[str]
    names: Sequence[str] = ()
    folders: Sequence[str] = KUBELET_FOLDERS
    seconds: float = 120.0

    def servers(self) -> list[Server]:
        """Who listens now, also for other resources that pods hold. Raises HostError."""
        found = []
        for resource in dict.fromkeys((*self.resources, *kubelet.holdings(self.host, self.folders))):
            for folder in self.folders:
                for path in socket_owners.sockets(self.host, folder, resource):
                    pid = self.host.socket_owner(path)
                    if pid is not None:
                        mine, place = socket_owners.is_ours(self.host, pid), socket_owners.place_of(self.host, pid)
                        found.append(Server(resource, path, mine, socket_owners.words_of(self.host, pid), *place))
        return found

    def look(self) -> dict[str, Any]:
        """For results: who serves, who holds, and our unit and theirs. Raises HostError."""
        states = units.read(self.host, [DEVICE_PLUGIN_UNIT, *self.names])
        return {
            "servers": [server.as_dict() for server in self.servers()],
            "held": {name: dict(devices) for name, devices in kubelet.holdings(self.host, self.folders).items()},
            "active": states[DEVICE_PLUGIN_UNIT].is_active,
            "units": {name: states[name].is_active or states[name].is_enabled for name in self.names},
            "begun": self.host.exists(PATH),
        }

    def prepare(self) -> bool:
        """Have ours start, and wait where another one serves; whether it does. Raises HostError."""
        if not self._others():
            return False
        self._begin()
        self._systemctl("restart")
        return True

    def take(self) -> None:
        """Switch the units of the other one off, and wait until ours serves what it served. Raises HostError, with the
        other one as it was where it did not leave.
        """
        held = kubelet.holdings(self.host, self.folders)
        for name, state in units.read(self.host, self.names).items():
            if state.is_active or state.is_enabled:
                self.host.run(["systemctl", "disable", "--now", "--", name], seconds=START_SECONDS)
        self._until(
            lambda: "; ".join(f"{one.words} listens on {one.socket}" for one in self._others()), self.seconds,
            "the other device plugin to leave", "See why it stays: who starts it has to be in sriov_adopt_from.",
        )  # fmt: skip
        if not units.read(self.host, [DEVICE_PLUGIN_UNIT])[DEVICE_PLUGIN_UNIT].is_active:
            self._systemctl("start")
        self._until(lambda: self._not_offered(held), LISTED_SECONDS, "the kubelet to know our list",
                    f"See `journalctl -u {DEVICE_PLUGIN_UNIT}` and the kubelet's log.")  # fmt: skip
        self.host.remove_file(PATH)

    def hold_still(self) -> bool:
        """Stop ours by a signal, its stream open, for another one to come; whether it runs. Raises HostError."""
        if not units.read(self.host, [DEVICE_PLUGIN_UNIT])[DEVICE_PLUGIN_UNIT].is_active:
            return False
        self._begin()  # a watchdog that starts ours again has it wait
        self._kill("STOP")
        return True

    def give(self) -> None:
        """Switch the units of the other one on, and end ours as soon as that serves. Raises HostError, with ours at
        work again where none came.
        """
        held = kubelet.holdings(self.host, self.folders)
        for name in self.names:
            self.host.run(["systemctl", "enable", "--now", "--", name], seconds=START_SECONDS)
        active = units.read(self.host, [DEVICE_PLUGIN_UNIT])[DEVICE_PLUGIN_UNIT].is_active
        served = {server.resource for server in self.servers()} & {*self.resources, *held}
        try:
            self._until(lambda: self._not_taken(served | held.keys()), self.seconds, "the other device plugin to serve",
                        "See why it does not come; ours serves on.")  # fmt: skip
        except HostError:
            if active:
                self._kill("CONT")
            self.host.remove_file(PATH)
            raise
        if active:
            self._kill("KILL")
            self.host.run(["systemctl", "disable", "--now", "--", DEVICE_PLUGIN_UNIT], seconds=START_SECONDS)
        self.host.remove_file(PATH)

    def _others(self) -> list[Server]:
        return [server for server in self.servers() if not server.is_ours]

    def _not_offered(self, held: Mapping[str, Collection[str]]) -> str:
        """What the kubelet does not list as healthy though a pod has it, or nobody of ours serves; "" for nothing."""
        served = {server.resource for server in self.servers() if server.is_ours}
        missing = [name for name in held if name in self.resources and name not in served]
        for folder in self.folders:
            noted = kubelet.registered(self.host, folder)
            missing += [f"{device} of {name}" for name, devices in held.items() if name in self.resources and noted
                        for device in devices if device not in noted.get(name, ())]  # fmt: skip
        return f"it lacks {', '.join(missing)}" if missing else ""

    def _not_taken(self, served: Collection[str]) -> str:
        """The resources that none but ours serves; "" for none."""
        theirs = {server.resource for server in self.servers() if not server.is_ours}
        missing = sorted(set(served) - theirs)
        return f"nobody else serves {', '.join(missing)}" if missing else ""

    def _until(self, left: Callable[[], str], seconds: float, expected: str, remedy: str) -> None:
        give_up = self.host.monotonic() + seconds
        while words := left():
            if self.host.monotonic() >= give_up:
                raise HostError("the device plugin", f"{expected} within {seconds:g} s", words, remedy)
            self.host.sleep(PAUSE_SECONDS)

    def _begin(self) -> None:
        self.host.write_file(PATH, (json.dumps({"format": FORMAT}) + "\n").encode())

    def _systemctl(self, verb: str) -> None:
        self.host.run(["systemctl", verb, "--", DEVICE_PLUGIN_UNIT], seconds=START_SECONDS)

    def _kill(self, name: str) -> None:
        self.host.run(["systemctl", "kill", f"--signal={name}", "--kill-who=main", "--", DEVICE_PLUGIN_UNIT])

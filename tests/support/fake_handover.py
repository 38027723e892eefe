# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with two device plugins, of which the kubelet has one: what it counts is looked at with every call.

source: Kubernetes pkg/kubelet/cm/devicemanager/manager.go: when a plugin's stream ends all its devices are unhealthy at
once, and one that registers takes the place of the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.baremetal.sriov.plugins.module_utils.node.handover import PATH
from ansible_collections.baremetal.sriov.plugins.module_utils.shared.places import DEVICE_PLUGIN_UNIT
from support.fake_offers import FOLDER, OURS, THEIRS, HostWithKubelet

THEIR_UNIT = "sriovdp.service"
OFF, WAITS, SERVES, STILL = "off", "waits", "serves", "still"


@dataclass
class TwoPlugins(HostWithKubelet):
    """theirs: whether the other one runs, as a unit or as a pod; mine: how ours is; wrong: what was seen at a call."""

    theirs: bool = False
    mine: str = OFF
    endpoint: str = ""  # whose stream the kubelet has
    wrong: list[str] = field(default_factory=list)

    def they_come(self) -> None:
        """It takes the socket, and registers."""
        self.theirs, self.endpoint = True, "theirs"
        self._listen(THEIRS)

    def they_leave(self) -> None:
        """Its stream and its socket end; ours, if it waits, sees that at once."""
        self.theirs = False
        self.endpoint = "" if self.endpoint == "theirs" else self.endpoint
        self.listeners = {path: pid for path, pid in self.listeners.items() if pid != THEIRS}
        if self.mine == WAITS:
            self._i_serve()

    def _i_serve(self) -> None:
        self.mine, self.endpoint = SERVES, "mine"
        self._listen(OURS)

    def _listen(self, pid: int) -> None:
        for name in self.pools:
            self.listeners[f"{FOLDER}/{name.replace('/', '_')}.sock"] = pid

    def _i_start(self) -> None:
        self._i_end()
        self.active.add(DEVICE_PLUGIN_UNIT)
        if self.theirs and self.exists(PATH):
            self.mine = WAITS
        else:
            self._i_serve()

    def _i_end(self) -> None:
        self.mine = OFF
        self.active.discard(DEVICE_PLUGIN_UNIT)
        self.endpoint = "" if self.endpoint == "mine" else self.endpoint
        self.listeners = {path: pid for path, pid in self.listeners.items() if pid != OURS}

    def act(self, argv: tuple[str, ...]) -> int:
        """Of systemctl, what the two units do."""
        words = [word for word in argv[1:] if not word.startswith("-")]
        if argv[0] != "systemctl" or words[-1:] not in ([THEIR_UNIT], [DEVICE_PLUGIN_UNIT]):
            return super().act(argv)
        verb, unit = words[0], words[-1]
        theirs = unit == THEIR_UNIT
        if verb == "kill":
            signal = next(word.partition("=")[2] for word in argv if word.startswith("--signal"))
            if signal == "KILL":  # Restart=always
                self._i_start()
            elif self.mine != OFF:
                self.mine = STILL if signal == "STOP" else SERVES
        elif verb in ("enable", "disable"):
            self.enabled = (self.enabled | {unit}) if verb == "enable" else self.enabled - {unit}
        if "--now" in argv or verb in ("start", "restart", "stop"):
            on = verb in ("enable", "start", "restart")
            if theirs:
                self.active = (self.active | {unit}) if on else self.active - {unit}
            {(True, True): self.they_come, (True, False): self.they_leave,
             (False, True): self._i_start, (False, False): self._i_end}[theirs, on]()  # fmt: skip
        return 0

    def _tick(self, what: str) -> None:
        super()._tick(what)
        held = sum(len(ids) for entry in self.entries for ids in entry["DeviceIDs"].values())
        if held and not self.endpoint:
            self.wrong.append(f"the kubelet counts none of {held} held devices, before {what}")
        if self.theirs and self.mine == SERVES:
            self.wrong.append(f"two device plugins serve, before {what}")

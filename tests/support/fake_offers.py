# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which a kubelet and a device plugin are at work: each knows later than the other, pods come at any call.

The device plugin refuses what is withdrawn from the moment of the file on; its list reaches the kubelet after
`plugin_seconds`, which notes it on the disk `kubelet_seconds` later. What it gives then is what its list has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from ansible_collections.baremetal.sriov.plugins.module_utils.shared import places
from support.fake_host import FakeHost
from support.fake_kubelet import NOTE

FOLDER = "/var/lib/kubelet/device-plugins"
KUBELET, OURS, THEIRS = 500, 600, 700  # process ids
WITHDRAWN = f"{places.DEVICE_PLUGIN_STATE}/{places.WITHDRAWN}"
NEW_POD = "7d1c51a5-6d8b-4a5e-9b7c-2f0c9a1d3e4f"


@dataclass
class HostWithKubelet(FakeHost):
    """Pools by resource name: the PFs whose VFs they hold."""

    pools: dict[str, list[str]] = field(default_factory=dict)
    listeners: dict[str, int] = field(default_factory=dict)  # socket -> the process that listens
    plugin_seconds: float = 1.0
    kubelet_seconds: float = 0.5
    entries: list[dict[str, Any]] = field(default_factory=list)  # of the checkpoint
    seen: list[tuple[float, dict[str, list[str]]]] = field(default_factory=list)  # what was offered from when on
    calls: int = 0
    when: Callable[[int, str], bool] = staticmethod(lambda number, what: False)  # a pod asks before this call
    wanted: str = ""  # the VF that it gets where the kubelet has it to give
    given: int = 0  # the number of the call before which it got it
    given_at: float = float("inf")
    new_pod: str = NEW_POD  # whose it is

    def serve(self, pools: dict[str, list[str]], pid: int = OURS) -> None:
        """A kubelet runs, and a process offers these pools."""
        self.pools = pools
        self.listeners = {f"{FOLDER}/kubelet.sock": KUBELET}
        self.listeners.update({f"{FOLDER}/{name.replace('/', '_')}.sock": pid for name in pools})
        for path in self.listeners:
            self.put(path, "")
        pod = "/kubepods.slice/kubepods-pod11111111_2222_3333_4444_555555555555.slice/cri-1.scope"
        self.put(f"proc/{OURS}/cgroup", f"0::/system.slice/{places.DEVICE_PLUGIN_UNIT}\n")
        self.fill({f"proc/{THEIRS}/cgroup": f"0::{pod}\n", f"proc/{THEIRS}/comm": "sriovdp\n"})
        if pid == OURS:
            self.active.add(places.DEVICE_PLUGIN_UNIT)
        self.seen = [(float("-inf"), self._offered())]
        self._note()

    def stop_listening(self, end: str) -> None:
        """Processes end; their sockets stay."""
        self.listeners = {path: pid for path, pid in self.listeners.items() if not path.endswith(end)}

    def socket_owner(self, path: str, seconds: float = 1.0) -> int | None:
        return self.listeners.get(path)

    def withdrawn(self) -> set[str]:
        """What the file names, as the device plugin reads it."""
        if not self.exists(WITHDRAWN):
            return set()
        document = json.loads(self.get(WITHDRAWN))
        assert document["format"] == 1
        found = {entry.get("device", "") for entry in document["withdrawn"]}
        for entry in document["withdrawn"]:
            pf = entry.get("pf", "")
            found |= {self.vf_address(pf, index) for index in range(self.numvfs(pf))} if pf else set()
        return found

    def _offered(self) -> dict[str, list[str]]:
        def vfs(pfs: Iterable[str]) -> list[str]:
            return [self.vf_address(pf, index) for pf in pfs for index in range(self.numvfs(pf))]

        held = self.withdrawn() if OURS in self.listeners.values() else set()
        return {resource: [vf for vf in vfs(pfs) if vf not in held] for resource, pfs in self.pools.items()}

    def _as_of(self, seconds: float) -> dict[str, list[str]]:
        return [offered for since, offered in self.seen if since <= self.clock - seconds][-1]

    def _note(self) -> None:
        noted = self._as_of(self.plugin_seconds + self.kubelet_seconds)
        self.put(NOTE, json.dumps({"Data": {"PodDeviceEntries": self.entries, "RegisteredDevices": noted}}))

    def _tick(self, what: str) -> None:
        """What the others do before a call."""
        if not self.pools:
            return
        self.calls += 1
        if FOLDER + "/kubelet.sock" in self.listeners:
            offered = self._offered()
            if offered != self.seen[-1][1]:
                self.seen.append((self.clock, offered))
            if not self.given and self.wanted and self.when(self.calls, what):
                self._ask()
            if self.clock > self.given_at:
                self.fill({f"var/lib/kubelet/pods/{self.new_pod}/": ""})
            self._note()

    def _ask(self) -> None:
        """A pod of which nothing but the kubelet's note is there, until the kubelet begins to start it."""
        for resource, devices in self._as_of(self.plugin_seconds).items():
            if self.wanted in devices and self.wanted not in self.withdrawn():
                self.given, self.given_at = self.calls, self.clock
                self.entries.append({"PodUID": self.new_pod, "ContainerName": "app", "ResourceName": resource,
                                     "DeviceIDs": {"-1": [self.wanted]}})  # fmt: skip

    def run(self, argv: Any, **options: Any) -> Completed:
        self._tick(" ".join(argv))
        return super().run(argv, **options)

    def write_attribute(self, path: str, value: str, seconds: float = 60.0) -> None:
        self._tick(f"{path}={value.strip()}")
        super().write_attribute(path, value, seconds)

    def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._tick(f"write {path}")
        super().write_file(path, data, mode)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._tick("sleep")

    def reboot(self) -> None:
        super().reboot()
        self.pools, self.listeners = {}, {}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One scenario of PF changes, run on any host with each call and its answer recorded: on the fake host here, and on the
emulated node by what is installed there. The node gets this file as it is, so it imports nothing of the tests.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from typing import Any

HERE = "ansible_collections.baremetal.sriov.plugins.module_utils"  # the library's name in tests
THERE = "baremetal_sriov"  # and on a node
PF, NAME = "0000:02:00.0", "enp2s0"
# Each is the goal of one run, and begins where the one before ended.
SCENARIO: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no VFs", {"num_vfs": 0}),
    ("three of the kernel's driver", {"num_vfs": 3, "vfs": [{"index": i, "driver": "default"} for i in range(3)]}),
    ("settings", {"num_vfs": 3, "vfs": [
        {"index": 0, "driver": "default", "mac": "02:00:00:00:0a:01", "vlan": 100, "qos": 3},
        {"index": 1, "driver": "default", "spoofchk": False, "trust": True, "max_tx_rate": 50},
    ]}),
    ("an MTU", {"num_vfs": 3, "mtu": 2000, "vfs": [{"index": 2, "driver": "default", "mtu": 2000}]}),
    ("one to vfio", {"num_vfs": 3, "vfs": [{"index": 2, "driver": "vfio-pci"}]}),
    ("and back", {"num_vfs": 3, "vfs": [{"index": 2, "driver": "default"}]}),
    ("five of another", {"num_vfs": 5, "vfs": [{"index": i, "driver": "vfio-pci"} for i in range(5)]}),
    ("too many", {"num_vfs": 8}),
    ("none again", {"num_vfs": 0}),
)  # fmt: skip
LOOK = "ip -j "
TOLD = ("mtu", "flags")  # of an interface; what else there is depends on kernel and iproute2
TOLD_OF_VF = ("vf", "vlan_list", "spoofchk", "trust", "rate", "link_state")


def recorded(host: Any, prefix: str = HERE) -> list[tuple[str, list[tuple[str, Any]]]]:
    """(the run's name, its calls with their answers) of the scenario."""
    goals = importlib.import_module(f"{prefix}.model.goal")
    running = importlib.import_module(f"{prefix}.node.run")
    concerns = importlib.import_module(f"{prefix}.node.concerns")
    errors = importlib.import_module(f"{prefix}.model.errors")
    found = []
    for name, wanted in SCENARIO:
        pf = goals.pf_goal_from_dict({"address": PF, "vfs": [], "exact": True, **wanted})
        goal = goals.Goal(pfs=(pf,), whole=False)
        calls: list[tuple[str, Any]] = []
        watched = _Watched(host, calls, errors.HostError)
        try:
            running.run(watched, lambda state, goal=goal: goal, (concerns.Pfs,), check=False)
        except errors.SriovError as error:
            calls.append(("the run ends", type(error).__name__))
        found.append((name, settled(calls)))
    return found


class _Watched:
    """The host, with each write and command noted."""

    def __init__(self, host: Any, calls: list[tuple[str, Any]], error: type[Exception]) -> None:
        self.__dict__.update(host=host, calls=calls, error=error, names={})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.host, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.host, name, value)

    def write_attribute(self, path: str, value: str, seconds: float = 60.0) -> None:
        """Note the errno, or 0."""
        try:
            self.host.write_attribute(path, value, seconds)
        except self.error as error:
            code = re.search(r"\(errno (\d+)\)", str(error))
            self.calls.append((f"{path}={value.strip()}", int(code.group(1)) if code else str(error)))
            raise
        self.calls.append((f"{path}={value.strip()}", 0))

    def run(self, argv: Any, **options: Any) -> Any:
        """Note the exit status, and of what is told that which tests rest on."""
        self._learn_names()
        what = " ".join(self.names.get(word, word) for word in argv)
        try:
            done = self.host.run(argv, **options)
        except self.error as error:
            status = re.match(r"\d+", str(getattr(error, "problem", error).found))
            self.calls.append((what, [int(status.group()) if status else str(error), None]))
            raise
        self._learn_names()
        self.calls.append((what, [done.status, self._facts(argv, done.stdout)]))
        return done

    def _learn_names(self) -> None:
        """A VF's interface is the VF's, whatever udev calls it at this moment."""
        base = f"{self.host.root}/sys/bus/pci/devices/{PF}"
        for entry in (name for name in os.listdir(base) if name.startswith("virtfn")):
            folder, role = f"{base}/{entry}/net", f"{NAME} VF {entry[6:]}"
            self.names.update(dict.fromkeys(os.listdir(folder) if os.path.isdir(folder) else (), role))

    def _facts(self, argv: Any, text: str) -> Any:
        if list(argv[:2]) != ["ip", "-j"] or "link" not in argv:
            return None
        found = []
        for item in json.loads(text or "[]"):
            name = self.names.get(item.get("ifname"), item.get("ifname"))
            if str(name).partition(" ")[0] == NAME:
                flags = ["UP"] if "UP" in item.get("flags", ()) else []
                vfs = [{key: vf.get(key) for key in TOLD_OF_VF} for vf in item.get("vfinfo_list", ())]
                found.append({"ifname": name, **{key: item.get(key) for key in TOLD}, "flags": flags, "vfs": vfs})
        return sorted(found, key=lambda item: str(item["ifname"]))


def settled(calls: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Of a call that was tried again, with the looks before it, and of looks that were repeated while something came
    up, the last one.
    """
    found: list[tuple[str, Any]] = []
    for call in calls:
        looks = next((n for n, (what, _answer) in enumerate(reversed(found)) if not what.startswith(LOOK)), 0)
        before = found[-1 - looks] if looks < len(found) else ("", 0)
        if before[0] == call[0] and before[1] not in (0, [0, None]):
            del found[-1 - looks :]  # refused, looked again, and now
        elif found and found[-1][0] == call[0]:
            found.pop()
        found.append(call)
    return found


if __name__ == "__main__":
    sys.path.insert(0, "/usr/lib/baremetal-sriov/lib")
    print(json.dumps(recorded(importlib.import_module(f"{THERE}.host.host").Host(), THERE)))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake host's programs: ip, ethtool, devlink, modprobe, systemctl and those of GRUB."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import CommandError
from support.fake_memory import FakeMemory
from support.fake_net import FakePf, Net, address_json, link_json, set_link


class FakeCommands(FakeMemory):
    """The part of a fake host that runs programs. Needs the rest of it: PFs and VFs, and the counter of changes.

    available: modules that modprobe finds. routes: objects of `ip -j route`. reloads: units that were reloaded.
    complaint: what a failing program says.
    """

    pfs: dict[str, FakePf]
    lone: dict[str, FakePf]
    nets: dict[str, Net]

    def __init__(self) -> None:
        super().__init__()
        self.available = {"vfio-pci"}
        self.default_routes: list[str] = []
        self.routes: list[dict[str, Any]] = []
        self.active_units: set[str] = set()
        self.reloads: list[str] = []
        self.kernel_log = ""
        self.complaint = "error"

    def run(self, argv: Any, *, stdin: str | None = None, seconds: float = 60.0, check: bool = True) -> Completed:
        argv = list(argv)
        shown = " ".join(argv)
        if argv[:2] == ["ip", "-j"]:
            return Completed(tuple(argv), 0, json.dumps(self._ip_json(argv[2:])), "")
        if argv == ["dmesg"]:
            return Completed(tuple(argv), 0, self.kernel_log, "")
        if argv[:2] == ["ethtool", "-k"]:
            return self._features(argv)
        if argv[:2] == ["devlink", "-j"]:
            return self._devlink_show(argv)
        if argv[:2] == ["systemctl", "is-active"]:
            return Completed(tuple(argv), 0 if argv[-1] in self.active_units else 3, "", "")
        self._tick(shown)
        status = 1 if self._fault(shown) else self._command(argv)
        if status and check:
            raise CommandError(shown, "exit status 0", f"{status}; it said: RTNETLINK answers: error")
        return Completed(tuple(argv), status, "", self.complaint if status else "")

    def _command(self, argv: list[str]) -> int:
        if argv[0] == "modprobe":
            name = argv[-1]
            if name in self.available:
                self._driver_dir(name)
                self.put(f"sys/module/{name.replace('-', '_')}/initstate", "live\n")
                return 0
            return 0 if "--quiet" in argv else 1
        if argv[0] == "udevadm":
            return 0
        if argv[0] == "systemctl":
            self.reloads.append(argv[-1])
            return 0
        if argv[:4] == ["ip", "link", "set", "dev"]:
            return set_link(self.nets.get(argv[4]), self._pf_named(argv[4]), argv[5:])
        if argv[:2] == ["ethtool", "-K"]:
            pf = self._pf_named(argv[2])
            return 1 if pf is None else setattr(pf, "tc_offload", argv[4]) or 0
        if argv[:4] == ["devlink", "dev", "eswitch", "set"]:
            return self._set_eswitch(self.pfs[argv[4].partition("/")[2]], argv[6])
        if argv[0].endswith("update-grub"):
            self.update_grub()
            return 0
        return 127

    def _features(self, argv: list[str]) -> Completed:
        pf = self._pf_named(argv[2])
        text = f"Features for {argv[2]}:\nrx-checksumming: on\nhw-tc-offload: {pf.tc_offload}\n" if pf else ""
        return Completed(tuple(argv), 0 if pf else 1, text, "")

    def _devlink_show(self, argv: list[str]) -> Completed:
        pf = {**self.lone, **self.pfs}[argv[-1].partition("/")[2]]
        if pf.eswitch is None:
            return Completed(tuple(argv), 1, "", "kernel answers: Operation not supported")
        return Completed(tuple(argv), 0, json.dumps({"dev": {argv[-1]: {"mode": pf.eswitch}}}), "")

    def _set_eswitch(self, pf: FakePf, mode: str) -> int:
        """ice refuses while there are VFs; mlx5_core wants VFs for switchdev, and none of them bound."""
        vfs = [self.vf_address(pf.address, index) for index in range(self.numvfs(pf.address))]
        if self.driver(pf.address) == "ice" and vfs:
            return 1
        if self.driver(pf.address) == "mlx5_core" and mode == "switchdev" and not vfs:
            return 1
        if any(self.driver(vf) for vf in vfs):
            return 1
        pf.eswitch = mode
        return 0

    def _ip_json(self, words: list[str]) -> list[dict[str, Any]]:
        if "route" in words:
            family = ":" if words[0] == "-6" else "."
            defaults = [{"dst": "default", "dev": dev} for dev in self.default_routes if family == "."]
            return defaults + [route for route in self.routes if family in f"{route['dst']}{route.get('gateway')}"]
        nets = [net for net in self.nets.values() if "dev" not in words or net.name == words[-1]]
        if "addr" in words:
            return [{"ifname": n.name, "addr_info": [address_json(a) for a in n.addresses]} for n in nets]
        return [link_json(net, self._pf_named(net.name)) for net in nets]

    def _pf_named(self, name: str) -> FakePf | None:
        return next((pf for pf in self.pfs.values() if pf.name == name), None)

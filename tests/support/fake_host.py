# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of most tests: PFs and VFs with the programs that look at them and set them up, memory, GRUB and systemd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from support.fake_boot import Grub
from support.fake_memory import Memory
from support.fake_net import FakePf, address_json, link_json, set_link
from support.fake_pci import Pci
from support.fake_systemd import Systemd


class FakeHost(Pci, Memory, Grub, Systemd):
    """Its own are ip, ethtool, devlink, dmesg and udevadm."""

    def __init__(self, root: Path, **options: Any) -> None:
        super().__init__(root, **options)
        self.available = {"vfio-pci"}
        self.default_routes: list[str] = []  # interfaces
        self.routes: list[dict[str, Any]] = []  # objects of `ip -j route`
        self.kernel_log = ""

    def show(self, argv: tuple[str, ...]) -> str | Completed | None:
        if argv[:2] == ("ip", "-j"):
            return json.dumps(self._ip_json(list(argv[2:])))
        if argv == ("dmesg",):
            return self.kernel_log
        if argv[:2] == ("ethtool", "-k"):
            return self._features(argv)
        return self._devlink_show(argv) if argv[:2] == ("devlink", "-j") else super().show(argv)

    def act(self, argv: tuple[str, ...]) -> int:
        if argv[0] == "udevadm":
            return 0
        if argv[:4] == ("ip", "link", "set", "dev"):
            return set_link(self.nets.get(argv[4]), self._pf_named(argv[4]), argv[5:])
        if argv[:2] == ("ethtool", "-K"):
            pf = self._pf_named(argv[2])
            return 1 if pf is None else setattr(pf, "tc_offload", argv[4]) or 0
        if argv[:4] == ("devlink", "dev", "eswitch", "set"):
            return self._set_eswitch(self.pfs[argv[4].partition("/")[2]], argv[6])
        return super().act(argv)

    def _features(self, argv: tuple[str, ...]) -> Completed:
        pf = self._pf_named(argv[2])
        text = f"Features for {argv[2]}:\nrx-checksumming: on\nhw-tc-offload: {pf.tc_offload}\n" if pf else ""
        return Completed(argv, 0 if pf else 1, text, "")

    def _devlink_show(self, argv: tuple[str, ...]) -> Completed:
        pf = {**self.lone, **self.pfs}[argv[-1].partition("/")[2]]
        if pf.eswitch is None:
            return Completed(argv, 1, "", "kernel answers: Operation not supported")
        return Completed(argv, 0, json.dumps({"dev": {argv[-1]: {"mode": pf.eswitch}}}), "")

    def _set_eswitch(self, pf: FakePf, mode: str) -> int:
        """Some refuse while there are VFs; mlx5_core wants VFs for switchdev, and none of them bound."""
        vfs = [self.vf_address(pf.address, index) for index in range(self.numvfs(pf.address))]
        if self.driver(pf.address) in self.mode_before_vfs and vfs:
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

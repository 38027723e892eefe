# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin on the node, called as a runtime does, and what it keeps there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import chain

from sriovlab.guest import Lab

JOURNAL = "/var/lib/cni/sriov/journal"
NETWORKS = "/var/lib/cni/networks"


def link(lab: Lab, name: str) -> dict[str, Any]:
    """What `ip` says of an interface."""
    found: dict[str, Any] = json.loads(lab.run(["ip", "-j", "-d", "link", "show", "dev", name]).stdout)[0]
    return found


def at_pf(lab: Lab, pf: str, index: int) -> dict[str, Any]:
    """What the PF holds for one of its VFs."""
    entry = next(item for item in link(lab, pf)["vfinfo_list"] if item["vf"] == index)
    return {key: entry.get(key) for key in ("address", "vlan_list", "spoofchk", "trust", "rate")}


def files(lab: Lab, folder: str) -> list[str]:
    """Names in a folder of the node; none where it is not there."""
    return lab.run(["find", folder, "-mindepth", "1", "-printf", "%f\n"], check=False).stdout.split()


@dataclass
class Attached:
    """One VF, a network namespace, and calls of the plugin as a runtime makes them."""

    lab: Lab
    pf: str
    index: int
    netns: str = "chain"
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.device = chain.vfs(self.lab, self.pf)[self.index]["address"]

    def command(self, command: str) -> tuple[list[str], str]:
        """The plugin's command line and standard input."""
        config = {"cniVersion": "1.0.0", "name": "chain", "type": "sriov", "deviceID": self.device, **self.config}
        settings = {"CNI_COMMAND": command, "CNI_CONTAINERID": self.netns, "CNI_IFNAME": "net1",
                    "CNI_NETNS": f"/run/netns/{self.netns}", "CNI_PATH": "/opt/cni/bin"}  # fmt: skip
        argv = ["env", *(f"{key}={value}" for key, value in settings.items()), "/opt/cni/bin/sriov"]
        return argv, json.dumps(config)

    def call(self, command: str) -> dict[str, Any]:
        """Run the plugin. Raises LabError with what it printed where it fails."""
        argv, config = self.command(command)
        done = self.lab.run(argv, input=config)
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return found

    def view(self) -> dict[str, Any]:
        """The VF as the host sees it."""
        vf = chain.vfs(self.lab, self.pf)[self.index]
        own = {key: link(self.lab, vf["net"]).get(key) for key in ("address", "mtu")} if vf["net"] else {}
        return {"vf": vf, "own": own, "held": at_pf(self.lab, self.pf, self.index)}


def leases(lab: Lab, network: str) -> list[str]:
    """The addresses that host-local has given away in a network."""
    return [name for name in files(lab, f"{NETWORKS}/{network}") if name[0].isdigit()]

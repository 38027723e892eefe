# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bond of both PFs on the emulated node, for the group `bond`."""

from __future__ import annotations

import json

from sriovlab.guest import Lab

ADDRESS = "192.0.2.1/24"
# No switch of the lab speaks LACP.
FILES = {
    "20-bond0.netdev": "[NetDev]\nName=bond0\nKind=bond\n\n[Bond]\nMode=active-backup\nMIIMonitorSec=0.1\n",
    "20-bond0.network": f"[Match]\nName=bond0\n\n[Network]\nAddress={ADDRESS}\nLinkLocalAddressing=no\n",
    "20-ports.network": "[Match]\nName=enp1s0 enp2s0\n\n[Network]\nBond=bond0\n",
}


def masters(lab: Lab) -> dict[str, str]:
    """The bond of each PF, where that is up and has its address."""
    shown = json.loads(lab.run(["ip", "-j", "address", "show"]).stdout)
    ready = {item["ifname"] for item in shown if "UP" in item["flags"] and ADDRESS[:-3] in
             [info["local"] for info in item["addr_info"]]}  # fmt: skip
    return {item["ifname"]: item["master"] for item in shown
            if item["ifname"] in ("enp1s0", "enp2s0") and item.get("master") in ready}  # fmt: skip


def wait_bonded(lab: Lab) -> None:
    """Until both are its ports."""
    lab.wait_for("the bond with two ports", lambda: masters(lab) == {"enp1s0": "bond0", "enp2s0": "bond0"})

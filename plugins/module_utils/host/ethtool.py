# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `ethtool` alone tells. hw-tc-offload of a PF in switchdev mode: whether its NIC carries out the flows that tc
(Open vSwitch) gives it, asked for those PFs alone whose eswitch mode matters; and an address of the NIC's own.
"""

from __future__ import annotations

import re

from ..model.errors import CommandError
from .host import Host

FEATURE = "hw-tc-offload"


def read(host: Host, name: str) -> bool | None:
    """True where it is on; None where the NIC has no choice, or there is no ethtool to ask."""
    try:
        done = host.run(["ethtool", "-k", name], check=False)
    except CommandError:
        return None
    found = re.search(rf"^\s*{FEATURE}: (on|off)( \[fixed\])?", done.stdout, re.M)
    if done.status != 0 or found is None or found.group(2):
        return None
    return found.group(1) == "on"


def set_to(host: Host, name: str, on: bool) -> None:
    """Set it, and read it back. Raises CommandError."""
    argv = ["ethtool", "-K", name, FEATURE, "on" if on else "off"]
    host.run(argv)
    if read(host, name) is not on:
        raise CommandError(" ".join(argv), f"{FEATURE} {argv[-1]}", "it is not", f"See dmesg for {name}.")


def permanent_mac(host: Host, name: str) -> str | None:
    """The NIC's own MAC address, lower case (ethtool.c, do_permaddr; netlink/permaddr.c); None where it is not told, or
    there is no ethtool to ask.
    """
    try:
        done = host.run(["ethtool", "-P", name], check=False)
    except CommandError:
        return None
    found = re.search(r"^Permanent address: ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s*$", done.stdout, re.M | re.I)
    mac = found.group(1).lower() if done.status == 0 and found else ""
    return mac if mac.replace(":", "").strip("0") else None

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hw-tc-offload of a PF in switchdev mode: whether its NIC carries out the flows that tc (Open vSwitch) gives it.

`ethtool` reads and sets it; it is asked for those PFs alone whose eswitch mode matters.
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

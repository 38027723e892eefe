# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firmware settings of NICs that have such (see `quirks`), read with mstconfig where it is installed. Never written."""

from __future__ import annotations

import re

from ..model.errors import HostError
from ..model.frozen import dataclass
from .host import Host

PROGRAMS = ("/usr/bin/mstconfig", "/usr/sbin/mstconfig")
SECONDS = 30.0  # reading through a slow management channel takes several
_SETTING = re.compile(r"\b(SRIOV_EN|NUM_OF_VFS)\s+(?:.*\s)?(\S+)\s*$", re.M)  # the last column is the next boot's


@dataclass(frozen=True)
class NicFirmware:
    """The settings of one NIC; None where it does not tell."""

    enabled: bool | None = None
    vfs: int | None = None
    error: str = ""  # why they could not be read


def read(host: Host, address: str) -> NicFirmware | None:
    """The settings of the NIC with this PCI address; None without mstconfig."""
    if not any(host.exists(path) for path in PROGRAMS):
        return None
    try:
        text = host.run(["mstconfig", "-d", address, "query", "SRIOV_EN", "NUM_OF_VFS"], seconds=SECONDS).stdout
    except HostError as error:
        return NicFirmware(error=" ".join(error.problem.found.split())[:300])
    found = dict(_SETTING.findall(text))
    enabled = {"True(1)": True, "False(0)": False}.get(found.get("SRIOV_EN", ""))
    number = found.get("NUM_OF_VFS", "")
    return NicFirmware(enabled, int(number) if re.match(r"^\d{1,5}$", number) else None)


def command(address: str, vfs: int) -> str:
    """What a person runs to have this many VFs; a cold boot has to follow."""
    return f"mstconfig -d {address} set SRIOV_EN=True NUM_OF_VFS={vfs}"

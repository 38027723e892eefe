# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firmware settings of NICs that have such (see `quirks`), through mstconfig where it is installed.

Sources: mstconfig(1); mstflint mlxconfig/mlxcfg_ui.cpp, printConfHeader and printSingleParam: with -e a line has the
default, the current and the next boot's value, a changed one begins with an asterisk, words end with their number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..model.errors import HostError
from ..model.frozen import dataclass
from .host import Host

PROGRAMS = ("/usr/bin/mstconfig", "/usr/sbin/mstconfig")
SECONDS = 30.0  # reading through a slow management channel takes several
SET_SECONDS = 120.0
ENABLED, VFS = "SRIOV_EN", "NUM_OF_VFS"
LINK_TYPES = ("LINK_TYPE_P1", "LINK_TYPE_P2")  # of the ports; a card with one kind of ports alone has none
OFFLOAD_ENGINE = "INTERNAL_CPU_OFFLOAD_ENGINE"  # of a BlueField: ENABLED where its own processor has the NIC
TRUE, FALSE = "True", "False"
# Compiled where a NIC is asked: most runs ask none.
_LINE = r"(?m)^\*?\s+([A-Z][A-Z0-9_]+)\s+(\S.*?)\s*$"
_NUMBERED = r"(\w+)\(\d+\)"


@dataclass(frozen=True)
class NicFirmware:
    """The settings of one NIC; None where it does not tell."""

    enabled: bool | None = None
    vfs: int | None = None
    error: str = ""  # why they could not be read


def is_installed(host: Host) -> bool:
    """Whether mstconfig is there."""
    return any(host.exists(path) for path in PROGRAMS)


def read(host: Host, address: str) -> NicFirmware | None:
    """What the next boot has of the NIC with this PCI address; None without mstconfig."""
    if not is_installed(host):
        return None
    try:
        found = query(host, address, (ENABLED, VFS), with_running=False)
    except HostError as error:
        return NicFirmware(error=" ".join(error.problem.found.split())[:300])
    enabled, number = (found.get(name, ("", ""))[1] for name in (ENABLED, VFS))
    return NicFirmware({TRUE: True, FALSE: False}.get(enabled), int(number) if re.match(r"^\d{1,5}$", number) else None)


def query(
    host: Host, address: str, names: Sequence[str], with_running: bool = True
) -> dict[str, tuple[str, str]]:
    """The settings' values, running (where asked for) and of the next boot, without the numbers after words.

    Raises HostError, also for a setting that the NIC does not have.
    """
    more = ["-e"] if with_running else []
    text = host.run(["mstconfig", *more, "-d", address, "query", *names], seconds=SECONDS).stdout
    found = {}
    for name, values in re.findall(_LINE, text):
        columns = values.split()
        if name in names and columns:  # older firmware tells the next boot's alone
            found[name] = (_plain(columns[-2 if len(columns) > 1 else -1]), _plain(columns[-1]))
    return found


def set_values(host: Host, address: str, values: Mapping[str, str]) -> None:
    """Set what the NIC reads as it is reset or powered on. Raises HostError, also where it did not take."""
    words = [f"{name}={value}" for name, value in values.items()]
    host.run(["mstconfig", "-d", address, "-y", "set", *words], seconds=SET_SECONDS)
    found = {name: after for name, (_running, after) in query(host, address, tuple(values)).items()}
    if found != dict(values):
        raise HostError(f"{address} (firmware)", f"{dict(values)} for the next boot", f"{found}",
                        "See what `mstconfig -d ADDRESS query` says, and dmesg.")  # fmt: skip


def _plain(value: str) -> str:
    numbered = re.fullmatch(_NUMBERED, value)
    return numbered[1] if numbered else value


def command(address: str, vfs: int) -> str:
    """What a person runs to have this many VFs; a cold boot has to follow."""
    return f"mstconfig -d {address} set SRIOV_EN=True NUM_OF_VFS={vfs}"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drivers of real NICs answer, as data: one file for each, and for each fact where it comes from."""

from __future__ import annotations

import errno
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:  # pytest brings it there
    import tomli as tomllib

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Nic:
    """A driver. The defaults are for one that answers at once, and whatever it is asked."""

    vf_driver: str = "igbvf"
    vendor: str = "0x8086"
    eswitch: bool = False
    mode_before_vfs: bool = False  # another eswitch mode without VFs alone
    seconds_per_vf: float = 0.0  # that the write of a count takes
    netdev_seconds: float = 0.0  # from the binding of a VF to its interface
    busy_after: tuple[str, ...] = ()  # settings of a VF after which it is reset
    busy_answer: str = ""  # to a setting meanwhile
    busy_seconds: float = 0.0
    rate_without_link: str = ""  # the answer to a rate while the PF's link is down
    min_rate: str = ""  # the answer to a min_tx_rate
    too_many: str = "ERANGE"  # the answer to a count that it has no resources for
    settings: tuple[str, ...] = ("mac", "vlan", "qos", "spoofchk", "trust", "max_tx_rate", "min_tx_rate", "link_state")
    # The settings of a VF that `ip` tells.

    def code(self, name: str) -> int:
        """The errno of an answer, 0 where the driver has none of its own."""
        return getattr(errno, getattr(self, name), 0)


def names() -> list[str]:
    """The drivers of the zoo."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def facts(driver: str) -> dict[str, dict[str, Any]]:
    """Name -> value and source."""
    return tomllib.loads((FOLDER / f"{driver}.toml").read_text())


def nic(driver: str) -> Nic:
    """A driver of the zoo; one that is not in it answers as the defaults say. Raises TypeError for another fact."""
    if driver not in names():
        return Nic()
    values = {name: fact["value"] for name, fact in facts(driver).items()}
    return Nic(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


NAMES = [field.name for field in fields(Nic)]

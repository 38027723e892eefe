# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a VF that its PF keeps, in the order in which their mistakes are told."""

from __future__ import annotations

from .mac import Mac
from .setting import Choice, OnUse, State, Switch, TxRate
from .vlan import Vlan

# The numbers: linux/if_link.h, IFLA_VF_*.
_ALL = (
    Vlan(),
    OnUse("vlan_trunk"),
    Mac(),
    TxRate(),
    Switch("spoofchk", 4),
    Switch("trust", 9),
    Choice("link_state", 5, auto=0, enable=1, disable=2),  # follows the PF, is always up, always down
)
SETTINGS = {setting.name: setting for setting in _ALL}
_REPORTED = [setting for setting in _ALL if setting.kind]  # by netlink


def blank() -> State:
    """The state of a VF whose PF's driver reports nothing."""
    return {field: setting.blank for setting in _REPORTED for field in setting.fields}


def decode(attributes: list[tuple[int, bytes]]) -> State:
    """The state of a VF, by its attributes in an answer about its PF."""
    state = blank()
    for kind, value in attributes:
        for setting in _REPORTED:
            setting.decode(state, kind, value)
    return state

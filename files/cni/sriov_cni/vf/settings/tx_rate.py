# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""min_tx_rate and max_tx_rate, in Mb/s: one attribute has both, in which the one that is not given is 0, "no limit"."""

from __future__ import annotations

from ...spec.config import Keys
from .setting import Setting, State

_MOST = 0xFFFFFFFF  # Mb/s; the kernel's field has 32 bits
_KIND = 6  # IFLA_VF_RATE


class TxRate(Setting):
    """Two numbers, each of which may be any."""

    most = _MOST

    def __init__(self) -> None:
        super().__init__("rate", _KIND, ("min_rate", "max_rate"), "min_tx_rate/max_tx_rate")

    def parse(self, keys: Keys) -> State | None:
        low, high = keys.number("min_tx_rate", 0, _MOST), keys.number("max_tx_rate", 0, _MOST)
        if low and high and low > high:
            keys.problems.append(f"min_tx_rate: expected at most max_tx_rate ({high}), found {low}")
        return None if low is None and high is None else {"min_rate": low or 0, "max_rate": high or 0}

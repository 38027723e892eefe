# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VFs of a NIC by attributes of Dell's own, where its BMC has no standard field for them.

Sources: an iDRAC9's DellNetworkAttributes of a PowerEdge R750, and its registry NetworkAttributeRegistry; the module
idrac_network_attributes of dellemc.openmanage (settings object, apply times, one job for each function).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MODE, COUNT, MOST, GROUP = "VirtualizationMode", "NumberVFAdvertised", "NumberVFSupported", "VFAllocMult"
# Without VFs -> with them. NPAR: partitions of a port, which stay.
_MODES = {"NONE": "SRIOV", "NPAR": "NPARSRIOV"}
WITH_VFS = frozenset(_MODES.values())


@dataclass(frozen=True)
class Attributes:
    """Those of one function. now, then: in effect, and after the next reset."""

    now: Mapping[str, Any]
    then: Mapping[str, Any]

    @property
    def counts(self) -> tuple[int | None, int | None]:
        """VFs now and then; None where the NIC has no such attributes."""
        return _count(self.now), _count(self.then)

    def wanted(self, count: int, number: int | None = None) -> dict[str, Any]:
        """What brings the function to so many VFs. number: what COUNT was before us, where that is given back."""
        mode = self.then.get(MODE)
        without = {after: before for before, after in _MODES.items()}
        mode = _MODES.get(str(mode), mode) if count else without.get(str(mode), mode)
        wanted = {MODE: mode, COUNT: count if count else number}
        return {name: value for name, value in wanted.items() if value not in (None, self.then.get(name))}


def _count(values: Mapping[str, Any]) -> int | None:
    number, mode = values.get(COUNT), values.get(MODE)
    if not isinstance(number, int) or isinstance(number, bool) or mode not in (*_MODES, *WITH_VFS):
        return None
    return number if mode in WITH_VFS else 0

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry says of a value, in words that a person can act on."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.bios.registry import RegistryEntry

# source: Redfish's AttributeRegistry, where LowerBound and UpperBound are optional, each on its own.
CASES: dict[str, tuple[int | None, int | None, Any, str | None]] = {
    "both-bounds": (1, 8, 9, "a whole number from 1 to 8"),
    "upper-alone": (None, 8, 9, "a whole number of at most 8"),
    "lower-alone": (1, None, 0, "a whole number of at least 1"),
    "at-a-bound": (1, None, 1, None),
    "no-bounds": (None, None, -5, None),
    "a-text": (1, 8, "4", "a whole number"),
    "a-boolean": (0, 1, True, "a whole number"),
}


@pytest.mark.parametrize(("low", "high", "value", "expected"),
                         [pytest.param(*case, id=name) for name, case in CASES.items()])  # fmt: skip
def test_a_number_out_of_its_range(low: int | None, high: int | None, value: Any, expected: str | None) -> None:
    problem = RegistryEntry("Count", "Integer", lower=low, upper=high).problem(value, 4)
    assert (problem and problem[0]) == expected

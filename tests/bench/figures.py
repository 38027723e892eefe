# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One entry of the results, in the form that all benchmarks write."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any


def figure(
    name: str,
    unit: str,
    samples: Sequence[float],
    compared_with: str = "",
    *,
    base: float | None = None,
    value: float | None = None,
) -> dict[str, Any]:
    """A figure: the samples' median where no other value is given.

    base: what `compared_with` took in the same run, for the ratio; a figure that is a ratio needs none.
    """
    value = statistics.median(samples) if value is None else value
    ratio = value if compared_with and unit == "ratio" else value / base if base else None
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "compared_with": compared_with,
        "ratio": ratio,
        "n": len(samples),
        "min": min(samples),
        "max": max(samples),
        "samples": list(samples),
    }

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One entry of the results, in the form that all benchmarks write, and when it is worse than its limit."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Figure = dict[str, Any]
# A measure tells a figure from chance where it is repeated: how many runs of a program decide, unless said otherwise.
RUNS = 3


def figure(
    name: str,
    unit: str,
    samples: Sequence[float],
    compared_with: str = "",
    *,
    base: float | None = None,
    value: float | None = None,
    limit: float | None = None,
    runs: int = RUNS,
) -> Figure:
    """A figure: the samples' median where no other value is given.

    base: what `compared_with` took in the same run, for the ratio; a figure that is a ratio needs none.
    limit: what the value must not exceed; runs: of how many the median decides, where the first exceeds it.
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
        "limit": limit,
        "runs": runs,
        "values": [value],
    }


def above(found: Figure) -> bool:
    """Whether a figure exceeds its limit."""
    return found["limit"] is not None and found["value"] > found["limit"]


def decided(measure: Callable[[], list[Figure]]) -> list[Figure]:
    """Measure; where a figure exceeds its limit, again, until its number of runs is done: their median is its value."""
    figures = measure()
    for turn in range(2, 1 + max((found["runs"] for found in figures if above(found)), default=0)):
        print(f"above a limit: {', '.join(found['name'] for found in figures if above(found))}; run {turn}", flush=True)
        for found, again in zip(figures, measure()):
            found["values"].append(again["value"])
    return [{**found, "value": statistics.median(found["values"])} for found in figures]


def main(what: str | None, here: Callable[[], list[Figure]], emulated: Callable[[], list[Figure]] | None = None) -> int:
    """A benchmark program: measure, and write the list of figures.

    emulated: those of them that need the emulated node, which `--native` leaves out.
    """
    parser = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    if emulated:
        parser.add_argument("--native", action="store_true", help="without the emulated node")
    options = parser.parse_args()
    parts = [here, *([emulated] if emulated and not options.native else [])]
    figures = decided(lambda: [figure for part in parts for figure in part()])
    options.output.write_text(json.dumps(figures, indent=2) + "\n")
    return 0

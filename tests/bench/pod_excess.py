# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VF costs a pod beyond a second network of bridge: ours beside the Go chain's, by rounds."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

DRAWS = 2000
SHARE = 0.7  # of theirs, that ours may cost
Rounds = Sequence[tuple[float, float]]  # our excess and theirs, in milliseconds


@dataclass(frozen=True)
class Interval:
    """A median, and the 90 % interval by drawing rounds anew."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """value must not exceed limit; why: which of the two rules it is."""

    value: float
    limit: float
    why: str


def interval(rounds: Rounds, of: Callable[[Rounds], float]) -> Interval:
    """Of a number that rounds come to. The same rounds give the same interval."""
    rng = random.Random(1)
    drawn = sorted(of(rng.choices(rounds, k=len(rounds))) for _turn in range(DRAWS))
    return Interval(drawn[DRAWS // 20], of(rounds), drawn[-1 - DRAWS // 20])


def ours(rounds: Rounds) -> float:
    """The median of our excess."""
    return statistics.median(own for own, _other in rounds)


def theirs(rounds: Rounds) -> float:
    """The median of the other's."""
    return statistics.median(other for _own, other in rounds)


def above_share(rounds: Rounds) -> float:
    """What ours takes above its share of theirs."""
    return ours(rounds) - SHARE * theirs(rounds)


def verdict(rounds: Rounds) -> Verdict:
    """Where theirs can be told from nothing, the upper end of `above_share` must be at most 0; else ours must not be
    above theirs.
    """
    other = interval(rounds, theirs)
    if other.middle < 2 * (other.high - other.low):
        return Verdict(ours(rounds), other.middle, "milliseconds: theirs is under twice its own interval")
    return Verdict(interval(rounds, above_share).high, 0.0, f"the upper end of ours - {SHARE} x theirs, milliseconds")

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the CNI plugin's benchmark tells milliseconds above a floor: by a figure that chance moves little.

# source: Hodges and Lehmann, Estimates of location based on rank tests (1963): a shift is the median of all
# differences.
"""

from __future__ import annotations

import random
import statistics

import bench_cni
import pytest


def grace_period(rng: random.Random) -> float:
    """One, or twice that: seconds that a move waits for."""
    return rng.choice([0.015, 0.031]) + rng.uniform(0, 0.004)


def drawn(seed: int, *above: float) -> list[list[float]]:
    rng = random.Random(seed)
    return [[grace_period(rng) + more for _turn in range(200)] for more in above]


def test_a_shift_is_the_median_of_all_differences() -> None:
    times, floor = drawn(1, 0.004, 0)
    times, floor = times[:30], floor[:40]
    expected = statistics.median([one - least for one in times for least in floor])
    assert bench_cni.shift(times, floor) == pytest.approx(expected, abs=2e-5)


def test_the_ratio_of_shifts_is_steady_where_that_of_medians_is_not() -> None:
    rounds = [list(zip(*drawn(seed, 0.004, 0.008, 0))) for seed in range(20)]
    assert all(0.35 < bench_cni._excess(one) < 0.65 for one in rounds)
    medians = [[statistics.median(column) for column in zip(*one)] for one in rounds]
    assert not all(0.35 < (ours - floor) / (peer - floor) < 0.65 for ours, peer, floor in medians)


def test_the_upper_end_counts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_cni, "DRAWS", 40)
    ours, peer, floor = drawn(1, 0.004, 0.008, 0)
    found = bench_cni.excess("x", ours, peer, floor, 0.6)
    assert 0.4 < found["value"] < 0.8
    assert (found["limit"], found["n"]) == (0.6, 200)
    assert "above the floor of 18.9 ms: ours 3.9 ms, theirs 8.3 ms" in capsys.readouterr().out


def test_a_peer_that_is_not_above_the_floor_makes_no_good_figure() -> None:
    ours, peer, floor = drawn(1, 0.004, -0.001, 0)
    assert bench_cni._excess(list(zip(ours, peer, floor))) == bench_cni.NO_RATIO

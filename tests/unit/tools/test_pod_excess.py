# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on a pod's excess, and the time stamps that it comes from."""

from __future__ import annotations

import json
import random

import bench_pods
import pod_excess
import pytest


def rounds(own: float, other: float, noise: float) -> list[tuple[float, float]]:
    rng = random.Random(3)
    return [(own + rng.gauss(0, noise), other + rng.gauss(0, noise)) for _round in range(30)]


@pytest.mark.parametrize(
    ("own", "other", "noise", "met", "why"),
    [
        (30.0, 100.0, 5.0, True, "upper end"),
        (69.0, 100.0, 5.0, False, "upper end"),  # below 0.7, and not surely so
        (90.0, 100.0, 5.0, False, "upper end"),
        (3.0, 8.0, 40.0, None, "under twice"),
        (-60.0, 8.0, 40.0, True, "under twice"),
        (90.0, 8.0, 40.0, False, "under twice"),
    ],
)
def test_the_verdict(own: float, other: float, noise: float, met: bool | None, why: str) -> None:
    found = pod_excess.verdict(rounds(own, other, noise))
    assert why in found.why
    assert met is None or (found.value <= found.limit) == met
    assert pod_excess.verdict(rounds(own, other, noise)) == found, "the same rounds, the same verdict"


BEGIN = 'time="x" level=info msg="RunPodSandbox for &PodSandboxMetadata{Name:a,Uid:u,Namespace:default,Attempt:0,}"'
END = BEGIN[:-1] + ' returns sandbox id \\"0123\\""'


def line(message: str, micros: int) -> str:
    return json.dumps({"MESSAGE": message, "__REALTIME_TIMESTAMP": str(micros)})


def test_a_sandbox_in_the_log() -> None:
    """source: containerd internal/cri/server/sandbox_run.go (1.6, 1.7, 2.0), instrument/service.go."""
    log = "\n".join([line("other", 1), line(BEGIN, 1_000_000), "no json", line(END, 1_250_500), json.dumps({"x": 1})])
    assert bench_pods.sandbox_seconds(log, "a") == pytest.approx(0.2505)
    with pytest.raises(ValueError, match="a sandbox of b"):
        bench_pods.sandbox_seconds(log, "b")

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drifts on a node, and what has to hold after a pass of the timer, whatever came before."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence

from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.fake_base import Killed
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, drivers, present
from support.temporary_hosts import TemporaryHost

VLAN = {**KERNEL, "vfs": [{"indices": 0, "vlan": 100}]}
MODES = ["report", "restore", "repair"]
Change = Callable[[FakeHost], object]


def drift(host: FakeHost) -> int:
    """A pass of the timer."""
    return boot.main(host, [boot.DRIFT])


def writes(host: FakeHost, since: int) -> list[str]:
    """Changes but those of what drift itself keeps."""
    return [line for line in host.log[since:] if "/run/baremetal-sriov/" not in line and "/journal/" not in line]


def lose_vfs(host: FakeHost) -> None:
    """A reset of the PF."""
    host._set_numvfs(PF1, "0")


def lose_driver(host: FakeHost) -> None:
    host._unbind(host.vf_address(PF2, 3))


def lose_kernels_driver(host: FakeHost) -> None:
    host._unbind(host.vf_address(PF1, 2))


def other_vlan(host: FakeHost) -> None:
    host.pfs[PF1].settings[0]["vlan"] = 7


def other_count(host: FakeHost) -> None:
    host._set_numvfs(PF1, "0")
    host._set_numvfs(PF1, "2")


def other_driver(host: FakeHost) -> None:
    vf = host.vf_address(PF2, 5)
    host._unbind(vf)
    host._bind(vf, "igbvf")


def to_a_pod(host: FakeHost) -> None:
    host.move_away(host.vf_address(PF1, 1))


def killed_pass(host: FakeHost) -> None:
    with contextlib.suppress(Killed), host.mortal(4):
        drift(host)


LOST: list[Change] = [lose_vfs, lose_driver, lose_kernels_driver]
OTHERS: list[Change] = [other_vlan, other_count, other_driver]
CHANGES: list[Change] = [*LOST, *OTHERS, to_a_pod, drift, killed_pass]


def held(host: FakeHost) -> bool:
    """Whether a pod has VF 1 of the first PF."""
    if host.numvfs(PF1) < 2 or drivers(host, PF1)[1] != "igbvf":
        return False
    return not [*host.real(f"sys/bus/pci/devices/{host.vf_address(PF1, 1)}/net").glob("*")]


def sequence(changes: Sequence[Change], mode: str) -> None:
    """Nothing that a pod has is written to, what is lost is made again, and a second pass is idle.

    Raises AssertionError where that is not so.
    """
    with TemporaryHost() as host:
        present(host, [VLAN, DPDK], drift=mode)
        for change in changes:
            if host.numvfs(PF1) == 4 or change in (drift, killed_pass):
                change(host)
            host.clock += 1300  # three repairs within an hour are another test's
        lost, taken, since = host.numvfs(PF1) == 0, held(host), len(host.log)
        assert drift(host) == 0
        done = writes(host, since)
        assert not done or mode != "report", done
        assert not (taken and [line for line in done if host.vf_address(PF1, 1) in line]), done
        if mode != "report":
            assert None not in drivers(host, PF1) + drivers(host, PF2)
            assert not lost or host.numvfs(PF1) == 4
        since = len(host.log)
        assert drift(host) == 0 and writes(host, since) == []


def drawn(seed: int) -> tuple[list[Change], str]:
    """A sequence by a seed."""
    rng = random.Random(seed)
    return rng.choices(CHANGES, k=rng.randint(1, 8)), rng.choice(MODES)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn changes of VFs while a pod asks the kubelet for one at a drawn host call, and kills at drawn changes: whoever
got a VF keeps it untouched, and in the end all is offered again.
"""

from __future__ import annotations

import contextlib
import random
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError, TakenError
from support.fake_base import Killed
from support.fake_offers import WITHDRAWN, HostWithKubelet
from support.node_runs import DPDK, KERNEL, PF1, PF2, make_host, present

POOLS = {"baremetal.sriov/kernel": [PF1], "baremetal.sriov/dpdk": [PF2]}
KINDS = ("netdevice", "netdevice", "vfio-pci")


class Watched(HostWithKubelet):
    """Notes each change of a VF that a pod was given before: at most the call that was under way may be one."""

    touched: list[str]

    def change(self, what: str) -> int:
        if self.given and self.calls > self.given and any(part in what for part in self._about()):
            self.touched = [*getattr(self, "touched", []), what]
        return super().change(what)

    def _about(self) -> tuple[str, ...]:
        pf, index = next((pf, i) for pf in self.pfs for i in range(8) if self.vf_address(pf, i) == self.wanted)
        name = self.pfs[pf].name
        return (f"{pf}/sriov_numvfs=", f"/{self.wanted}/", f"={self.wanted}", f"dev {name} vf {index} ",
                f"dev {name} mtu", f"dev {name}v{index} ")  # fmt: skip


def draw(rng: random.Random) -> list[dict[str, Any]]:
    """Two policies, each with a count, a driver, and perhaps settings."""
    found: list[dict[str, Any]] = []
    for base in (KERNEL, {**DPDK, "device_type": "netdevice"}):
        policy = {**base, "num_vfs": rng.randint(2, 7), "device_type": rng.choice(KINDS)}
        if rng.random() < 0.4:
            policy["vfs"] = [{"indices": rng.randrange(2), "mac": f"02:00:00:00:aa:{rng.randrange(256):02x}"}]
        if policy["device_type"] == "netdevice" and rng.random() < 0.3:
            policy["mtu"] = rng.choice([2000, 9000])
        found.append(policy)
    return found


def one(root: Path, rng: random.Random) -> str:
    """What became of one change: given, refused or killed. Raises AssertionError for a VF that was touched."""
    host = make_host(root, kind=Watched)
    assert isinstance(host, Watched)
    before, after = draw(rng), draw(rng)
    present(host, before)
    host.serve(POOLS)
    host.plugin_seconds, host.kubelet_seconds = rng.uniform(0.1, 3), rng.uniform(0.1, 3)
    number = rng.randint(1, 70)
    host.wanted, host.calls = host.vf_address(rng.choice([PF1, PF2]), rng.randrange(2)), 0
    host.when = lambda call, what: call >= number  # type: ignore[method-assign, assignment]
    came = "refused"
    with contextlib.suppress(RefusedError, TakenError):
        try:
            with host.mortal(rng.randint(1, 40) if rng.random() < 0.3 else 10**6):
                present(host, after)
        except Killed:
            came = "killed"
            with contextlib.suppress(RefusedError, TakenError):
                present(host, after)
    touched = getattr(host, "touched", [])
    assert not touched, f"given before call {host.given}: {touched}"
    assert host.given or not host.exists(WITHDRAWN), "nothing is withheld for ever"
    return "given" if host.given else came


def changes(root: Path, count: int, seed: int) -> dict[str, int]:
    """How many of each kind."""
    rng, found = random.Random(seed), {"given": 0, "refused": 0, "killed": 0}
    for number in range(count):
        folder = root / str(number)
        try:
            found[one(folder, rng)] += 1
        except AssertionError as error:
            raise AssertionError(f"change {number} of seed {seed}: {error}") from error
        shutil.rmtree(folder)
    return found

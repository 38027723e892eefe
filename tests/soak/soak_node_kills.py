# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of sriov_node on the reacting fake host, each in a process that SIGKILL ends at a random moment; then a rerun.

Ends with status 1 where a rerun does not end where it should, where something is
left over, or where a teardown does not give back what was there. Needs no node.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, PLUGIN, absent, drivers, present, snapshot, somebody_makes

Act = Callable[[], Any]
TEARDOWN = 0.25  # the share of rounds that end with one
WORDS = {"adopt": True, "policies_may_be_empty": True}  # what the user says to each run
CONFIG = "etc/pcidp/config.json"


class KillableHost(FakeHost):
    """A fake whose kernel and commands go on to their end, and are remembered, when the process that called is killed.
    """

    def __init__(self, root: Path, memory: Path) -> None:
        self.memory = memory
        self.inside = 0
        self.due = False
        super().__init__(root)

    def remember(self) -> None:
        """Write down what a kernel would know."""
        self.memory.write_bytes(pickle.dumps((self.pfs, self.nets, self.probing)))

    def recall(self) -> None:
        """The inverse, in the process that goes on."""
        self.pfs, self.nets, self.probing = pickle.loads(self.memory.read_bytes())

    def die_in(self, seconds: float) -> None:
        """SIGKILL this process then, as soon as the kernel returns to it."""

        def die(*_: object) -> None:
            self.due = True
            self._die_if_due()

        signal.signal(signal.SIGALRM, die)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _die_if_due(self) -> None:
        if self.due and not self.inside:
            os.kill(os.getpid(), signal.SIGKILL)

    def _in_kernel(self, act: Act) -> Any:
        self.inside += 1
        try:
            return act()
        finally:
            if self.inside == 1:
                self.remember()
            self.inside -= 1
            self._die_if_due()

    def write_attribute(self, path: str, value: str, seconds: float = 60.0) -> None:
        self._in_kernel(lambda: super(KillableHost, self).write_attribute(path, value, seconds))

    def run(self, argv: Any, **options: Any) -> Any:
        return self._in_kernel(lambda: super(KillableHost, self).run(argv, **options))


def make_host(root: Path) -> KillableHost:
    """Two PFs; one has VFs of somebody's, and the device plugin's configuration is somebody's as well."""
    host = KillableHost(root / "host", root / "memory")
    host.add_pf(PF1, "enp1s0")
    host.add_pf(PF2, "enp2s0")
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on iommu=pt"\n')
    host.available.add("uio_pci_generic")
    host.active.add(PLUGIN)
    somebody_makes(host, 2)
    host.pfs[PF1].settings[1].update(vlan=7, trust=True)
    host.put(CONFIG, "{}\n")
    (host.base / CONFIG).chmod(0o600)
    host.remember()
    return host


def draw_policies(rng: random.Random) -> list[dict[str, Any]]:
    """Policies for none, one or both PFs."""
    count, kind = rng.randint(1, 7), rng.choice(["netdevice", "vfio-pci", "uio_pci_generic"])
    split = rng.randrange(count)
    first = {**KERNEL, "num_vfs": count, "device_type": kind,
             "vfs": [{"indices": 0, "mac": f"02:00:00:00:aa:{rng.randrange(256):02x}", "vlan": rng.randrange(4095)}]}
    if split:
        first["nic_selector"] = {"pf_names": [f"enp1s0#0-{split - 1}"]}
    if kind == "netdevice" and rng.random() < 0.5:
        first["mtu"] = rng.choice([1500, 2000, 9000])
    second = {**DPDK, "num_vfs": rng.randint(1, 7)}
    return [policy for policy in (first, second) if rng.random() < 0.8]


def killed(host: KillableHost, act: Act, seconds: float) -> bool:
    """Act in a process of its own that is killed after so long; False where it had ended by then."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            host.die_in(seconds)
            act()
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            status = 0
        finally:
            os._exit(status)
    _pid, status = os.waitpid(child, 0)
    host.recall()
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError("the run failed by itself; its error stands above")
    return False


def left_over(host: KillableHost) -> list[str]:
    """Half-written files, and the journal of a run that has ended."""
    names = [str(path) for path in host.base.rglob(".*.baremetal-sriov-new")]
    return names + [str(path) for path in host.base.glob("var/lib/baremetal-sriov/journal/*")]


def check(host: KillableHost, policies: list[dict[str, Any]]) -> None:
    """Where the rerun ended. Raises RuntimeError."""
    again = present(host, policies, **WORDS).plan.steps
    if again or left_over(host):
        raise RuntimeError(f"after the rerun: steps {again}, left over {left_over(host)}")
    for policy in policies:
        pf = PF1 if policy["name"] == KERNEL["name"] else PF2
        kinds = {"netdevice": "igbvf"}
        wanted = kinds.get(policy["device_type"], policy["device_type"])
        if host.numvfs(pf) != policy["num_vfs"] or drivers(host, pf)[0] != wanted:
            raise RuntimeError(f"{pf} has {drivers(host, pf)}, wanted {policy}")


def one_round(host: KillableHost, before: Any, rng: random.Random, length: float) -> bool:
    """A run, perhaps killed; a rerun; the same for a teardown now and then. True where something was killed."""
    host.log.clear()
    policies = draw_policies(rng)
    hit = killed(host, lambda: present(host, policies, **WORDS), rng.uniform(0.0, length))
    present(host, policies, **WORDS)
    check(host, policies)
    if rng.random() < TEARDOWN:
        hit = killed(host, lambda: absent(host), rng.uniform(0.0, length)) or hit
        absent(host)
        after = (snapshot(host), (host.base / CONFIG).stat().st_mode, left_over(host))
        if after != before:
            raise RuntimeError(f"teardown: was {before}, is {after}")
    return hit


def main(count: int, seed: int) -> None:
    """Rounds until so many were killed."""
    rng = random.Random(seed)
    memory = "/dev/shm"  # where fsync costs nothing
    root = Path(tempfile.mkdtemp(prefix="baremetal-sriov-kills-", dir=memory if os.path.isdir(memory) else None))
    try:
        host = make_host(root)
        before = (snapshot(host), (host.base / CONFIG).stat().st_mode, left_over(host))
        started = time.monotonic()
        present(host, [KERNEL, DPDK], adopt=True)
        length = 1.2 * (time.monotonic() - started)
        kills = rounds = 0
        while kills < count:
            rounds += 1
            kills += one_round(host, before, rng, length)
            if kills % 50 == 0 or kills == count:
                print(f"{kills}/{count} killed in {rounds} rounds, {time.monotonic() - started:.0f} s", flush=True)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="kills (1000)")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    main(options.count, options.seed)

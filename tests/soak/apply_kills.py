# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the node: changes of all its VFs, each killed at a drawn moment and then run again.

Usage: apply_kills.py COUNT SEED. A round draws VFs and their settings for each PF, starts the change, kills it with
SIGKILL, and runs it to its end. Then nothing may be left to do, no journal be left, and the record of the
original state be the same. Ends with status 1 and the difference where that is not so. At the end the node is as its
specification says.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from typing import Any

sys.path.insert(0, "/usr/lib/baremetal-sriov/lib")
boot, host, goals, concerns, run, record = (
    importlib.import_module(f"baremetal_sriov.{name}")
    for name in ("node.boot", "host.host", "model.goal", "node.concerns", "node.run", "record.record")
)
MTUS = (1500, 2000)
DRIVERS = (goals.DEFAULT_DRIVER, "vfio-pci")
FIRST_GUESS = 3.0  # seconds that a change takes, until one was measured


def drawn(rng: random.Random, whole: Any) -> Any:
    """The specification with another number of VFs, another driver and MTU for each PF, and a MAC for its last VF.

    For a MAC the VF's driver is bound again, and udev renames the interface meanwhile.
    """
    pfs = []
    for number, pf in enumerate(whole.pfs):
        count, driver, mtu = rng.randint(1, 7), rng.choice(DRIVERS), rng.choice(MTUS)
        settings = replace(pf.settings[0], driver=driver, mtu=mtu)
        mac = f"02:00:00:00:{number:02x}:{rng.randrange(256):02x}"
        last = replace(settings, attributes=replace(settings.attributes, mac=mac))
        vfs = (*((index, settings) for index in range(count - 1)), (count - 1, last))
        pfs.append(replace(pf, num_vfs=count, mtu=mtu, exact=True, vfs=vfs))
    return replace(whole, pfs=tuple(pfs))


def without_vfs(whole: Any) -> Any:
    """The specification without VFs, and with the MTUs that the PFs have now: what the rounds set is gone with it."""
    state = run.run(host.Host(), lambda _state: whole, concerns.RUNTIME, check=True).last.state
    pfs = (replace(pf, num_vfs=0, vfs=(), mtu=state.pf(pf.address).mtu, exact=True) for pf in whole.pfs)
    return replace(whole, pfs=tuple(pfs))


def start(goal: Any) -> int:
    """A process that brings the node to the goal; its id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        run.run(host.Host(), lambda _state: goal, concerns.RUNTIME, check=False)
        status = 0
    finally:
        sys.stdout.flush()
        os._exit(status)


def finish(pid: int) -> None:
    """Wait for a process. Raises RuntimeError where it failed; its error is on the standard error stream."""
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise RuntimeError("the run after the kill failed")


def wrong(goal: Any, original: bytes) -> list[str]:
    """What is not as it should be."""
    here = host.Host()
    plan = run.run(here, lambda _state: goal, concerns.RUNTIME, check=True).plan
    found = [f"{step.target}: {step.action} is left to do" for step in plan.steps]
    if os.path.exists(record.JOURNAL):
        found.append(f"{record.JOURNAL} is left")
    for pf in goal.pfs:
        with open(f"/sys/bus/pci/devices/{pf.address}/sriov_numvfs") as stream:
            count = int(stream.read())
        if count != pf.num_vfs:
            found.append(f"{pf.address} has {count} VFs, expected {pf.num_vfs}")
    with open(record.ORIGINAL, "rb") as stream:
        return found + changed(json.loads(original), json.loads(stream.read()), record.ORIGINAL)


def changed(before: Any, now: Any, where: str) -> list[str]:
    """What the record says otherwise. It may gain what is changed for the first time, autoprobe of a PF for one."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [text for key in before for text in changed(before[key], now.get(key), f"{where}: {key}")]
    return [] if before in (None, now) else [f"{where} was {before!r} and is {now!r}"]


def main(count: int, seed: int) -> int:
    """Rounds until so many changes were killed, and back to the specification."""
    rng = random.Random(seed)
    whole = boot.load_goal(host.Host())
    with open(record.ORIGINAL, "rb") as stream:
        original = stream.read()
    usual, bare = FIRST_GUESS, without_vfs(whole)
    kills = number = 0
    while kills < count:
        number += 1
        goal = drawn(rng, whole)
        pid, moment = start(goal), rng.random() * usual
        time.sleep(moment)
        os.kill(pid, signal.SIGKILL)
        killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        kills += killed
        began = time.monotonic()
        finish(start(goal))
        seconds = time.monotonic() - began
        usual = max(usual, seconds)
        found = wrong(goal, original)
        if found:
            sys.stderr.write(f"round {number} of seed {seed}, killed after {moment:.2f} s: {'; '.join(found)}\n")
            return 1
        what = f"killed after {moment:.2f} s" if killed else f"done before {moment:.2f} s"
        print(f"{kills}/{count}: {what}, brought to its end in {seconds:.1f} s", flush=True)
    for goal in (bare, whole):
        finish(start(goal))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))

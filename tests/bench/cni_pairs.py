# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times CNI plugins side by side, here or on the emulated node; needs nothing but the standard library.

Reads a plan from stdin. {"rounds": N, "commands": {NAME: argv}, "environment": {}} times plain programs.
{"rounds": N, "sides": {NAME: [CALL ..]}, "busy": M}, a CALL being {"program": path, "config": object}: in
each round each side, one after the other, makes a network namespace for each of its calls, starts all its ADDs at
once, waits for them, and does the same with DEL; each round begins with another side, so that what one leaves behind it
is not always the same one's. M processes do nothing but keep a CPU busy meanwhile. Prints
{NAME: {"ADD": [seconds], "DEL": [seconds], "each ADD": [seconds], "each DEL": [seconds]}}, a time being that from the
first start to the last end of a round, or that of one call.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

Call = dict[str, Any]
Starter = Callable[[Call, str, str, int, int], "tuple[int, float]"]  # as start()
_CNI_PATH = "/opt/cni/bin:/usr/lib/cni"


class Failure(Exception):
    """A plugin did not do what it was asked."""


def environment_of(command: str, container: str) -> dict[str, str]:
    """A call's."""
    return {"CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_IFNAME": "net1", "CNI_PATH": _CNI_PATH,
            "CNI_NETNS": f"/run/netns/{container}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "BENCH_SPAWNED": repr(time.monotonic())}


def start(call: Call, command: str, container: str, stdin: int, stdout: int) -> tuple[int, float]:
    """Start one plugin as a runtime does; its process id, and when it was started."""
    actions = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stdout, 2)]
    at, environment = time.perf_counter(), environment_of(command, container)
    return os.posix_spawn(call["program"], [call["program"]], environment, file_actions=actions), at


def together(calls: list[Call], command: str, containers: list[str], starter: Starter = start) -> list[float]:
    """Seconds for all calls at once, then those of each. Raises Failure."""
    with contextlib.ExitStack() as stack:
        files = []
        for call in calls:
            stdin, stdout = (stack.enter_context(tempfile.TemporaryFile()) for _turn in range(2))
            stdin.write(json.dumps(call["config"]).encode())
            stdin.seek(0)
            files.append((stdin, stdout))
        return _timed(calls, command, containers, files, starter)


def _timed(
    calls: list[Call], command: str, containers: list[str], files: list[Any], starter: Starter
) -> list[float]:
    started: dict[int, float] = {}
    ended: dict[int, tuple[float, int]] = {}
    for call, container, (stdin, stdout) in zip(calls, containers, files):
        pid, at = starter(call, command, container, stdin.fileno(), stdout.fileno())
        started[pid] = at
    while ended.keys() != started.keys():
        pid, status = os.wait()
        if pid in started:  # else what keeps a CPU busy
            ended[pid] = time.perf_counter(), status
    for pid, call, (_stdin, stdout) in zip(started, calls, files):
        stdout.seek(0)
        said = stdout.read().decode("utf-8", "replace")
        if ended[pid][1] != 0:
            raise Failure(f"{call['program']} {command}: status {ended[pid][1]}: {said}")
    whole = max(at for at, _status in ended.values()) - min(started.values())
    return [whole, *(ended[pid][0] - at for pid, at in started.items())]


def once(name: str, calls: list[Call], turn: int, starter: Starter = start) -> tuple[list[float], list[float]]:
    """Seconds of ADD and of DEL, as together() tells them."""
    containers = [f"bench-{name}-{turn}-{number}" for number in range(len(calls))]
    for container in containers:
        subprocess.run(["ip", "netns", "add", container], check=True, timeout=60)
    try:
        add = together(calls, "ADD", containers, starter)
        delete = together(calls, "DEL", containers, starter)
    finally:
        for container in containers:
            subprocess.run(["ip", "netns", "del", container], check=False, timeout=60)
    return add, delete


def commands(rounds: int, argvs: dict[str, list[str]], environment: dict[str, str]) -> dict[str, list[float]]:
    """Seconds of programs that are started one after the other, in each round; the first round is not counted."""
    found: dict[str, list[float]] = {name: [] for name in argvs}
    with open(os.devnull, "r+b") as null:
        actions = [(os.POSIX_SPAWN_DUP2, null.fileno(), number) for number in range(2)]
        for turn in range(rounds + 1):
            for name, argv in argvs.items():
                started = time.perf_counter()
                pid = os.posix_spawn(argv[0], argv, environment, file_actions=actions)
                status = os.waitpid(pid, 0)[1]
                if status != 0:
                    raise Failure(f"{argv}: status {status}")
                if turn:
                    found[name].append(time.perf_counter() - started)
    return found


@contextlib.contextmanager
def load(count: int) -> Iterator[None]:
    """So many processes that keep a CPU busy."""
    argv = ["/bin/sh", "-c", "while :; do :; done"]
    running = [os.posix_spawn(argv[0], argv, {}) for _turn in range(count)]
    try:
        yield
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def measure(
    rounds: int, sides: dict[str, list[Call]], busy: int = 0, starter: Starter = start
) -> dict[str, dict[str, list[float]]]:
    """All rounds; the first one warms caches up and is not counted."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in sides}
    names = list(sides)
    with load(busy):
        for turn in range(rounds + 1):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                times = once(name, sides[name], turn, starter)
                for command, (whole, *each) in zip(("ADD", "DEL"), times) if turn else ():
                    found[name].setdefault(command, []).append(whole)
                    found[name].setdefault(f"each {command}", []).extend(each)
    return found


if __name__ == "__main__":
    plan = json.load(sys.stdin)
    if "commands" in plan:
        print(json.dumps(commands(plan["rounds"], plan["commands"], plan["environment"])))
    else:
        print(json.dumps(measure(plan["rounds"], plan["sides"], plan.get("busy", 0))))

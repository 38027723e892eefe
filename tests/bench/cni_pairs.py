# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times CNI plugins side by side, here or on the emulated node; needs nothing but the standard library.

Reads a plan from stdin. {"rounds": N, "commands": {NAME: argv}, "environment": {}} times plain programs.
{"rounds": N, "sides": {NAME: [CALL ..]}}, a CALL being {"program": path, "config": object}: in
each round each side, one after the other, makes a network namespace for each of its calls, starts all its ADDs at
once, waits for them, and does the same with DEL. Prints {NAME: {"ADD": [seconds], "DEL": [seconds]}},
a time being that from the first start to the last end.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

Call = dict[str, Any]
_CNI_PATH = "/opt/cni/bin:/usr/lib/cni"


class Failure(Exception):
    """A plugin did not do what it was asked."""


def start(call: Call, command: str, container: str, stdin: int, stdout: int) -> int:
    """Start one plugin as a runtime does; its process id."""
    environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_IFNAME": "net1", "CNI_PATH": _CNI_PATH,
                   "CNI_NETNS": f"/run/netns/{container}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                   "BENCH_SPAWNED": repr(time.monotonic())}
    actions = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stdout, 2)]
    return os.posix_spawn(call["program"], [call["program"]], environment, file_actions=actions)


def together(calls: list[Call], command: str, containers: list[str]) -> float:
    """Seconds for all calls at once. Raises Failure."""
    with contextlib.ExitStack() as stack:
        files = []
        for call in calls:
            stdin, stdout = (stack.enter_context(tempfile.TemporaryFile()) for _turn in range(2))
            stdin.write(json.dumps(call["config"]).encode())
            stdin.seek(0)
            files.append((stdin, stdout))
        return _timed(calls, command, containers, files)


def _timed(calls: list[Call], command: str, containers: list[str], files: list[Any]) -> float:
    started = time.perf_counter()
    pids = [start(call, command, container, stdin.fileno(), stdout.fileno())
            for call, container, (stdin, stdout) in zip(calls, containers, files)]
    statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    seconds = time.perf_counter() - started
    for call, status, (_stdin, stdout) in zip(calls, statuses, files):
        stdout.seek(0)
        said = stdout.read().decode("utf-8", "replace")
        if status != 0:
            raise Failure(f"{call['program']} {command}: status {status}: {said}")
    return seconds


def once(name: str, calls: list[Call], turn: int) -> tuple[float, float]:
    """Seconds of ADD and of DEL."""
    containers = [f"bench-{name}-{turn}-{number}" for number in range(len(calls))]
    for container in containers:
        subprocess.run(["ip", "netns", "add", container], check=True, timeout=60)
    try:
        add = together(calls, "ADD", containers)
        delete = together(calls, "DEL", containers)
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


def measure(rounds: int, sides: dict[str, list[Call]]) -> dict[str, dict[str, list[float]]]:
    """All rounds; the first one warms caches up and is not counted."""
    found: dict[str, dict[str, list[float]]] = {name: {"ADD": [], "DEL": []} for name in sides}
    for turn in range(rounds + 1):
        for name, calls in sides.items():
            add, delete = once(name, calls, turn)
            if turn:
                found[name]["ADD"].append(add)
                found[name]["DEL"].append(delete)
    return found


if __name__ == "__main__":
    plan = json.load(sys.stdin)
    if "commands" in plan:
        print(json.dumps(commands(plan["rounds"], plan["commands"], plan["environment"])))
    else:
        print(json.dumps(measure(plan["rounds"], plan["sides"])))

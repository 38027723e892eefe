# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin is killed at a system call that writes, drawn by chance; then DEL, and the VF is as it was.

Here, in a namespace with a veth in the VF's place and host-local for addresses, as root; strace injects SIGKILL. Where
the service serves the call, the client or the worker is killed after a time drawn by chance, in the middle of its work.
Each repetition is a kill in each of both ways, and ten cycles of ADD and DEL without one, by the service.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import cni_native

# What changes something: on disk, in the kernel over netlink, another process. The count is each process' own.
WRITING = "sendto,write,rename,unlink,mkdir,fsync,flock,setns,vfork,clone,clone3,memfd_create,sendmsg"
MOST = {"ADD": 9, "DEL": 6}  # system calls of WRITING in a call of the plugin; some kinds count by themselves
CYCLES = 10
LONGEST = 0.06  # seconds; a call takes less
TRY_AGAIN = 11  # the code of a client whose worker was killed
ALTNAME, MTU = "benchvfalt", 1400


class Wrong(Exception):
    """Something is not as it was."""


@dataclass(frozen=True)
class AtCall:
    """SIGKILL at the process' system call of WRITING with this number."""

    number: int

    def traced(self, program: str) -> list[str]:
        """The command line that does it."""
        inject = f"inject={WRITING}:signal=KILL:when={self.number}"
        return ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", inject, program]

    def __str__(self) -> str:
        return f"at system call {self.number}"


@dataclass(frozen=True)
class AfterTime:
    """SIGKILL to the client this long after it was started, or to the worker this long after it took the request."""

    seconds: float
    whom: str

    def strike(self, client: subprocess.Popen[str], stdin: str, service: cni_native.Service) -> None:
        """Wait, and do it, unless it has ended. stdin: the client's, which its worker has from it."""
        if self.whom == "client":
            time.sleep(self.seconds)
            client.kill()
            return
        while not _serving(service, stdin):
            if client.poll() is not None:
                return
            time.sleep(0.0005)
        time.sleep(self.seconds)
        for pid in _serving(service, stdin):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def __str__(self) -> str:
        return f"({self.whom}) after {1000 * self.seconds:.1f} ms"


Kill = Union[AtCall, AfterTime]


def _serving(service: cni_native.Service, stdin: str) -> list[int]:
    """The worker that has this standard input from its client."""
    found = []
    for pid in service.workers():
        with suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/fd/0") == stdin:
                found.append(pid)
    return found


def _full_pipe(data: bytes) -> int:
    """A pipe's end to read `data` from, all of which is in it: nobody waits for us while a kill is on its way."""
    end, start = os.pipe()
    os.write(start, data)
    os.close(start)
    return end


class Victim:
    """The plugin, installed in a folder of its own, and a VF. `service` keeps it loaded."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.program = cni_native.install_for_veth(base)
        self.service = cni_native.Service(self.program)
        cni_native.links()
        subprocess.run(["ip", "link", "property", "add", "dev", cni_native.VF_NAME, "altname", ALTNAME], check=True)
        self.config = cni_native.sides(self.program, base / "leases")["ours"][0]["config"]
        self.config["mtu"] = MTU

    def call(self, command: str, netns: str, kill: Kill | None = None, warm: bool = False) -> bool:
        """False where it was killed, as `kill` says. Raises Wrong where it failed else."""
        program = str(self.service.program if warm else self.program)
        argv = kill.traced(program) if isinstance(kill, AtCall) else [program]
        environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": netns, "CNI_IFNAME": "net1",
                       "CNI_NETNS": f"/run/netns/{netns}", "CNI_PATH": "/usr/lib/cni",
                       "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        stdin = _full_pipe(json.dumps(self.config).encode())
        started = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment)  # fmt: skip
        if isinstance(kill, AfterTime):
            kill.strike(started, os.readlink(f"/proc/self/fd/{stdin}"), self.service)
        os.close(stdin)
        out, err = started.communicate(timeout=120)
        if started.returncode < 0 or (kill is not None and started.returncode and json.loads(out)["code"] == TRY_AGAIN):
            return False
        if started.returncode:
            raise Wrong(f"{command}: {out} {err}")
        return True

    def state(self) -> dict[str, Any]:
        """What must be as before: the VF's interface, journals, leases, and programs that still run."""
        text = subprocess.run(["ip", "-j", "-d", "link", "show"], check=True, capture_output=True, text=True).stdout
        links = [link for link in json.loads(text) if link["ifname"].startswith("benchvf") and "altnames" in link]
        keys = ("ifname", "address", "mtu", "altnames", "promiscuity")
        leases = self.base / "leases" / self.config["name"]
        journal = self.base / "state" / "journal"
        return {
            "vf": [{**{key: link[key] for key in keys}, "up": "UP" in link["flags"]} for link in links],
            "journal": sorted(n for n in os.listdir(journal) if n[0] != ".") if journal.is_dir() else [],
            "leases": sorted(n for n in os.listdir(leases) if n[0].isdigit()) if leases.is_dir() else [],
        }

    def round(self, command: str, kill: Kill | None, warm: bool = False) -> bool:
        """Kill `command`, or not (None), then DEL twice. True where it was killed. Raises Wrong."""
        before = self.state()
        netns = f"kill-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", netns], check=True, timeout=60)
        try:
            if command == "DEL":
                self.call("ADD", netns, warm=warm)
            killed = not self.call(command, netns, kill, warm)
            self.call("DEL", netns, warm=warm)
            self.call("DEL", netns, warm=warm)
        finally:
            subprocess.run(["ip", "netns", "del", netns], check=False, timeout=60)
        after = self.state()
        if after != before:
            raise Wrong(f"{command} killed {kill}: was {before}, is {after}")
        return killed


@contextmanager
def victim() -> Iterator[Victim]:
    """One in a namespace of its own, which this process is in meanwhile."""
    with tempfile.TemporaryDirectory(prefix="cni-kills-") as folder, cni_native.namespace():
        made = Victim(Path(folder))
        with made.service:
            yield made


def run(count: int, seed: int) -> None:
    """All rounds; says what was done. Raises Wrong."""
    rng = random.Random(seed)
    kills = warm_kills = 0
    with victim() as plugin:
        for number in range(1, count + 1):
            command = rng.choice(["ADD", "ADD", "DEL"])
            at_call = AtCall(rng.randrange(1, MOST[command] + 1))
            killed = plugin.round(command, at_call)
            after = AfterTime(rng.uniform(0, LONGEST), rng.choice(["client", "worker"]))
            warm_killed = plugin.round(command, after, warm=True)
            for _turn in range(CYCLES):
                plugin.round("ADD", None, warm=True)
            kills, warm_kills = kills + killed, warm_kills + warm_killed
            print(f"{number}/{count}: {command} {'' if killed else 'not '}killed {at_call}, "
                  f"{'' if warm_killed else 'not '}killed {after}", flush=True)
    print(f"{kills} + {warm_kills} kills, {count * CYCLES} cycles, nothing lost, nothing left")


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="repetitions (1000)")
    parser.add_argument("--seed", type=int, default=1, help="the random seed (1)")
    options = parser.parse_args()
    run(options.count, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin is killed at a system call that writes, drawn by chance; then DEL, and the VF is as it was.

Here, in a namespace with a veth in the VF's place and host-local for addresses; strace injects SIGKILL, as root. Each
repetition is a kill and ten cycles of ADD and DEL without one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

import cni_native

# What changes something: on disk, in the kernel over netlink, another process. The count is each process' own.
WRITING = "sendto,write,rename,unlink,mkdir,fsync,flock,setns,vfork,clone,clone3,memfd_create,sendmsg"
MOST = {"ADD": 9, "DEL": 6}  # system calls of WRITING in a call of the plugin; some kinds count by themselves
CYCLES = 10
ALTNAME, MTU = "benchvfalt", 1400


class Wrong(Exception):
    """Something is not as it was."""


class Victim:
    """The plugin, installed in a folder of its own, and a VF."""

    def __init__(self, base: Path) -> None:
        self.base = base
        cni_native.install(base)
        self.program = cni_native.install_for_veth(base)
        cni_native.links()
        subprocess.run(["ip", "link", "property", "add", "dev", cni_native.VF_NAME, "altname", ALTNAME], check=True)
        self.config = cni_native.sides(self.program, base / "leases")["ours"][0]["config"]
        self.config["mtu"] = MTU

    def call(self, command: str, netns: str, kill_at: int = 0) -> int:
        """The exit code; negative where the plugin was killed at its system call number `kill_at`."""
        argv = [str(self.program)]
        if kill_at:
            inject = f"inject={WRITING}:signal=KILL:when={kill_at}"
            argv = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", inject, *argv]
        environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": netns, "CNI_IFNAME": "net1",
                       "CNI_NETNS": f"/run/netns/{netns}", "CNI_PATH": "/usr/lib/cni",
                       "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        done = subprocess.run(argv, input=json.dumps(self.config), capture_output=True, text=True, timeout=120,
                              env=environment, check=False)
        if not kill_at and done.returncode:
            raise Wrong(f"{command}: {done.stdout} {done.stderr}")
        return done.returncode

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

    def round(self, command: str, kill_at: int) -> bool:
        """Kill `command` at a system call, or not (0), then DEL twice. True where it was killed. Raises Wrong."""
        before = self.state()
        netns = f"kill-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", netns], check=True, timeout=60)
        try:
            if command == "DEL":
                self.call("ADD", netns)
            killed = self.call(command, netns, kill_at) < 0
            self.call("DEL", netns)
            self.call("DEL", netns)
        finally:
            subprocess.run(["ip", "netns", "del", netns], check=False, timeout=60)
        after = self.state()
        if after != before:
            raise Wrong(f"{command} killed at {kill_at}: was {before}, is {after}")
        return killed


@contextmanager
def victim() -> Iterator[Victim]:
    """One in a namespace of its own, which this process is in meanwhile."""
    with tempfile.TemporaryDirectory(prefix="cni-kills-") as folder, cni_native.namespace():
        yield Victim(Path(folder))


def run(count: int, seed: int) -> None:
    """All rounds; says what was done. Raises Wrong."""
    rng = random.Random(seed)
    kills = 0
    with victim() as plugin:
        for number in range(1, count + 1):
            command = rng.choice(["ADD", "ADD", "DEL"])
            kill_at = rng.randrange(1, MOST[command] + 1)
            killed = plugin.round(command, kill_at)
            for _turn in range(CYCLES):
                plugin.round("ADD", 0)
            kills += killed
            print(f"{number}/{count}: {command} {'' if killed else 'not '}killed at system call {kill_at}", flush=True)
    print(f"{kills} kills, {count * CYCLES} cycles, nothing lost, nothing left")


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

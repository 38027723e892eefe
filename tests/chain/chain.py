# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the chain's tests share: playbook runs, notes that outlive one pytest run, and looks at the node.

The tests run from Molecule's verify playbooks, on the controller, against the emulated node. Molecule gives
SRIOV_CHAIN_STATE (a folder for notes) and SRIOV_CHAIN_INVENTORY (inventories, with colons between them).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sriovlab.guest import Lab

ROOT = Path(__file__).resolve().parents[2]
PFS = {"enp1s0": "0000:01:00.0", "enp2s0": "0000:02:00.0"}
PREFIX = "baremetal.sriov"
PLUGIN = "baremetal-sriov-device-plugin.service"
PLAYBOOK_SECONDS = 1800
# Everything that somebody configures or installs; what the system itself writes while it runs is left out.
WATCHED = ("/etc", "/boot", "/opt", "/root", "/usr/lib/systemd", "/usr/lib/baremetal-sriov", "/usr/local",
           "/var/lib/baremetal-sriov", "/var/lib/cni/sriov", "/lib/modprobe.d", "/lib/udev")  # fmt: skip
VOLATILE = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/var/lib/etcd",
            "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/systemd", "/var/lib/cni/networks",
            "/var/cache")  # fmt: skip
# Ansible's own folder for what it copies; it is emptied after each task.
_OWN = "/root/.ansible"


def folder() -> Path:
    """Where notes are kept between the modules of one chain."""
    return Path(os.environ["SRIOV_CHAIN_STATE"])


def note(name: str, value: Any) -> None:
    """Keep a JSON value for a later module."""
    (folder() / f"{name}.json").write_text(json.dumps(value, indent=1))


def noted(name: str) -> Any:
    """A value that an earlier module, or a playbook, kept."""
    return json.loads((folder() / f"{name}.json").read_text())


@dataclass(frozen=True)
class Run:
    """One ansible-playbook run: exit status, output, and per host the recap's counts."""

    status: int
    output: str
    recap: dict[str, dict[str, int]]


def playbook(name: str, variables: dict[str, Any] | None = None, *options: str) -> Run:
    """Run a playbook of the collection by its full name, as a user would."""
    return run_playbook(f"{PREFIX}.{name}", variables, *options)


def run_playbook(
    path: str, variables: dict[str, Any] | None = None, *options: str, show: bool = False
) -> Run:
    """Run a playbook, a file's path or a full name, on the chain's inventory. show: print its output too."""
    inventories = os.environ["SRIOV_CHAIN_INVENTORY"].split(":")
    argv = [sys.executable, "-m", "ansible.cli.playbook", *(f"--inventory={item}" for item in inventories),
            path, "--extra-vars", json.dumps(variables or {}), *options]  # fmt: skip
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        deadline = threading.Timer(PLAYBOOK_SECONDS, process.kill)
        deadline.start()
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if show:
                print(line, end="", flush=True)
        status = process.wait()
        deadline.cancel()
    output = "".join(lines)
    recap = {}
    for host, counts in re.findall(r"^(\S+)\s+: (ok=.*)$", output, re.MULTILINE):
        recap[host] = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", counts)}
    return Run(status, output, recap)


def snapshot(lab: Lab) -> dict[str, list[Any]]:
    """Mode and checksum of every watched file, folder and link, in the form that a note has."""
    found = lab.snapshot_files(WATCHED)
    return {path: list(value) for path, value in found.items() if not path.startswith(_OWN)}


def difference(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> list[str]:
    """Sentences about what two snapshots do not share."""
    lines = [f"{path} is gone" for path in sorted(before.keys() - after.keys())]
    lines += [f"{path} is new" for path in sorted(after.keys() - before.keys())]
    lines += [
        f"{path} was {before[path]}, is {after[path]}"
        for path in sorted(before.keys() & after.keys())
        if before[path] != after[path]
    ]
    return lines


def written_since(lab: Lab, stamp: str) -> list[str]:
    """Files anywhere on the node's disk whose inode changed after the file `stamp` was made."""
    prune: list[str] = []
    for path in (*VOLATILE, _OWN):
        prune += ["-path", path, "-o"]
    done = lab.run(
        [
            "find",
            "/",
            "-xdev",
            "(",
            *prune[:-1],
            ")",
            "-prune",
            "-o",
            "-type",
            "f",
            "-cnewer",
            stamp,
            "-print",
        ]
    )
    return done.stdout.split()


def stamp(lab: Lab, path: str = "/run/chain-stamp") -> str:
    """Make the file that `written_since` compares with."""
    lab.run(["touch", path])
    # The kernel stamps inodes with the time of its last tick: leave that behind before anything is written.
    lab.run(["sleep", "0.1"])
    return path


def vfs(lab: Lab, pf: str) -> list[dict[str, str]]:
    """VFs of a PF by index: address, driver, net device and IOMMU group ('' where there is none)."""
    program = (
        "import glob, json, os, sys\n"
        "base = '/sys/class/net/%s/device' % sys.argv[1]\n"
        "name = lambda path: os.path.basename(os.readlink(path)) if os.path.islink(path) else ''\n"
        "found = []\n"
        "number = lambda path: int(path.rsplit('virtfn', 1)[1])\n"
        "for link in sorted(glob.glob(base + '/virtfn*'), key=number):\n"
        "    net = os.listdir(link + '/net') if os.path.isdir(link + '/net') else []\n"
        "    found.append({'address': name(link), 'driver': name(link + '/driver'), 'net': ''.join(net),\n"
        "                  'group': name(link + '/iommu_group')})\n"
        "print(json.dumps(found))\n"
    )
    found: list[dict[str, str]] = json.loads(lab.run(["python3", "-I", "-c", program, pf]).stdout)
    return found


def huge_pages(lab: Lab) -> int:
    """Huge pages of 2 MiB that the node has."""
    return int(lab.read("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"))


def num_vfs(lab: Lab) -> dict[str, int]:
    """sriov_numvfs of each PF."""
    return {pf: int(lab.read(f"/sys/bus/pci/devices/{address}/sriov_numvfs")) for pf, address in PFS.items()}


# Runs on the node: all commands are started before one is waited for.
_AT_ONCE = """\
import json, subprocess, sys
pipe = subprocess.PIPE
calls = json.load(sys.stdin)
started = [subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for argv, _given in calls]
for process, (_argv, given) in zip(started, calls):
    process.stdin.write(given)
    process.stdin.flush()
for process in started:
    process.stdin.close()
print(json.dumps([[process.stdout.read(), process.stderr.read(), process.wait()] for process in started]))
"""


def at_once(lab: Lab, calls: list[tuple[list[str], str]], timeout: float = 180.0) -> list[str]:
    """Run commands on the node at the same time, each with its standard input; what each printed.

    Raises AssertionError with the output of those that failed.
    """
    told = lab.run(["python3", "-I", "-c", _AT_ONCE], input=json.dumps(calls), timeout=timeout).stdout
    done: list[tuple[str, str, int]] = json.loads(told)
    failed = [(argv, found) for (argv, _given), found in zip(calls, done) if found[2]]
    assert not failed, failed
    return [output for output, _log, _status in done]


def boots(lab: Lab) -> int:
    """How many boots the node's journal knows."""
    lab.run(["journalctl", "--sync"])
    lines = lab.run(["journalctl", "--list-boots", "--no-pager", "--quiet"]).stdout.splitlines()
    return sum(bool(re.match(r"\s*-?\d+\s+[0-9a-f]{32}\s", line)) for line in lines)


def unit(lab: Lab, name: str, *properties: str) -> dict[str, str]:
    """Properties of a systemd unit."""
    done = lab.run(["systemctl", "show", name, *(f"--property={item}" for item in properties)])
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def offered(lab: Lab) -> dict[str, int]:
    """Our resources that the node's allocatable shows, without those that have gone to 0."""
    found = {name: int(count) for name, count in lab.allocatable().items() if name.startswith(f"{PREFIX}/")}
    return {name.partition("/")[2]: count for name, count in found.items() if count}


def registered(lab: Lab, pools: Iterable[str]) -> bool:
    """Whether the kubelet has taken these pools since it, or the device plugin, was started last.

    The API goes on telling what a kubelet said before its restart, so allocatable alone proves nothing.
    """
    names = ("kubelet.service", PLUGIN)
    started = [unit(lab, name, "ExecMainStartTimestamp", "ExecMainStartTimestampMonotonic") for name in names]
    last = max(started, key=lambda shown: int(shown["ExecMainStartTimestampMonotonic"]))
    told = lab.run(["journalctl", "--unit", names[1], "--since", last["ExecMainStartTimestamp"], "--output=cat"]).stdout
    return all(f"{PREFIX}/{pool}: registered with the kubelet" in told for pool in pools)


def wait_offered(lab: Lab, wanted: dict[str, int], timeout: float = 180.0) -> None:
    """Wait until the node offers just this, and the kubelet that runs now knows it."""
    lab.wait_for(f"registration of {sorted(wanted)}", lambda: registered(lab, wanted), timeout, every=2.0)
    wait_allocatable(lab, wanted, timeout)


def wait_allocatable(lab: Lab, wanted: dict[str, int], timeout: float = 60.0) -> None:
    """Wait until the node offers just this; the device plugin need not register again for it.

    The kubelet tells the API server every 2 s.
    """
    lab.wait_for(f"allocatable {wanted}", lambda: offered(lab) == wanted, timeout, every=1.0)

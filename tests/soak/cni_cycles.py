# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the node: cycles of CNI ADD and DEL on the VFs of all PFs, by two workers at once; every tenth is killed.

Usage: cni_cycles.py COUNT SEED. Each worker has VFs, namespaces and a network of its own, so that both are at the same
PFs but never at the same VF. After each cycle the VF must be as at the start: name, MAC, MTU, alternative names,
flags, and what its PF holds for it; no journal, no lease and no held lock may be left of it. What a cycle looks at is
read over netlink; `ip`, which knows nothing of our code, is asked before the first cycle and after the last. Ends with
status 1 and the difference where something is not so. The last line is JSON: what was done.
"""

from __future__ import annotations

import fcntl
import glob
import importlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

SRIOV = "/opt/cni/bin/sriov"
PROGRAM = "/usr/lib/baremetal-sriov/cni/sriov"


def code() -> str:
    """The folder of the installed version, which the program names."""
    with open(PROGRAM, encoding="utf-8") as program:
        found = re.search(r'"(/usr/lib/baremetal-sriov/cni/[0-9a-f]{12})"', program.read())
    assert found is not None, f"{PROGRAM} names no folder of a version"
    return found[1]


sys.path.insert(0, code())
netlink, messages = (importlib.import_module(f"sriov_cni.netlink.{name}") for name in ("socket", "messages"))
settings = importlib.import_module("sriov_cni.vf.settings")

STATE = "/var/lib/cni/sriov"
LEASES = "/var/lib/cni/networks"
WORKERS = 2
KILLS = 10  # one cycle in so many
CHECKED, NAMESPACE_FIRST, VFIO = 0.1, 0.05, 0.25  # shares of the cycles
FIRST_GUESS = 0.4  # seconds that a call takes, until one was measured
SETTLE = 2.0  # seconds for udev to have its say
KEPT_FLAGS = 0x1 | 0x100 | 0x200  # up, promiscuous, all multicast (linux/if.h)


class Wrong(Exception):
    """Something is not as it was."""


@dataclass(frozen=True)
class Vf:
    """A VF: its PF's name, index and PCI address."""

    pf: str
    index: int
    address: str


def vfs() -> tuple[list[Vf], list[Vf]]:
    """Those with an interface, and those that vfio-pci has."""
    kernel: list[Vf] = []
    vfio: list[Vf] = []
    for link in sorted(glob.glob("/sys/class/net/*/device/virtfn*")):
        vf = Vf(link.split("/")[4], int(link.rpartition("virtfn")[2]), os.path.basename(os.readlink(link)))
        (vfio if os.path.basename(os.readlink(f"{link}/driver")) == "vfio-pci" else kernel).append(vf)
    return kernel, vfio


def by_ip() -> dict[str, Any]:
    """All interfaces that have to do with PCI functions, as iproute2 tells of them."""
    done = subprocess.run(["ip", "-j", "-d", "link", "show"], check=True, capture_output=True, text=True, timeout=60)
    keys = ("address", "mtu", "altnames", "promiscuity", "allmulti", "vfinfo_list")
    return {link["ifname"]: {key: link.get(key) for key in keys} for link in json.loads(done.stdout)
            if link.get("parentbus") == "pci"}


def left_over(vfs_of: list[Vf]) -> list[str]:
    """Journals, leases, namespaces and processes of ours that are still there, and locks that somebody holds."""
    found = [f"the journal {name}" for name in os.listdir(f"{STATE}/journal")]
    found += [f"the lease {path}" for path in glob.glob(f"{LEASES}/soak-*/[0-9]*")]
    found += [f"the namespace {path}" for path in glob.glob("/run/netns/soak-*")]
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as stream:
                words = stream.read().split(b"\0")
        except OSError:  # it has just ended
            continue
        if b"/opt/cni/bin/host-local" in words[0]:
            found.append(f"the process {path} {words[0].decode()}")
    return found + [f"a lock of {vf.address}" for vf in vfs_of if held(vf.address)]


def held(address: str) -> bool:
    """Whether a process has the lock of this PCI function."""
    try:
        fd = os.open(f"{STATE}/locks/{address}.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class Call:
    """One call of the plugin under way, as a runtime makes it."""

    def __init__(self, command: str, netns: str, config: dict[str, Any]) -> None:
        self._what = f"{command} with {config}"
        environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": netns, "CNI_IFNAME": "net1",
                       "CNI_PATH": "/opt/cni/bin", "CNI_NETNS": f"/run/netns/{netns}",
                       "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}  # fmt: skip
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([SRIOV], stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        assert self._process.stdin is not None  # a pipe takes a short configuration at once
        self._process.stdin.write(json.dumps(config).encode())
        self._process.stdin.close()

    def end(self) -> dict[str, Any]:
        """Its answer. Raises Wrong with its error."""
        assert self._process.stdout is not None and self._process.stderr is not None
        with self._process:
            answer, log = self._process.stdout.read(), self._process.stderr.read()
        if self._process.returncode:
            raise Wrong(f"{self._what}: {answer.decode()} {log.decode()}")
        found: dict[str, Any] = json.loads(answer) if answer.strip() else {}
        return found

    def kill(self) -> bool:
        """False where it had ended before."""
        with self._process:
            self._process.kill()
        return self._process.returncode == -signal.SIGKILL


class Worker:
    """Half of the cycles."""

    def __init__(self, number: int, kernel: list[Vf], vfio: list[Vf], rng: random.Random) -> None:
        self.number, self.kernel, self.vfio, self.rng = number, kernel, vfio, rng
        self.done = {"kernel": 0, "vfio": 0, "kills": 0}
        self._usual = {"ADD": FIRST_GUESS, "DEL": FIRST_GUESS}
        self._socket = netlink.Socket()
        self._before = {vf: self.view(vf) for vf in kernel + vfio}
        self.netns = f"soak-{number}"

    def view(self, vf: Vf) -> dict[str, Any]:
        """The VF as its PF, sysfs and netlink tell of it."""
        get = self._socket.get
        asked = messages.get_link(name=vf.pf, mask=messages.EXT_VF | messages.EXT_SKIP_STATS)
        at_pf = messages.Interface(get(asked)).vfs[vf.index]
        folder = f"/sys/bus/pci/devices/{vf.address}/net"
        names = os.listdir(folder) if os.path.isdir(folder) else []
        links = [messages.Interface(get(messages.get_link(name=name))) for name in names]
        own = [(link.name, link.mac, link.mtu, sorted(link.altnames), link.flags & KEPT_FLAGS) for link in links]
        return {"at_pf": settings.decode(at_pf), "own": own}

    def settings(self, kernel: bool) -> dict[str, Any]:
        """Drawn settings of the attachment."""
        rng = self.rng
        drawn: dict[str, Any] = {
            "vlan": rng.randrange(4095), "spoofchk": rng.choice(["on", "off"]), "trust": rng.choice(["on", "off"]),
            "mac": ":".join(["02", *(f"{rng.randrange(256):02x}" for _turn in range(5))]),
            "ipam": {"type": "host-local", "subnet": f"198.51.{100 + self.number}.0/24"},
        }  # fmt: skip
        if kernel:
            drawn["mtu"] = rng.randrange(1280, 1501)
        return {key: value for key, value in drawn.items() if rng.random() < 0.75}

    def timed(self, command: str, config: dict[str, Any]) -> dict[str, Any]:
        """One call; how long such calls take is remembered."""
        started = time.monotonic()
        answer = Call(command, self.netns, config).end()
        self._usual[command] += (time.monotonic() - started - self._usual[command]) / 10
        return answer

    def cycle(self, kill: bool) -> None:
        """One ADD and DEL, one of them killed where asked. Raises Wrong."""
        rng = self.rng
        kernel = not self.vfio or rng.random() >= VFIO
        vf = rng.choice(self.kernel if kernel else self.vfio)
        drawn = self.settings(kernel)
        config = {"cniVersion": "1.0.0", "name": self.netns, "type": "sriov", "deviceID": vf.address, **drawn}
        victim = rng.choice(["ADD", "ADD", "DEL"]) if kill else ""
        if victim == "ADD":
            self.strike("ADD", config)
        else:
            self.add(config)
        if rng.random() < NAMESPACE_FIRST:
            renew(self.netns)
        if victim == "DEL":
            self.strike("DEL", config)
        self.timed("DEL", config)
        self.done["kernel" if kernel else "vfio"] += 1
        self.judge(vf, f"{drawn}{', killed in ' + victim if victim else ''}")

    def add(self, config: dict[str, Any]) -> None:
        """ADD, and now and then CHECK. Raises Wrong."""
        result = self.timed("ADD", config)
        mac = result["interfaces"][0].get("mac")
        if config.get("mac", mac) != mac:
            raise Wrong(f"asked for {config}, the result says {mac}")
        if self.rng.random() < CHECKED:
            Call("CHECK", self.netns, {**config, "prevResult": result}).end()

    def strike(self, command: str, config: dict[str, Any]) -> None:
        """A call that is killed at a drawn moment."""
        call = Call(command, self.netns, config)
        time.sleep(self.rng.random() * self._usual[command])
        self.done["kills"] += call.kill()

    def judge(self, vf: Vf, what: str) -> None:
        """Raises Wrong where the VF is not as it was, or something of the cycle is left."""
        deadline = time.monotonic() + SETTLE
        while self.view(vf) != self._before[vf]:
            if time.monotonic() > deadline:
                raise Wrong(f"{vf} after {what}: was {self._before[vf]}, is {self.view(vf)}")
            time.sleep(0.05)
        while held(vf.address):  # by the worker of a killed call, whose end is under way
            if time.monotonic() > deadline:
                raise Wrong(f"{vf} after {what}: its lock is held")
            time.sleep(0.05)
        left = [name for name in os.listdir(f"{STATE}/journal") if vf.address in name]
        leases = f"{LEASES}/{self.netns}"
        left += [name for name in os.listdir(leases) if name[0].isdigit()] if os.path.isdir(leases) else []
        if left:
            raise Wrong(f"{vf} after {what}: left over: {left}")

    def run(self, count: int) -> None:
        """All cycles. Raises Wrong."""
        renew(self.netns)
        try:
            for number in range(count):
                self.cycle(kill=self.done["kills"] * KILLS <= number)
        finally:
            subprocess.run(["ip", "netns", "del", self.netns], check=True, timeout=60)


def renew(netns: str) -> None:
    """A network namespace, a new one where there is one of that name."""
    if os.path.exists(f"/run/netns/{netns}"):
        subprocess.run(["ip", "netns", "del", netns], check=True, timeout=60)
    subprocess.run(["ip", "netns", "add", netns], check=True, timeout=60)


def apart(act: Callable[[], dict[str, int]]) -> Callable[[], dict[str, int]]:
    """Begin `act` in a process of its own; what is returned waits for its answer. Raises Wrong where it failed."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.write(write, json.dumps(act()).encode())
            status = 0
        except Wrong as error:
            sys.stderr.write(f"{error}\n")
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(write)

    def wait() -> dict[str, int]:
        with open(read, "rb") as stream:
            text = stream.read()
        if os.waitpid(pid, 0)[1]:
            raise Wrong("a worker failed; its error is above")
        found: dict[str, int] = json.loads(text)
        return found

    return wait


def main(count: int, seed: int) -> int:
    """All cycles, shared by the workers."""
    kernel, vfio = vfs()
    before = by_ip()

    def work(number: int) -> dict[str, int]:
        rng = random.Random(f"{seed} {number}")
        worker = Worker(number, kernel[number::WORKERS], vfio[number::WORKERS], rng)
        worker.run(count // WORKERS + (number < count % WORKERS))
        return worker.done

    try:
        ends = [apart(partial(work, number)) for number in range(WORKERS)]
        done = [end() for end in ends]
        if by_ip() != before:
            raise Wrong(f"all: was {before}, is {by_ip()}")
        if left_over(kernel + vfio):
            raise Wrong(f"left over: {left_over(kernel + vfio)}")
    except Wrong as error:
        sys.stderr.write(f"seed {seed}: {error}\n")
        return 1
    print(json.dumps({key: sum(part[key] for part in done) for key in done[0]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))

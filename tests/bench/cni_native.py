# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin as the installer lays it out, in a folder of its own, with a veth in the VF's place.

Usage: cni_native.py ROUNDS, as root. Prints what was found in a namespace of its own, as JSON: what
cni_pairs.measure tells of each plugin "alone", "loaded" beside busy processes, as called by a "thick" daemon, and of
many "at once"; "rss" is the largest resident size of an ADD in bytes, "bare" that of the interpreter alone,
"service" that of the service, "phases" the milliseconds of an ADD.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cni_pairs
from cni_thick import Daemon

from sriov_cni.pod.netns import Inside, open_netns
from support import cni_code

INTERPRETER = "/usr/bin/python3"
ROUNDS = 200  # of a whole measurement
PF, VF = "0000:01:00.0", "0000:01:10.0"
AT_ONCE, AT_ONCE_ROUNDS = 64, 20  # VFs, as of a node whose pods all come at once
BUSY = 2  # processes that keep a CPU busy
PF_NAME, VF_NAME, OTHER_NAME, FLOOR_NAME = "benchpf", "benchvf", "benchother", "benchfloor"

# Where to look: a tree in sysfs's place. That a veth left the namespace shows in no file, so its name is asked for.
_SEAM = """
import _socket

from shared import pci
from sriov_cni.host.host import NodeHost


def net_names(self, address):
    names = pci.net_names(self.sys_root, address)
    try:
        _socket.if_nametoindex(names[0])
    except OSError:
        return []
    return names


NodeHost.sys_root = {root!r}
NodeHost.state = {state!r}
NodeHost.net_names = net_names
"""


# Put into the launcher before its last line: when the call began to be answered, each change began, and all was done.
_MARKS = """
import time
from sriov_cni import main as calls
from sriov_cni.host.host import NodeHost
from sriov_cni.spec.json_text import dumps

marks, answer = [], calls.answer


def traced(environment):
    marks[:] = [("spawned", float(environment["BENCH_SPAWNED"])), ("here", time.monotonic())]
    found = answer(environment)
    marks.append(("rest", time.monotonic()))
    with open({file!r}, "a") as out:
        times = [(name, int(seconds * 1e6)) for name, seconds in marks]
        out.write(dumps({{"command": environment["CNI_COMMAND"], "marks": times}}) + "\\n")
    return found


calls.answer = traced
NodeHost.step = lambda self, what: marks.append(("until " + what, time.monotonic()))
"""
_LAST = "posix._exit(main())"
# Linux keeps the parent's ru_maxrss for a child, so a program asks for its own.
_OWN_SIZE = "next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))"


def install_for_veth(base: Path) -> Path:
    """The launcher, its code compiled as on a node, before it the few lines that make each veth a VF."""
    _sysfs(base / "root")
    seam = _SEAM.format(root=str(base / "root"), state=str(base / "state"))
    return cni_code.install(base, INTERPRETER, seam=seam)


def install_that_tells_its_size(base: Path, veth: Path) -> Path:
    """The launcher of install_for_veth, which writes its resident size in KiB into base/size."""
    end = f"code = main()\nopen({str(base / 'size')!r}, 'w').write({_OWN_SIZE})\nposix._exit(code)"
    return cni_code.put(base / "sriov-size", veth.read_text().replace(_LAST, end))


def with_marks(launcher: str, file: str) -> str:
    """A launcher's text that also appends to `file` a line of the call's command and [phase, microseconds]."""
    return launcher.replace(_LAST, f"{_MARKS.format(file=file)}\n{_LAST}")


def phases(lines: str) -> dict[str, dict[str, float]]:
    """Of each command, median milliseconds of each phase, from the lines of with_marks."""
    found: dict[str, dict[str, list[float]]] = {}
    for line in lines.splitlines():
        call = json.loads(line)
        times = found.setdefault(call["command"], {})
        for (_name, before), (name, after) in zip(call["marks"], call["marks"][1:]):
            times.setdefault(name, []).append((after - before) / 1000)
    return {command: {name: statistics.median(values) for name, values in times.items()}
            for command, times in found.items()}


class Service:
    """The warm way in, of a launcher that lies beside its code's folder lib; a context manager."""

    process: subprocess.Popen[bytes]  # the main one, while it runs

    def __init__(self, launcher: Path, shell: str = "/bin/sh") -> None:
        self.launcher, base = launcher, launcher.parent
        self.handoff = Path(tempfile.mkdtemp(prefix="handoff-", dir=base))
        text = cni_code.client(str(launcher), str(base / "lib" / cni_code.VERSION), str(self.handoff))
        self.program = cni_code.put(self.handoff.with_suffix(".sh"), text.replace("#!/bin/sh", f"#!{shell}", 1))

    def __enter__(self) -> Service:
        self.process = subprocess.Popen([self.launcher, "serve"], env={"RUNTIME_DIRECTORY": str(self.handoff)})
        end = time.monotonic() + 30
        while not (self.handoff / "version").is_dir():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"{self.launcher} serve let nobody in")
            time.sleep(0.01)
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        self.process.wait(60)

    @property
    def pid(self) -> int:
        """Of its main process."""
        return self.process.pid

    def workers(self) -> list[int]:
        """Process ids of those that wait, and of those that serve."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def size(self) -> int:
        """Bytes of memory of all its processes, what they share counted once."""
        texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in [self.pid, *self.workers()]]
        return proportional("".join(texts))


def proportional(text: str) -> int:
    """Bytes of memory by the smaps_rollup of several processes, what they share counted once."""
    return sum(1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def vf(number: int) -> str:
    """Its PCI address."""
    return f"0000:01:{16 + number // 8:02x}.{number % 8}"


def numbered(name: str, number: int) -> str:
    """The name of an interface of this kind; the first has the plain one."""
    return f"{name}{number or ''}"


def _sysfs(root: Path) -> None:
    devices = root / "sys/bus/pci/devices"
    vfs = [(vf(number), "igbvf", numbered(VF_NAME, number)) for number in range(AT_ONCE)]
    for address, driver, name in ((PF, "igb", PF_NAME), *vfs):
        (devices / address / "net" / name).mkdir(parents=True)
        (devices / address / "driver").symlink_to(root / "sys/bus/pci/drivers" / driver)
    for number, (address, _driver, _name) in enumerate(vfs):
        (devices / address / "physfn").symlink_to(devices / PF)
        (devices / PF / f"virtfn{number}").symlink_to(devices / address)


def build_floor(base: Path, device: str = FLOOR_NAME) -> Path:
    """The program that does what no plugin can do without. Raises RuntimeError without a C compiler."""
    compiler, program = shutil.which("cc"), base / "floor"
    if compiler is None:
        raise RuntimeError("cc: expected a C compiler for tests/bench/cni_floor.c, found none: install gcc, libc6-dev")
    source = Path(__file__).with_name("cni_floor.c")
    subprocess.run([compiler, "-O2", "-static", f'-DDEVICE="{device}"', source, "-o", program], check=True)
    return program


def links(count: int = 1) -> None:
    """In the namespace that the process is in: a PF, VFs, and the interfaces that host-device and the floor get."""
    more = [numbered(name, number) for number in range(1, count) for name in (VF_NAME, OTHER_NAME)]
    for name in (PF_NAME, VF_NAME, OTHER_NAME, FLOOR_NAME, *more):
        peer = f"{name}p"
        subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", peer], check=True)
        subprocess.run(["ip", "link", "set", peer, "up"], check=True)


def sides(program: Path, leases: Path, count: int = 1) -> dict[str, list[dict[str, Any]]]:
    """The plan of cni_pairs: the plugin and Debian's host-device, each on interfaces of its own, with host-local."""

    def config(kind: str, subnet: str, **keys: object) -> dict[str, Any]:
        ipam = {"type": "host-local", "dataDir": str(leases), "subnet": subnet}
        return {"cniVersion": "1.0.0", "name": f"bench-{kind}", "type": kind, "logLevel": "error", "ipam": ipam, **keys}

    return {
        "ours": [{"program": str(program), "config": config("sriov", "198.51.100.0/25", deviceID=vf(number))}
                 for number in range(count)],
        "host-device": [{"program": "/usr/lib/cni/host-device",
                         "config": config("host-device", "198.51.100.128/25", device=numbered(OTHER_NAME, number))}
                        for number in range(count)],
    }


@contextmanager
def namespace() -> Iterator[None]:
    """Put this process into a network namespace of its own, and back."""
    name = f"bench-host-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        made = open_netns(f"/run/netns/{name}")
        if made is None:
            raise RuntimeError(f"/run/netns/{name} is no network namespace")
        with Inside(made):
            yield
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def run(rounds: int) -> dict[str, Any]:
    """All of it."""
    with tempfile.TemporaryDirectory(prefix="bench-cni-") as folder, namespace():
        base = Path(folder)
        program = install_for_veth(base)
        links(AT_ONCE)
        with Service(program) as service:
            plan = sides(service.program, base / "leases")
            floor = [{"program": str(build_floor(base)), "config": {}}]
            cold = sides(program, base / "leases")["ours"]
            found: dict[str, Any] = {"alone": cni_pairs.measure(rounds, {**plan, "floor": floor, "cold": cold})}
            found["service"] = service.size()
            found["loaded"] = cni_pairs.measure(max(1, rounds // 4), plan, busy=BUSY)
            with Daemon() as daemon:
                found["thick"] = cni_pairs.measure(max(1, rounds // 4), plan, starter=daemon.start)
            many = sides(service.program, base / "leases", AT_ONCE)
            found["at once"] = cni_pairs.measure(max(1, rounds * AT_ONCE_ROUNDS // ROUNDS), many)
        (call,) = sides(install_that_tells_its_size(base, program), base / "leases")["ours"]
        cni_pairs.once("size", [call], 0)
        bare = [os.path.realpath(INTERPRETER), "-IS", "-c", f"print({_OWN_SIZE})"]
        size = subprocess.run(bare, check=True, capture_output=True, text=True).stdout
        traced = cni_code.put(base / "sriov-marks", with_marks(program.read_text(), str(base / "marks")))
        with Service(traced) as service:
            cni_pairs.measure(max(1, rounds // 4), {"ours": sides(service.program, base / "leases")["ours"]})
        found["phases"] = phases((base / "marks").read_text())
        return {**found, "rss": 1024 * int((base / "size").read_text()), "bare": 1024 * int(size)}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]))))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulated server: two SR-IOV network cards behind root ports, an IOMMU, a disk that boots by itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import cache, process, qmp
from .command import run
from .definition import MEMORY_LIMIT_MIB, USUAL, Definition
from .progress import LabError, say

BINARY = "qemu-system-x86_64"
MINIMUM = (8, 0)  # the first release with the igb device
# sun_path of unix(7) has 108 bytes; ssh adds a suffix of 17 to its socket while it makes it.
SOCKET_PATH_LIMIT = 108 - 17 - 1
GO_ON_SECONDS = 120.0
# Of the session's group in the scheduler (sched(7)): what waits for the machine waits longer than what runs beside it.
AUTOGROUP_NICE = -5


@dataclass(frozen=True)
class Machine:
    """Everything that makes one QEMU: two machines with equal fields have equal command lines."""

    run_dir: Path
    disk: Path
    disk_format: str
    ssh_port: int
    api_port: int  # 0: its API server, if it has one, is not forwarded
    accel: str
    number: int = 1  # of the node
    wires: Path | None = None  # the folder of the wires' sockets; None: they lead nowhere
    definition: Definition = USUAL

    @property
    def qmp(self) -> Path:
        return self.run_dir / "qmp.sock"

    @property
    def serial(self) -> Path:
        return self.run_dir / "serial.log"

    @property
    def log(self) -> Path:
        return self.run_dir / "qemu.log"

    @property
    def pidfile(self) -> Path:
        return self.run_dir / "qemu.pid"


def _word(path: str | Path) -> str:
    """A path as a value among QEMU's options."""
    return str(path).replace(",", ",,")


def _to_wire(machine: Machine, name: str) -> str:
    """The netdev that leads to a wire of the lab."""
    own, hub = machine.run_dir / f"{name}.sock", (machine.wires or machine.run_dir) / f"{name}.sock"
    ends = (("local", own), ("remote", hub))
    return f"dgram,id={name}," + ",".join(f"{end}.type=unix,{end}.path={_word(path)}" for end, path in ends)


def _networks(machine: Machine) -> list[str]:
    """The way in, and the cluster's network."""
    forwards = f"hostfwd=tcp:127.0.0.1:{machine.ssh_port}-:22"
    if machine.api_port:
        forwards += f",hostfwd=tcp:127.0.0.1:{machine.api_port}-:6443"
    cluster = _to_wire(machine, "cluster") if machine.wires else "hubport,id=cluster,hubid=1"
    return [
        # restrict=on: there is no way out, not even a default route.
        "-netdev", f"user,id=management,restrict=on,ipv6=off,{forwards}",
        "-device", "virtio-net-pci,bus=pcie.0,addr=0x2,netdev=management,mac=52:54:00:5a:01:01",
        "-netdev", cluster,
        "-device", f"virtio-net-pci,bus=pcie.0,addr=0x8,netdev=cluster,mac=52:54:00:5a:02:0{machine.number}",
    ]  # fmt: skip


def _igb(node: int, number: int) -> list[str]:
    """A PF behind a root port of its own (0000:0N:00.0 in the guest), joined to the other PF by a hub."""
    prefix = "52:54:00:5a:00" if node == 1 else f"52:54:00:5a:1{node}"
    return [
        "-netdev", f"hubport,id=wire{number},hubid=0",
        "-device", f"pcie-root-port,id=rp{number},bus=pcie.0,addr=0x{3 + number:x},slot={number},"
        f"chassis={number}",
        "-device", f"igb,bus=rp{number},netdev=wire{number},mac={prefix}:0{number}",
    ]  # fmt: skip


def _cards(machine: Machine) -> list[str]:
    """Both PFs, and what joins their hub to those of the other nodes."""
    words = [*_igb(machine.number, 1), *_igb(machine.number, 2)]
    if machine.wires:
        words += ["-netdev", _to_wire(machine, "cards"), "-netdev", "hubport,id=wire3,hubid=0,netdev=cards"]
    return words


def _pxe(machine: Machine) -> list[str]:
    """A card that finds what it boots in a TFTP folder, on a network of its own without a way out."""
    found = machine.definition
    if not found.pxe:
        return []
    first = ",bootindex=0" if found.boot == "network" else ""
    return [
        "-netdev", "user,id=pxe,restrict=on,ipv6=off,net=10.0.3.0/24,"
        f"tftp={_word(found.pxe)},bootfile={_word(found.bootfile)}",
        "-device", f"virtio-net-pci,bus=pcie.0,addr=0x9,netdev=pxe,mac=52:54:00:5a:03:0{machine.number}{first}",
    ]  # fmt: skip


# An SR-IOV function that is no NIC (0000:03:00.0 in the guest): a controller without a disk, four VFs at most.
NVME: dict[str, str | int] = {
    "driver": "nvme", "serial": "lab", "bus": "rp3", "subsys": "subsystem", "sriov_max_vfs": 4,
    "sriov_vq_flexible": 8, "sriov_vi_flexible": 4, "max_ioqpairs": 10, "msix_qsize": 9,
}  # fmt: skip


def _nvme(machine: Machine) -> list[str]:
    """A root port with nothing behind it, or with an NVMe: a machine that has one can't be kept as it runs.

    What the controller belongs to can't be plugged in, so that is always there.
    """
    words = ["-device", "pcie-root-port,id=rp3,bus=pcie.0,addr=0x6,slot=3,chassis=3"]
    words += ["-device", "nvme-subsys,id=subsystem"]
    if machine.definition.nvme:
        words += ["-device", ",".join(f"{key}={value}" for key, value in NVME.items())]
    return words


def _check(machine: Machine) -> None:
    """Raises LabError for a memory size or a path that cannot work."""
    memory = machine.definition.memory_mib
    if memory >= MEMORY_LIMIT_MIB:
        raise LabError(f"{memory} MiB of memory: must be below {MEMORY_LIMIT_MIB}, or VF registers do not answer")
    if len(os.fsencode(machine.run_dir / "ssh.sock")) > SOCKET_PATH_LIMIT:  # no other has a suffix
        raise LabError(f"{machine.run_dir}: too long for a socket in it; set TMPDIR to a shorter path")


def argv(machine: Machine) -> list[str]:
    """The command line. Raises LabError for a memory size or a path that cannot work."""
    _check(machine)
    accel = ["tcg,thread=multi", "max"] if machine.accel == "tcg" else [machine.accel, "host"]
    iommu = ["-device", "intel-iommu,intremap=on,eim=on,device-iotlb=on,caching-mode=on"]
    return [
        BINARY,
        "-name", f"sriov-lab-node{machine.number}",
        "-machine", "q35,kernel-irqchip=split",
        "-accel", accel[0], "-cpu", accel[1],
        "-smp", str(machine.definition.cpus), "-m", str(machine.definition.memory_mib),
        "-nodefaults", "-no-user-config", "-display", "none",
        "-serial", f"file:{machine.serial}",
        "-qmp", f"unix:{machine.qmp},server=on,wait=off",
        # By this the one image knows which node it is.
        "-fw_cfg", f"name=opt/lab/node,string={machine.number}",
        # Before the devices that it covers. With eim=on Linux uses the x2APIC: no memory-mapped access for each
        # interrupt, which is where node.py's race would have most of its chances.
        *(iommu if machine.definition.iommu else []),
        *_networks(machine),
        "-device", "virtio-rng-pci,bus=pcie.0,addr=0x7",
        "-drive", f"id=disk,if=none,file={_word(machine.disk)},format={machine.disk_format},"
        "cache=unsafe,discard=unmap",
        "-device", "virtio-blk-pci,bus=pcie.0,addr=0x3,drive=disk,bootindex=1",
        *_pxe(machine), *_cards(machine), *_nvme(machine),
        # With -D, a QEMU in the background keeps its stderr there: who ended it, or what it died of.
        "-daemonize", "-pidfile", str(machine.pidfile), "-d", "unimp", "-D", str(machine.log),
    ]  # fmt: skip


def parse_version(text: str) -> tuple[int, int]:
    """`QEMU emulator version 10.0.2 (...)` -> (10, 0). Raises LabError for anything else."""
    found = re.search(r"version (\d+)\.(\d+)", text)
    if not found:
        raise LabError(f"`{BINARY} --version` should name a version, found {text[:80]!r}")
    return int(found[1]), int(found[2])


def free_port(taken: tuple[int, ...] = ()) -> int:
    """A TCP port of 127.0.0.1 that is free now and not in `taken`."""
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
        if port not in taken:
            return port


def alive(pid: int, run_dir: Path) -> bool:
    """Whether `pid` is the QEMU of this run folder."""
    return process.alive(pid, run_dir / "qemu.pid")


def read_pid(run_dir: Path) -> int:
    """The process that the last QEMU of a run folder was, or 0."""
    return process.read_pid(run_dir / "qemu.pid")


def start(machine: Machine, lock: int, memory: Path | None = None) -> int:
    """Start QEMU, which inherits the lab lock's descriptor, and return its process id.

    memory: of a machine that was kept as it ran, and goes on from there.
    """
    machine.serial.unlink(missing_ok=True)
    words = [*argv(machine), *(["-incoming", f"file:{memory}"] if memory else [])]
    done = subprocess.run(words, pass_fds=(lock,), capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        raise LabError(
            f"{BINARY}: exit status {done.returncode}\n{done.stderr.decode(errors='replace').strip()}"
        )
    pid = read_pid(machine.run_dir)
    _go_before_others(pid)
    if memory:
        _go_on(machine)
    return pid


def _go_before_others(pid: int) -> None:
    """Give the machine more of the processors than the sessions beside it get, where the kernel groups by session."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(AUTOGROUP_NICE))


def _go_on(machine: Machine) -> None:
    """Have a machine that was stopped when it was kept run again. One that ends meanwhile is found by who waits for it.

    Raises LabError where it does not come to that.
    """
    deadline = time.monotonic() + GO_ON_SECONDS
    while alive(read_pid(machine.run_dir), machine.run_dir):
        if qmp.command(machine.qmp, "query-status")["status"] != "inmigrate":
            qmp.command(machine.qmp, "cont")
            return
        if time.monotonic() > deadline:
            raise LabError(f"{machine.run_dir.name} did not read its memory within {GO_ON_SECONDS:.0f} s")
        time.sleep(0.1)


def failed_assertion(run_dir: Path) -> str:
    """The line in which a QEMU that ended says that it found itself at fault, or ""."""
    try:
        lines = (run_dir / "qemu.log").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if "Assertion `" in line and "failed" in line), "")


def stop(pid: int, run_dir: Path, grace: float) -> None:
    """Power the node off: its power button, `grace` seconds (0: no button), QEMU's end, then SIGKILL."""
    for name, patience in (("system_powerdown", grace), ("quit", 10.0)):
        if not alive(pid, run_dir):
            return
        if patience <= 0:
            continue
        try:
            qmp.command(run_dir / "qmp.sock", name)
        except LabError as exc:
            say(f"{name}: {exc}")
            continue
        if process.gone(pid, run_dir / "qemu.pid", patience):
            return
        say(f"the node did not end within {patience:.0f} s of {name}")
    if alive(pid, run_dir):
        os.kill(pid, signal.SIGKILL)
        process.gone(pid, run_dir / "qemu.pid", 10)


def accelerator(kernel: Path) -> str:
    """Say kvm where a guest really runs under it, else tcg; kept for this boot of the machine."""
    device = Path("/dev/kvm")
    if not (device.exists() and os.access(device, os.R_OK | os.W_OK)):
        return "tcg"
    mark = [
        Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        run([BINARY, "--version"]).splitlines()[0],
    ]
    memory = cache.root() / "kvm.json"
    try:
        known = json.loads(memory.read_text())
        if known["mark"] == mark and known["accel"] in ("kvm", "tcg"):
            return str(known["accel"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    accel = "kvm" if _kvm_works(kernel) else "tcg"
    say(f"/dev/kvm: {'works' if accel == 'kvm' else 'exists, but a guest does not run; using emulation'}")
    memory.write_text(json.dumps({"mark": mark, "accel": accel}))
    return accel


def _kvm_works(kernel: Path, timeout: float = 25.0) -> bool:
    """Boot a kernel without a root file system under KVM: its panic and reboot are the proof that it ran."""
    command = [
        BINARY, "-machine", "q35,kernel-irqchip=split", "-accel", "kvm", "-cpu", "host", "-m", "512",
        "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", str(kernel),
        "-append", "console=ttyS0 panic=-1",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and b"Kernel panic" in done.stdout

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one checkout's lab is: a folder in the temporary folder, lab.json in it, and for each node a folder in it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import holder, pki, qemu, release
from .definition import USUAL, Definition
from .kubeapi import KubeApi
from .pki import NODES
from .progress import LabError
from .ssh import Ssh

FORMAT = 2
# To SSH and to Ready on two quiet cores under TCG, by a boot and from a machine that was kept as it ran.
BOOT_SECONDS = (25.0, 90.0)
KEPT_SECONDS = (8.0, 20.0)
CHECKOUT = Path(__file__).resolve().parents[3]


def run_dir(checkout: Path = CHECKOUT) -> Path:
    """The folder of this checkout's runs: two checkouts never share one."""
    mark = hashlib.sha256(str(checkout).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"baremetal-sriov-lab-{mark}"


def make_run_dir() -> Path:
    """`run_dir`, made private. Raises LabError if somebody else's file is in its place."""
    folder = run_dir()
    folder.mkdir(mode=0o700, exist_ok=True)
    info = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or info.st_uid != os.geteuid():
        raise LabError(
            f"{folder}: expected a folder of user {os.geteuid()}, found one of user {info.st_uid}: "
            "remove it, or set TMPDIR"
        )
    return folder


def node_dir(node: str) -> Path:
    """The folder of one node: its disk, its sockets, its logs."""
    return run_dir() / node


def make_node_dir(node: str) -> Path:
    """`node_dir`, made private."""
    folder = make_run_dir() / node
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _write(target: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps({"format": FORMAT, **content}, indent=1) + "\n")
    temporary.replace(target)


def _read(path: Path) -> dict[str, Any] | None:
    """What `_write` wrote; None where there is no such file. Raises LabError for one of another format."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        if found.pop("format") != FORMAT:
            raise ValueError("another format")
        return found
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _foreign(path, exc) from exc


def _foreign(path: Path, exc: Exception) -> LabError:
    return LabError(f"{path}: not a state that this version wrote ({exc}); end its QEMU and remove the folder")


@dataclass(frozen=True)
class State:
    """One node as it was started. Times are seconds from power-on; None until measured."""

    pid: int
    accel: str
    image: str
    ssh_port: int
    api_port: int  # 0 for a worker
    ssh_seconds: float | None = None
    ready_seconds: float | None = None
    image_id: str = ""
    node: str = "node1"
    definition: Definition = USUAL
    base: str = ""  # what its disk stands on
    kept: bool = False  # whether it went on from a machine that was kept as it ran

    @property
    def run_dir(self) -> Path:
        """The lab's folder."""
        return run_dir()

    @property
    def folder(self) -> Path:
        """The node's folder."""
        return node_dir(self.node)

    @property
    def overlay(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def kubeconfig(self) -> Path:
        return self.run_dir / "kubeconfig"

    @property
    def inventory(self) -> Path:
        return self.run_dir / "inventory.yml"

    def machine(self) -> qemu.Machine:
        """The machine that this state describes."""
        return qemu.Machine(self.folder, self.overlay, "qcow2", self.ssh_port, self.api_port, self.accel,
                            NODES.index(self.node) + 1, self.run_dir, self.definition)  # fmt: skip

    def ssh(self) -> Ssh:
        """The way in."""
        return Ssh(self.ssh_port, pki.ssh_keys() / "id_ed25519", self.folder)

    def api(self) -> KubeApi:
        """The client of the cluster's API server, which runs on node1. Raises LabError where that never was on."""
        first = self if self.node == NODES[0] else load()
        if first is None:
            raise LabError("node1, which has the API server, was never on; start it with `python3 tests/lab/lab.py up`")
        return KubeApi(first.api_port, self.run_dir / "pki")

    def running(self) -> bool:
        """Whether this state's QEMU lives."""
        return qemu.alive(self.pid, self.folder)

    def time_scale(self) -> float:
        """How much slower than the reference (2 quiet cores, TCG); at least 1."""
        pairs = zip((self.ssh_seconds, self.ready_seconds), KEPT_SECONDS if self.kept else BOOT_SECONDS)
        return round(max([1.0, *(found / usual for found, usual in pairs if found is not None)]), 2)

    def save(self) -> None:
        """Write the node's state.json."""
        _write(make_node_dir(self.node) / "state.json", asdict(self))

    def describe(self) -> dict[str, object]:
        """Every path and port of the node that a test or a tool needs."""
        machine, ssh = self.machine(), self.ssh()
        return {
            "running": self.running(),
            "node": self.node,
            "accel": self.accel,
            "pids": {"qemu": self.pid, "holder": holder.pid(self.run_dir)},
            "ssh": {
                "host": ssh.host, "port": ssh.port, "user": ssh.user, "key": str(ssh.key),
                "known_hosts": str(ssh.known_hosts), "control": str(ssh.control),
            },
            "qmp": str(machine.qmp),
            "serial": str(machine.serial),
            "overlay": str(self.overlay),
            "image": self.image,
            "definition": asdict(self.definition),
            "seconds": {"ssh": self.ssh_seconds, "ready": self.ready_seconds},
            "time_scale": self.time_scale(),
        }  # fmt: skip


def load(node: str = NODES[0]) -> State | None:
    """A node's last saved state, or None when there is none. Raises LabError for one of another format."""
    path = node_dir(node) / "state.json"
    found = _read(path)
    if found is None:
        return None
    try:
        return State(**{**found, "definition": Definition(**found["definition"])})
    except (KeyError, TypeError) as exc:
        raise _foreign(path, exc) from exc


@dataclass(frozen=True)
class Members:
    """Which nodes the lab has, and the image that all of them stand on."""

    count: int
    image: str
    image_id: str
    release: str = release.USUAL

    @property
    def nodes(self) -> tuple[str, ...]:
        return NODES[: self.count]

    def save(self) -> None:
        """Write lab.json."""
        _write(make_run_dir() / "lab.json", asdict(self))


def members() -> Members | None:
    """The nodes of the last lab, or None where there was none yet. Raises LabError for another format."""
    path = run_dir() / "lab.json"
    found = _read(path)
    try:
        return Members(**found) if found is not None else None
    except TypeError as exc:
        raise _foreign(path, exc) from exc


def states() -> list[State]:
    """The states of the lab's nodes, in their order; those that were never on are left out."""
    found = members()
    return [state for state in map(load, found.nodes if found else ()) if state is not None]


def running() -> list[State]:
    """The nodes that are on."""
    return [state for state in states() if state.running()]


def describe() -> dict[str, object]:
    """What `status --json` prints: node1 as it always was, and all nodes by their names."""
    found = states()
    if not found:
        return {"format": FORMAT, "running": False, "nodes": {}}
    first = load() or found[0]
    return {
        "format": FORMAT,
        "checkout": str(CHECKOUT),
        "run_dir": str(run_dir()),
        "release": (members() or Members(1, "", "")).release,
        **first.describe(),
        "running": any(state.running() for state in found),
        "api": {"host": "127.0.0.1", "port": first.api_port},
        "kubeconfig": str(first.kubeconfig),
        "inventory": str(first.inventory),
        "nodes": {state.node: state.describe() for state in found},
    }

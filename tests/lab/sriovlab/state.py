# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one checkout's lab is: a folder in the temporary folder, and state.json in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from . import pki, qemu
from .kubeapi import KubeApi
from .progress import LabError
from .ssh import Ssh

FORMAT = 1
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


@dataclass(frozen=True)
class State:
    """One machine as it was started. Times are seconds from power-on; None until measured."""

    pid: int
    accel: str
    image: str
    ssh_port: int
    api_port: int
    ssh_seconds: float | None = None
    ready_seconds: float | None = None
    image_id: str = ""

    @property
    def run_dir(self) -> Path:
        return run_dir()

    @property
    def overlay(self) -> Path:
        return self.run_dir / "disk.qcow2"

    @property
    def kubeconfig(self) -> Path:
        return self.run_dir / "kubeconfig"

    @property
    def inventory(self) -> Path:
        return self.run_dir / "inventory.yml"

    def machine(self) -> qemu.Machine:
        """The machine that this state describes."""
        return qemu.Machine(self.run_dir, self.overlay, "qcow2", self.ssh_port, self.api_port, self.accel)

    def ssh(self) -> Ssh:
        """The way in."""
        return Ssh(self.ssh_port, pki.ssh_keys() / "id_ed25519", self.run_dir)

    def api(self) -> KubeApi:
        """The API server's client."""
        return KubeApi(self.api_port, self.run_dir / "pki")

    def running(self) -> bool:
        """Whether this state's QEMU lives."""
        return qemu.alive(self.pid, self.run_dir)

    def time_scale(self) -> float:
        """How much slower than the reference (25 s to SSH, 90 s to Ready, 2 quiet cores, TCG); at least 1."""
        measured = [1.0]
        if self.ssh_seconds is not None:
            measured.append(self.ssh_seconds / 25)
        if self.ready_seconds is not None:
            measured.append(self.ready_seconds / 90)
        return round(max(measured), 2)

    def save(self) -> None:
        """Write state.json, whole or not at all."""
        target = make_run_dir() / "state.json"
        temporary = target.with_suffix(".tmp")
        temporary.write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")
        temporary.replace(target)

    def describe(self) -> dict[str, object]:
        """What `status --json` prints: every path and port that a test or a tool needs."""
        machine, ssh = self.machine(), self.ssh()
        return {
            "format": FORMAT,
            "running": self.running(),
            "checkout": str(CHECKOUT),
            "run_dir": str(self.run_dir),
            "node": "node1",
            "accel": self.accel,
            "pids": {"qemu": self.pid},
            "ssh": {
                "host": ssh.host, "port": ssh.port, "user": ssh.user, "key": str(ssh.key),
                "known_hosts": str(ssh.known_hosts), "control": str(ssh.control),
            },
            "api": {"host": "127.0.0.1", "port": self.api_port},
            "kubeconfig": str(self.kubeconfig),
            "inventory": str(self.inventory),
            "qmp": str(machine.qmp),
            "serial": str(machine.serial),
            "overlay": str(self.overlay),
            "image": self.image,
            "seconds": {"ssh": self.ssh_seconds, "ready": self.ready_seconds},
            "time_scale": self.time_scale(),
        }  # fmt: skip


def load() -> State | None:
    """The last saved state, or None when there is none. Raises LabError for one of another format."""
    path = run_dir() / "state.json"
    try:
        found = json.loads(path.read_text())
        if found.pop("format") != FORMAT:
            raise ValueError("another format")
        return State(**found)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise LabError(
            f"{path}: not a state that this version wrote ({exc}); end its QEMU and remove the folder"
        ) from exc


def write_client_files(state: State) -> None:
    """known_hosts, kubeconfig and the Ansible inventory of a machine."""
    make_run_dir()
    ssh = state.ssh()
    ssh.write_known_hosts(pki.ssh_keys() / "host_ed25519.pub")
    # A copy: the image may be pruned from the cache while its node still runs.
    certificates = state.run_dir / "pki"
    certificates.mkdir(mode=0o700, exist_ok=True)
    for name in ("ca.crt", "admin.crt", "admin.key"):
        shutil.copyfile(Path(state.image) / "pki" / name, certificates / name)
    state.kubeconfig.touch(mode=0o600)
    state.kubeconfig.write_text(pki.kubeconfig(certificates, "admin", f"https://127.0.0.1:{state.api_port}"))
    common = [*ssh.options(), "-o", "ControlMaster=auto", "-o", "ControlPersist=300"]
    inventory = {"sriov_nodes": {"hosts": {"node1": {
        "ansible_connection": "ssh",
        "ansible_host": ssh.host,
        "ansible_port": ssh.port,
        "ansible_user": ssh.user,
        "ansible_ssh_private_key_file": str(ssh.key),
        "ansible_ssh_args": " ".join(common),
        "ansible_control_path_dir": str(state.run_dir / "cp"),
        "ansible_python_interpreter": "/usr/bin/python3",
    }}}}  # fmt: skip
    state.inventory.write_text(json.dumps(inventory, indent=1) + "\n")

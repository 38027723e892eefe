# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running nodes, for tests on the controller."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from . import node, qmp, state, steps
from .progress import LabError
from .ssh import Completed
from .state import State

# Runs on the node: one call for any number of files; a folder stands for all files below it.
SNAPSHOT = """\
import hashlib, json, os, stat, sys
found = {}
def note(path):
    info = os.lstat(path)
    if stat.S_ISLNK(info.st_mode):
        content = "-> " + os.readlink(path)
    elif stat.S_ISREG(info.st_mode):
        with open(path, "rb") as stream:
            content = hashlib.sha256(stream.read()).hexdigest()
    else:
        content = ""
    found[path] = [stat.S_IMODE(info.st_mode), content]
for top in json.load(sys.stdin):
    if not os.path.lexists(top):
        continue
    note(top)
    if os.path.isdir(top) and not os.path.islink(top):
        for base, folders, files in os.walk(top):
            for name in folders + files:
                note(os.path.join(base, name))
json.dump(found, sys.stdout)
"""


class Lab:
    """One running node. Each timeout is multiplied by the machine's measured `time_scale`."""

    def __init__(self, current: State) -> None:
        self.state = current
        self.name = current.node
        self.time_scale = current.time_scale()

    @classmethod
    def from_state(cls, node: str = "node1") -> Lab:
        """A node of this checkout's lab. Raises LabError if it is off."""
        current = state.load(node)
        if current is None or not current.running():
            raise LabError(f"{node} is off; `python3 tests/lab/lab.py power on {node}` starts it, `up` the whole lab")
        return cls(current)

    @classmethod
    def nodes(cls) -> list[Lab]:
        """All nodes that are on, node1 first."""
        return [cls(current) for current in state.running()]

    def run(
        self,
        argv: Sequence[str],
        check: bool = True,
        input: str | bytes | None = None,
        timeout: float = 120.0,
    ) -> Completed:
        """Run argv on the node as root. Raises LabError if the connection or, with `check`, argv fails."""
        return self.state.ssh().run(argv, check=check, input=input, timeout=timeout * self.time_scale)

    def put(self, content: bytes, path: str, mode: int = 0o644) -> None:
        """Write a file on the node."""
        self.run(["sh", "-c", 'cat > "$1" && chmod "$2" "$1"', "put", path, f"{mode:o}"], input=content)

    def read(self, path: str) -> str:
        """The text of a file on the node."""
        return self.run(["cat", path]).stdout

    def snapshot_files(self, paths: Iterable[str]) -> dict[str, tuple[int, str]]:
        """{path: (mode, sha256)} of files and of everything below folders.

        In a checksum's place a link has where it points, a folder nothing. What is not there is left out.
        """
        done = self.run(["python3", "-I", "-c", SNAPSHOT], input=json.dumps(list(paths)))
        return {path: (mode, content) for path, (mode, content) in json.loads(done.stdout).items()}

    def kube(self) -> Path:
        """A kubeconfig for the controller."""
        return self.state.kubeconfig

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the API server as admin; None for 404. Raises LabError for other failures."""
        return self.state.api().request(method, path, body)

    def allocatable(self) -> dict[str, str]:
        """What the node offers: resource name -> quantity."""
        found: dict[str, str] = self.api("GET", f"/api/v1/nodes/{self.name}")["status"]["allocatable"]
        return found

    def boot_id(self) -> str:
        """The id of the running boot: another one after each reboot."""
        return self.state.ssh().boot_id()

    def wait_rebooted(self, boot_id: str, ready: bool = True) -> float:
        """Wait until the node answers in another boot than `boot_id` (and is Ready); returns the seconds."""
        start = time.monotonic()
        ssh = self.state.ssh()
        new = ssh.wait(node.SSH_TIMEOUT, self.state.running, not_boot=boot_id)
        ssh.close()
        if ready:
            self.state.api().wait_ready(new, node.READY_TIMEOUT, self.state.running, self.name)
            steps.note(steps.REBOOT, time.monotonic() - start)
        return time.monotonic() - start

    def reboot_and_wait(self, ready: bool = True) -> float:
        """Reboot by systemd and wait; returns the seconds."""
        before = self.boot_id()
        self.run(["systemctl", "--no-block", "reboot"])
        self.state.ssh().close()
        return self.wait_rebooted(before, ready)

    def cut_power(self, ready: bool = True) -> float:
        """Reset the machine as a power cut would, without a word to its kernel; returns the seconds."""
        before = self.boot_id()
        qmp.command(self.state.machine().qmp, "system_reset")
        self.state.ssh().close()
        return self.wait_rebooted(before, ready)

    def wait_for(self, what: str, test: Any, timeout: float = 60.0, every: float = 0.5) -> Any:
        """Call test() until it returns something true, and return that. Raises LabError naming `what`."""
        deadline = time.monotonic() + timeout * self.time_scale
        while True:
            found = test()
            if found:
                return found
            if time.monotonic() > deadline:
                raise LabError(f"{what}: not within {timeout * self.time_scale:.0f} s")
            time.sleep(every)

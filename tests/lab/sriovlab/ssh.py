# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSSH to the emulated node: one shared connection, a known host key, no question asked."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .progress import LabError, QemuEnded


@dataclass(frozen=True)
class Completed:
    """What a program on the node left: its exit status and both streams as text."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Ssh:
    """How to reach one node. `run_dir` holds its known_hosts and the control socket."""

    port: int
    key: Path
    run_dir: Path
    user: str = "root"
    host: str = "127.0.0.1"

    @property
    def known_hosts(self) -> Path:
        return self.run_dir / "known_hosts"

    @property
    def control(self) -> Path:
        return self.run_dir / "ssh.sock"

    def options(self) -> list[str]:
        """The ssh options that a client needs, without those of the shared connection."""
        values = (
            f"UserKnownHostsFile={self.known_hosts}", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes",
            "BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=15", "ServerAliveCountMax=8",
            "LogLevel=ERROR",
        )  # fmt: skip
        return ["-F", "/dev/null", "-i", str(self.key), *(part for value in values for part in ("-o", value))]

    def command(self, shared: bool = True) -> list[str]:
        """The argv of ssh up to the remote command."""
        mux = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath={self.control}"]
        return [
            "ssh",
            *self.options(),
            *(mux if shared else []),
            "-p",
            str(self.port),
            f"{self.user}@{self.host}",
        ]

    def write_known_hosts(self, host_public_key: Path) -> None:
        """Write the node's own key for this port."""
        kind, data = host_public_key.read_text().split()[:2]
        self.known_hosts.write_text(f"[{self.host}]:{self.port} {kind} {data}\n")

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        input: str | bytes | None = None,
        timeout: float = 120.0,
        shared: bool = True,
    ) -> Completed:
        """Run argv on the node (no shell of ours: each word is quoted). `timeout` is in seconds.

        Raises LabError on a time-out, on a connection that fails (ssh's status 255) and, with `check`, on any
        other status than 0.
        """
        data = input.encode() if isinstance(input, str) else input
        try:
            # Without input the remote stdin is at its end: it must not eat the caller's.
            done = subprocess.run(
                [*self.command(shared), "--", shlex.join(argv)],
                input=data or b"", capture_output=True, timeout=timeout, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as exc:
            raise LabError(f"on the node: {shlex.join(argv)}: no end after {timeout:.0f} s") from exc
        result = Completed(
            tuple(argv),
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )
        if result.returncode == 255 or (check and result.returncode != 0):
            raise LabError(
                f"on the node: {shlex.join(argv)}: exit status {result.returncode}\n"
                f"{result.stderr.strip() or result.stdout.strip()}"
            )
        return result

    def close(self) -> None:
        """End the shared connection, if there is one (after a power-off its socket would only time out)."""
        if self.control.exists():
            argv = ["ssh", "-o", f"ControlPath={self.control}", "-O", "exit", f"{self.user}@{self.host}"]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(argv, capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL)
            self.control.unlink(missing_ok=True)

    def boot_id(self, timeout: float = 15.0) -> str:
        """The kernel's id of the running boot (proc(5), random/boot_id), over a connection of its own."""
        done = self.run(["cat", "/proc/sys/kernel/random/boot_id"], timeout=timeout, shared=False)
        return done.stdout.strip()

    def wait(self, timeout: float, alive: Callable[[], bool], not_boot: str = "") -> str:
        """Wait until the node answers with a boot id other than `not_boot`, and return that id.

        Raises LabError after `timeout` seconds, and QemuEnded as soon as `alive()` is false.
        """
        deadline = time.monotonic() + timeout
        error = "no try was made"
        while time.monotonic() < deadline:
            if not alive():
                raise QemuEnded(f"the node's QEMU ended; qemu.log and serial.log in {self.run_dir} say why")
            try:
                found = self.boot_id()
                if found != not_boot:
                    return found
                error = "it is still the boot from before"
            except LabError as exc:
                error = str(exc)
            time.sleep(0.5)
        raise LabError(f"the node does not answer on SSH port {self.port} after {timeout:.0f} s: {error}")

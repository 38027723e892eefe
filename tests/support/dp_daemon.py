# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real device plugin as a process, started as its unit does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.dp_host import FakeHost

PLUGIN = Path(__file__).resolve().parents[2] / "files" / "device_plugin"
SHARED = PLUGIN.parents[1] / "plugins" / "module_utils" / "shared"
PROGRAM = (sys.executable, "-I", str(PLUGIN / "run.py"))


class Daemon:
    """The device plugin as its unit starts it, with the folders of one test."""

    def __init__(self, folder: Path, host: FakeHost) -> None:
        self.folder = folder
        self.host = host
        self.kubelet_root = folder / "k"
        self.devinfo = folder / "devinfo" / "dp"
        self.config = folder / "config.json"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.settimeout(30)
        self._notify.bind(str(folder / "notify"))

    def configure(self, *resources: dict[str, Any]) -> None:
        self.config.write_text(json.dumps({"resourceList": list(resources)}))

    def start(self, *arguments: str, program: Sequence[str] = PROGRAM) -> None:
        command = [
            *program, "-config-file", str(self.config), "--root", str(self.host.root),
            "--kubelet-root-dir", str(self.kubelet_root), "--devinfo-dir", str(self.devinfo),
            "--rescan-interval", "0.2", *arguments,
        ]  # fmt: skip
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")}
        environment.pop("GRPC_ENABLE_FORK_SUPPORT", None)  # that is for the tests' own process
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=environment, stderr=log)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def ready(self) -> None:
        """Wait for READY=1 of sd_notify."""
        self.told("READY=1")

    def told(self, wanted: str) -> str:
        """Wait for a notification that holds `wanted`."""
        while True:
            message = self._notify.recv(4096).decode()
            if wanted in message:
                return message

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def logged(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def close(self) -> None:
        self._notify.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

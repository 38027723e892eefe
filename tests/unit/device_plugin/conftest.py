# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the device plugin's tests: a host in a folder, a kubelet, and the real daemon as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
PLUGIN = HERE.parents[2] / "files" / "device_plugin"
sys.path[:0] = [str(PLUGIN), str(HERE)]

from dp_host import FakeHost  # noqa: E402


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "host")


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
        self._notify.settimeout(15)
        self._notify.bind(str(folder / "notify"))

    def configure(self, *resources: dict[str, Any]) -> None:
        self.config.write_text(json.dumps({"resourceList": list(resources)}))

    def start(self, *arguments: str, python: str = sys.executable) -> None:
        command = [
            python, str(PLUGIN / "run.py"), "-config-file", str(self.config), "--root", str(self.host.root),
            "--kubelet-root-dir", str(self.kubelet_root), "--devinfo-dir", str(self.devinfo),
            "--rescan-interval", "0.2", *arguments,
        ]  # fmt: skip
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=environment, stderr=log)

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
        return self.process.wait(10)

    def logged(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def close(self) -> None:
        self._notify.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture
def daemon(host: FakeHost, short_path: Path) -> Iterator[Daemon]:
    running = Daemon(short_path, host)
    running.kubelet_root.mkdir()
    yield running
    running.close()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a short name: a Unix socket's path has at most 107 bytes."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="dp") as name:
        yield Path(name)

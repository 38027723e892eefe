# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real device plugin as a process, started as its unit does; a node's two pools, and a whole life of it."""

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
from support.dp_kubelet import DEADLINE, FakeKubelet

PLUGIN = Path(__file__).resolve().parents[2] / "files" / "device_plugin"
SHARED = PLUGIN.parents[1] / "plugins" / "module_utils" / "shared"
PROGRAM = (sys.executable, "-I", str(PLUGIN / "run.py"))
PF1, PF2 = "0000:01:00.0", "0000:02:00.0"
KERNEL = [f"0000:01:10.{n}" for n in (0, 2, 4, 6)]
VFIO = [f"0000:02:10.{n}" for n in (0, 2, 4, 6)]
POOLS = (
    {"resourceName": "kernel", "selectors": {"pfNames": ["enp1s0"]}},
    {"resourceName": "vfio", "selectors": [{"drivers": ["vfio-pci"]}]},
)


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


def serves(daemon: Daemon, program: Sequence[str], seconds: float = DEADLINE) -> None:
    """Registers, lists, allocates; again for another kubelet, and over the stale socket of its own sudden end."""
    daemon.host.add("0000:01:00.0", name="enp1s0", totalvfs=7)
    vfs = daemon.host.add_vfs("0000:01:00.0", 2, driver="vfio-pci")
    for group, address in enumerate(vfs):
        daemon.host.group(address, group)
    daemon.configure({"resourceName": "vf", "selectors": {"drivers": ["vfio-pci"]}})
    kubelet = FakeKubelet(daemon.kubelet_root)
    kubelet.start()
    daemon.start(program=program)
    try:
        with kubelet.plugin(kubelet.registered(seconds).endpoint) as plugin:
            assert plugin.watch().next_ids() == vfs
            (granted,) = plugin.allocate([vfs[1]])
            assert [d.host_path for d in granted.devices] == ["/dev/vfio/vfio", "/dev/vfio/1"]
            assert granted.envs["PCIDEVICE_INTEL_COM_VF"] == vfs[1]
        kubelet.stop()
        kubelet.start()
        assert kubelet.registered(seconds).resource_name == "intel.com/vf"
        daemon.signal(signal.SIGKILL)
        daemon.start(program=program)
        assert kubelet.registered(seconds).resource_name == "intel.com/vf"
    finally:
        kubelet.stop()


def leaves(daemon: Daemon) -> None:
    """Ends well at SIGTERM, leaves no socket, and has said nothing bad all the while."""
    assert daemon.stop() == 0
    assert not list((daemon.kubelet_root / "device-plugins").glob("intel.com*")), "the socket is left behind"
    assert "Traceback" not in daemon.logged() and "ERROR" not in daemon.logged()


def both_registered(kubelet: FakeKubelet) -> dict[str, str]:
    """Resource name -> socket name, of the next two Register requests."""
    requests = [kubelet.registered(), kubelet.registered()]
    return {r.resource_name: r.endpoint for r in requests}

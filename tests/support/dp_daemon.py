# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real device plugin as a process, started as its unit does; a node's two pools, and a whole life of it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.dp_host import FakeHost
from support.fake_kubelet import FakeKubelet, next_ids
from support.processes import DEADLINE

PLUGIN = Path(__file__).resolve().parents[2] / "files" / "device_plugin"
SHARED = PLUGIN.parents[1] / "plugins" / "module_utils" / "shared"
PROGRAM = (sys.executable, "-I", str(PLUGIN / "run.py"))
PF1, PF2 = "0000:01:00.0", "0000:02:00.0"
KERNEL, VFIO = ([f"{pf[:-5]}:10.{n}" for n in (0, 2, 4, 6)] for pf in (PF1, PF2))
POOLS = (
    {"resourceName": "kernel", "selectors": {"pfNames": ["enp1s0"]}},
    {"resourceName": "vfio", "selectors": [{"drivers": ["vfio-pci"]}]},
)


class Daemon(contextlib.ExitStack):
    """The device plugin as its unit starts it, with the folders of one test."""

    process: subprocess.Popen[bytes]  # the last that was started

    def __init__(self, folder: Path, host: FakeHost) -> None:
        super().__init__()
        self.folder, self.host = folder, host
        self.kubelet_root, self.devinfo = folder / "k", folder / "devinfo" / "dp"
        self.config, self.log = folder / "config.json", folder / "log"
        self.kubelet_root.mkdir()
        self._notify = self.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._notify.settimeout(DEADLINE)
        self._notify.bind(str(folder / "notify"))

    def configure(self, *resources: dict[str, Any]) -> None:
        self.config.write_text(json.dumps({"resourceList": list(resources)}))

    def start(self, *arguments: str, program: Sequence[str] = PROGRAM) -> None:
        command = [
            *program, "-config-file", str(self.config), "--root", str(self.host.root),
            "--kubelet-root-dir", str(self.kubelet_root), "--devinfo-dir", str(self.devinfo),
            "--rescan-interval", "0.2", *arguments,
        ]  # fmt: skip
        # gRPC's fork handlers are off in the tests' own process alone: this one turns them off itself.
        settings = {"NOTIFY_SOCKET": str(self.folder / "notify"), "GRPC_ENABLE_FORK_SUPPORT": "1"}
        with open(self.log, "ab") as log:
            self.process = self.enter_context(subprocess.Popen(command, env={**os.environ, **settings}, stderr=log))
        self.callback(self.process.kill)

    def told(self, wanted: str) -> str:
        """Wait for a notification to systemd that holds `wanted`, such as READY=1."""
        while wanted not in (message := self._notify.recv(4096).decode()):
            pass
        return message

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.terminate()
        return self.process.wait(DEADLINE)

    def logged(self) -> str:
        return self.log.read_text()


def get(port: int, page: str) -> tuple[int, str]:
    """Status and text of a page of --metrics-port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def serves(daemon: Daemon, program: Sequence[str], seconds: float = DEADLINE) -> None:
    """Registers, lists, allocates; again for another kubelet, and over the stale socket of its own sudden end."""
    daemon.host.add(PF1, name="enp1s0", totalvfs=7)
    vfs = daemon.host.add_vfs(PF1, 2, driver="vfio-pci", group=0)
    daemon.configure({"resourceName": "vf", "selectors": {"drivers": ["vfio-pci"]}})
    with FakeKubelet(daemon.kubelet_root) as kubelet:
        daemon.start(program=program)
        with kubelet.plugin(kubelet.registered(seconds).endpoint) as plugin:
            assert next_ids(plugin.watch()) == vfs
            (granted,) = plugin.allocate([vfs[1]])
            assert [d.host_path for d in granted.devices] == ["/dev/vfio/vfio", "/dev/vfio/1"]
            assert granted.envs["PCIDEVICE_INTEL_COM_VF"] == vfs[1]
        kubelet.close()
        kubelet.start()
        assert kubelet.registered(seconds).resource_name == "intel.com/vf"
        daemon.process.kill()
        daemon.start(program=program)
        assert kubelet.registered(seconds).resource_name == "intel.com/vf"


def leaves(daemon: Daemon) -> None:
    """Ends well at SIGTERM, leaves no socket, and has said nothing bad all the while."""
    assert daemon.stop() == 0
    assert not list((daemon.kubelet_root / "device-plugins").glob("intel.com*")), "the socket is left behind"
    assert "Traceback" not in daemon.logged() and "ERROR" not in daemon.logged()

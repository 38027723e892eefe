# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs device plugins, each against a kubelet of its own, and tells what each said: here, or on the emulated node.

Usage: dp_run.py PATH.. < PLAN: the folders to import from. The plan: {"folder": where files go, "seconds": limit of
one start, "at_once": how many cases, "sides": {NAME: argv}, "cases": [{"id", "text", "wrong", "options"}]}. In an argv
{config}, {kubelet} and {devinfo} stand for a case's files; the folder has to be short, for the addresses of sockets.
Prints {NAME: {case: observation}}.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

UNKNOWN = "0000:ff:1f.7"
READY = "All servers started."  # a word of the Go plugin's log; ours tells systemd
GONE = 5.0


class Started(contextlib.ExitStack):
    """One plugin with one configuration, and its kubelet; all ends with it."""

    def __init__(self, folder: Path, argv: list[str], case: dict[str, Any], seconds: float) -> None:
        from support.fake_kubelet import FakeKubelet

        super().__init__()
        shutil.rmtree(folder, ignore_errors=True)
        self.devinfo, self.log, self.seconds = folder / "i" / "devinfo" / "dp", folder / "log", seconds
        self.devinfo.mkdir(parents=True)
        places = {"config": folder / "config.json", "kubelet": folder / "k", "devinfo": folder / "i"}
        if case["text"] is not None:
            places["config"].write_text(case["text"])
        self.kubelet = self.enter_context(FakeKubelet(places["kubelet"]))
        self._notify = self.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._notify.bind(str(folder / "n"))
        self._notify.setblocking(False)
        words = [word.format(**places) for word in argv] + case["options"]
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "n")}
        self.began = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True)
        self.callback(self._end)

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()

    def ready(self) -> bool:
        """Wait until it serves; False where it ended. Raises RuntimeError after too long."""
        while self.process.poll() is None:
            with contextlib.suppress(BlockingIOError):
                if b"READY=1" in self._notify.recv(4096):
                    return True
            if READY in self.said():
                return True
            if time.monotonic() > self.began + self.seconds:
                raise RuntimeError(f"{self.process.args!r}: not ready within {self.seconds} s:\n{self.said()[-2000:]}")
            time.sleep(0.02)
        return False

    def said(self) -> str:
        """All that it has logged."""
        return self.log.read_text(errors="replace")

    def requests(self) -> Iterator[Any]:
        """What it registered."""
        while not self.kubelet.requests.empty():
            yield self.kubelet.requests.get()


def observe(folder: Path, argv: list[str], case: dict[str, Any], seconds: float) -> dict[str, Any]:
    """One plugin with one configuration: its end, or its resources and what each answers."""
    with Started(folder, argv, case, seconds) as started:
        if not started.ready():
            word = case["wrong"].lower()
            # The Go plugin logs the whole file before it looks at it.
            lines = [line for line in started.said().splitlines() if not re.search("raw ?Resource ?List", line)]
            says = not word or any(word in line.lower() for line in lines)
            return {"ended": started.process.returncode, "says why": says}
        resources = {request.resource_name: asked(started, request) for request in started.requests()}
        return {"ended": None, "resources": sorted(resources), "of": resources,
                "device-info": device_info(started.devinfo)}  # fmt: skip


def asked(started: Started, request: Any) -> dict[str, Any]:
    """What one pool answers to a kubelet that asks everything."""
    from sriov_device_plugin.api import deviceplugin_pb2 as api

    with started.kubelet.plugin(request.endpoint) as plugin:
        devices = {device.ID: device for device in next(plugin.watch()).devices}
        ids = sorted(devices)
        told = plugin.call("v1beta1.DevicePlugin/GetDevicePluginOptions", api.Empty(), api.DevicePluginOptions)
        found: dict[str, Any] = {
            "version": request.version, "endpoint": request.endpoint,
            "devices": ids,
            "health": {i: devices[i].health for i in ids},
            "topology": {i: [node.ID for node in devices[i].topology.nodes] for i in ids},
            "options": [told.pre_start_required, told.get_preferred_allocation_available],
            "options at registration": [request.options.pre_start_required,
                                        request.options.get_preferred_allocation_available],
        }  # fmt: skip
        for name, wanted in (("first", ids[:1]), ("two", ids[1::-1]), ("all", ids)):
            found.update({f"{name}: {key}": value for key, value in allocated(plugin, wanted).items()})
        found["containers"] = [len(granted(plugin, *wanted)) for wanted in ([], [ids[:1], ids[-1:]])]
        found["unknown device"] = bool("refused" in allocated(plugin, [UNKNOWN]))
        if told.get_preferred_allocation_available:
            found["preferred"] = plugin.preferred(ids, ids[-1:], min(2, len(ids)))
    return found


def granted(plugin: Any, *wanted: list[str]) -> list[Any]:
    """The answers for containers that want these ids; none where the call is refused."""
    import grpc

    try:
        return list(plugin.allocate(*wanted))
    except grpc.RpcError:
        return []


def allocated(plugin: Any, ids: list[str]) -> dict[str, Any]:
    """What a container would get."""
    answers = granted(plugin, ids)
    if not answers:
        return {"refused": True}
    (answer,) = answers
    info = {key: json.loads(value) for key, value in answer.envs.items() if key.endswith("_INFO")}
    return {
        "environment": {key: value for key, value in answer.envs.items() if key not in info},
        "info": info,
        "devices": sorted([spec.host_path, spec.container_path] for spec in answer.devices),
        "permissions": sorted({"".join(sorted(spec.permissions)) for spec in answer.devices}),
        "mounts": sorted([mount.host_path, mount.container_path, mount.read_only] for mount in answer.mounts),
        "annotations": dict(answer.annotations),
        "cdi": [device.name for device in getattr(answer, "cdi_devices", ())],
    }


def device_info(folder: Path) -> dict[str, Any]:
    """The files by their names, without the version of their format."""
    found = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {name: {key: value for key, value in found[name].items() if key != "version"} for name in sorted(found)}


def run(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All cases; in each, all sides at once."""
    with ThreadPoolExecutor(plan.get("at_once", 1) * len(plan["sides"])) as threads:
        futures = [
            (name, case["id"], threads.submit(observe, Path(plan["folder"], f"{name}{number}"), argv, case,
                                              plan["seconds"]))
            for number, case in enumerate(plan["cases"]) for name, argv in plan["sides"].items()
        ]  # fmt: skip
        found: dict[str, dict[str, Any]] = {name: {} for name in plan["sides"]}
        for name, case_id, future in futures:
            found[name][case_id] = future.result()
    return found


if __name__ == "__main__":
    abi = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    sys.path[:0] = [path.replace("ABI", abi) for path in sys.argv[1:]]
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    print(json.dumps(run(json.load(sys.stdin))))

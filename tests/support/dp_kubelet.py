# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubelet's side of the device plugin API: a real gRPC server and real clients, in a folder of its own."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import grpc

from sriov_device_plugin.api import deviceplugin_pb2 as api
from sriov_device_plugin.api import pluginregistration_pb2 as watcher_api

DEADLINE = 30.0  # seconds for whatever should happen soon, also the start of a daemon on a busy machine


def wait_for(what: Callable[[], Any], message: str, deadline: float = DEADLINE) -> Any:
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {deadline} s: {message}")


class Stream:
    """One ListAndWatch call, its messages in a queue."""

    def __init__(self, channel: grpc.Channel) -> None:
        call = channel.unary_stream(
            "/v1beta1.DevicePlugin/ListAndWatch",
            request_serializer=api.Empty.SerializeToString,
            response_deserializer=api.ListAndWatchResponse.FromString,
        )
        self.messages: queue.Queue[list[Any] | None] = queue.Queue()
        self.call = call(api.Empty())
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for message in self.call:
                self.messages.put(list(message.devices))
        except grpc.RpcError:
            pass
        self.messages.put(None)

    def next(self, deadline: float = DEADLINE) -> list[Any] | None:
        """The devices of the next message; None where the stream has ended."""
        return self.messages.get(timeout=deadline)

    def next_ids(self, deadline: float = DEADLINE) -> list[str]:
        devices = self.next(deadline)
        assert devices is not None, "the stream has ended"
        return [device.ID for device in devices]


class Plugin:
    """A kubelet's connection to one pool's socket."""

    def __init__(self, path: Path) -> None:
        self.channel = grpc.insecure_channel(f"unix:{path}")

    def __enter__(self) -> Plugin:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def call(self, method: str, request: Any, answer: Any) -> Any:
        call = self.channel.unary_unary(
            f"/{method}",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return call(request, timeout=DEADLINE)

    def watch(self) -> Stream:
        return Stream(self.channel)

    def allocate(self, *containers: list[str]) -> Any:
        request = api.AllocateRequest()
        for ids in containers:
            request.container_requests.add(devices_ids=ids)
        return self.call("v1beta1.DevicePlugin/Allocate", request, api.AllocateResponse).container_responses

    def preferred(self, available: list[str], must: list[str], size: int) -> list[str]:
        request = api.PreferredAllocationRequest()
        request.container_requests.add(available_deviceIDs=available, must_include_deviceIDs=must, allocation_size=size)
        answer = self.call("v1beta1.DevicePlugin/GetPreferredAllocation", request, api.PreferredAllocationResponse)
        return list(answer.container_responses[0].deviceIDs)

    def info(self) -> Any:
        return self.call("pluginregistration.Registration/GetInfo", watcher_api.InfoRequest(), watcher_api.PluginInfo)

    def tell(self, registered: bool, error: str = "") -> None:
        self.call(
            "pluginregistration.Registration/NotifyRegistrationStatus",
            watcher_api.RegistrationStatus(plugin_registered=registered, error=error),
            watcher_api.RegistrationStatusResponse,
        )


class FakeKubelet:
    """The Registration service on kubelet.sock; `start` wipes the folder, as a kubelet does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "device-plugins"
        self.requests: queue.Queue[Any] = queue.Queue()
        self.refuse_with = ""
        self._server: grpc.Server | None = None

    def start(self, wipe: bool = True) -> None:
        self.folder.mkdir(exist_ok=True, parents=True)
        for entry in self.folder.iterdir() if wipe else ():
            entry.unlink()
        handler = grpc.unary_unary_rpc_method_handler(
            self._register,
            request_deserializer=api.RegisterRequest.FromString,
            response_serializer=api.Empty.SerializeToString,
        )
        server = grpc.server(ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("v1beta1.Registration", {"Register": handler}),)
        )
        server.add_insecure_port(f"unix:{self.folder}/kubelet.sock")
        server.start()
        self._server = server

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(0).wait()
            self._server = None

    def _register(self, request: Any, context: Any) -> Any:
        self.requests.put(request)
        if self.refuse_with:
            context.abort(grpc.StatusCode.UNKNOWN, self.refuse_with)
        return api.Empty()

    def registered(self, deadline: float = DEADLINE) -> Any:
        """The next Register request."""
        return self.requests.get(timeout=deadline)

    def plugin(self, endpoint: str) -> Plugin:
        return Plugin(self.folder / endpoint)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet leaves on a node, serves and asks: its note, real gRPC servers, or a stranger, and real clients."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import grpc

from sriov_device_plugin.api import deviceplugin_pb2 as api
from sriov_device_plugin.api import pluginregistration_pb2 as watcher_api
from sriov_device_plugin.api import podresources_pb2 as pods_api
from support.fake_tree import Tree
from support.processes import DEADLINE

UID, RESOURCE = "0f6c51a5-6d8b-4a5e-9b7c-2f0c9a1d3e4f", "baremetal.sriov/kernel"
NOTE = "var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"
POD_RESOURCES = "pod-resources/kubelet.sock"
GROUPS = [
    f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID.replace('-', '_')}.slice",
    f"kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice",
    f"kubepods/besteffort/pod{UID}",
    f"kubepods/pod{UID}",
    f"systemd/kubepods/burstable/pod{UID}",
    f"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{UID.replace('-', '_')}.slice",
]


# What it leaves on a node.


def allocate(host: Tree, *addresses: str, note: str = NOTE) -> None:
    """The kubelet's note as Kubernetes 1.20 and later write it."""
    data = {
        "PodDeviceEntries": [{
            "PodUID": UID, "ContainerName": "app", "ResourceName": RESOURCE, "AllocResp": "CgA=",
            "DeviceIDs": {"-1": addresses},
        }],
        "RegisteredDevices": {RESOURCE: addresses},
    }  # fmt: skip
    host.put(note, json.dumps({"Data": data, "Checksum": 1}))


# What it serves.


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of any path that fits into a socket's address."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)


@contextlib.contextmanager
def serve(path: Path, method: str, answer: Callable[[Any, Any], Any], request: Any) -> Iterator[None]:
    """grpcio's server at a socket, with one method such as v1.PodResourcesLister/List and the class of its request."""
    service, name = method.split("/")
    methods = {name: grpc.unary_unary_rpc_method_handler(answer, request.FromString, lambda m: m.SerializeToString())}
    server = grpc.server(
        ThreadPoolExecutor(2), [grpc.method_handlers_generic_handler(service, methods)],
        options=[("grpc.max_send_message_length", -1)],
    )  # fmt: skip
    with _short(path) as place:
        server.add_insecure_port(f"unix:{place}")
        server.start()
        try:
            yield
        finally:
            server.stop(None).wait()


def pod_lister(
    folder: Path, answer: Callable[[Any, Any], Any], method: str = "List"
) -> contextlib.AbstractContextManager[None]:
    """What tells of pods, at its place below a kubelet's folder."""
    return serve(folder / POD_RESOURCES, f"v1.PodResourcesLister/{method}", answer, pods_api.ListPodResourcesRequest)


def response(*containers: tuple[str, str, str, list[str]]) -> pods_api.ListPodResourcesResponse:
    """An answer of (namespace, pod, container, device ids), each pod with one container."""
    return pods_api.ListPodResourcesResponse(pod_resources=[
        {"namespace": namespace, "name": name, "containers": [
            {"name": container, "devices": [{"resource_name": RESOURCE, "device_ids": ids}]}
        ]} for namespace, name, container, ids in containers
    ])  # fmt: skip


@contextlib.contextmanager
def stranger(folder: Path, said: bytes, stays: bool) -> Iterator[None]:
    """A service that says these bytes to whoever comes first, and then hangs up, or waits until the other does."""

    def serve_one() -> None:
        with listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(said)
            while stays and connection.recv(65536):
                pass

    with _short(folder / POD_RESOURCES) as name, socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(10.0)
        listener.bind(name)
        listener.listen()
        with ThreadPoolExecutor(1) as threads:
            threads.submit(serve_one)
            yield


class FakeKubelet(contextlib.ExitStack):
    """The Registration service on kubelet.sock, closed and started again at will; a start wipes the folder."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.folder = root / "device-plugins"
        self.refuse_with = ""
        self.start()

    def start(self, wipe: bool = True) -> None:
        self.requests: queue.Queue[Any] = queue.Queue()  # what came twice before is nothing to this one
        for entry in self.folder.glob("*") if wipe else ():
            entry.unlink()
        self.enter_context(
            serve(self.folder / "kubelet.sock", "v1beta1.Registration/Register", self._register, api.RegisterRequest)
        )

    def _register(self, request: Any, context: Any) -> Any:
        self.requests.put(request)
        if self.refuse_with:
            context.abort(grpc.StatusCode.UNKNOWN, self.refuse_with)
        return api.Empty()

    def registered(self, deadline: float = DEADLINE) -> Any:
        """The next Register request."""
        return self.requests.get(timeout=deadline)

    def both_registered(self) -> dict[str, str]:
        """Resource name -> socket name, of the next Register requests until two resources have come; one may come twice
        while a kubelet starts.
        """
        found: dict[str, str] = {}
        while len(found) < 2:
            request = self.registered()
            found[request.resource_name] = request.endpoint
        return found

    def plugin(self, endpoint: str) -> Plugin:
        return Plugin(self.folder / endpoint)


# What it asks.


def next_ids(stream: Iterator[Any]) -> list[str]:
    """The devices of the next message of a ListAndWatch call, which raises where there is none any more."""
    return [device.ID for device in next(stream).devices]


class Plugin(contextlib.ExitStack):
    """A kubelet's connection to one pool's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.channel = self.enter_context(grpc.insecure_channel(f"unix:{path}"))

    def call(self, method: str, request: Any, answer: Any) -> Any:
        return self.channel.unary_unary(f"/{method}", lambda m: m.SerializeToString(), answer.FromString)(
            request, timeout=DEADLINE
        )

    def watch(self) -> Any:
        """A ListAndWatch call, which is an iterator."""
        call = self.channel.unary_stream(
            "/v1beta1.DevicePlugin/ListAndWatch", api.Empty.SerializeToString, api.ListAndWatchResponse.FromString
        )(api.Empty(), timeout=8 * DEADLINE)
        self.callback(call.cancel)  # so that it lasts as long as the connection
        return call

    def allocate(self, *containers: list[str]) -> Any:
        request = api.AllocateRequest(container_requests=[{"devices_ids": ids} for ids in containers])
        return self.call("v1beta1.DevicePlugin/Allocate", request, api.AllocateResponse).container_responses

    def preferred(self, available: list[str], must: list[str], size: int) -> list[str]:
        request = api.PreferredAllocationRequest(container_requests=[
            {"available_deviceIDs": available, "must_include_deviceIDs": must, "allocation_size": size}
        ])  # fmt: skip
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

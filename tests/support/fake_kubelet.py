# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet leaves on a node and answers: its note, and a real gRPC server, or a stranger, behind its socket."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import grpc

from sriov_device_plugin.api import podresources_pb2 as api
from support.fake_host import FakeHost

UID = "0f6c51a5-6d8b-4a5e-9b7c-2f0c9a1d3e4f"
NOTE = "var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"


def allocate(host: FakeHost, *addresses: str, uid: str = UID, folder: str = "var/lib/kubelet") -> None:
    """The kubelet's note as Kubernetes 1.20 and later write it."""
    entry = {"PodUID": uid, "ContainerName": "app", "ResourceName": "baremetal.sriov/kernel", "AllocResp": "CgA="}
    entry["DeviceIDs"] = {"-1": list(addresses)}  # type: ignore[assignment]
    data = {"PodDeviceEntries": [entry], "RegisteredDevices": {"baremetal.sriov/kernel": list(addresses)}}
    host.put(f"{folder}/device-plugins/kubelet_internal_checkpoint", json.dumps({"Data": data, "Checksum": 1}))


GROUPS = [
    f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID.replace('-', '_')}.slice",
    f"kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice",
    f"kubepods/besteffort/pod{UID}",
    f"kubepods/pod{UID}",
    f"systemd/kubepods/burstable/pod{UID}",
    f"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{UID.replace('-', '_')}.slice",
]

Answer = Callable[[Any, grpc.ServicerContext], api.ListPodResourcesResponse]


def response(*containers: tuple[str, str, str, list[str]]) -> api.ListPodResourcesResponse:
    """An answer of (namespace, pod, container, device ids), each pod with one container."""
    found = api.ListPodResourcesResponse()
    for namespace, name, container, ids in containers:
        pod = found.pod_resources.add(namespace=namespace, name=name)
        own = pod.containers.add(name=container)
        own.devices.add(resource_name="baremetal.sriov/kernel", device_ids=ids)
    return found


def _place(folder: Path) -> Path:
    path = folder / "pod-resources" / "kubelet.sock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def kubelet(folder: Path, answer: Answer, method: str = "List") -> Iterator[None]:
    """grpcio's server, at the place of a kubelet's socket below its folder."""
    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=api.ListPodResourcesRequest.FromString,
        response_serializer=api.ListPodResourcesResponse.SerializeToString,
    )
    options = [("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(2), options=options)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v1.PodResourcesLister", {method: handler}),))
    with _short(_place(folder)) as name:
        server.add_insecure_port(f"unix:{name}")
        server.start()
        try:
            yield
        finally:
            server.stop(None).wait()


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of any path that fits into a socket's address."""
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)


@contextlib.contextmanager
def stranger(folder: Path, said: bytes, stays: bool) -> Iterator[None]:
    """A service that says these bytes to whoever comes, and then hangs up, or waits."""
    with _short(_place(folder)) as name, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        done = threading.Event()

        def serve() -> None:
            connection, _peer = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(said)
                if stays:
                    done.wait(10.0)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(10.0)

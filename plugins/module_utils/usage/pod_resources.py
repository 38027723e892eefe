# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet's pod-resources API, version 1: which container of which pod has which devices. Writes nothing.

Sources: Kubernetes staging/src/k8s.io/kubelet/pkg/apis/podresources/v1/api.proto, of which
files/device_plugin/proto/podresources.proto is our part; Protocol Buffers, Encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..host.host import Host
from ..model.errors import HostError
from ..model.frozen import dataclass
from . import grpc_call

SOCKET = "pod-resources/kubelet.sock"  # below the kubelet's folder
METHOD = "/v1.PodResourcesLister/List"
SECONDS = 2.0

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
SKIPPED = {FIXED64: 8, FIXED32: 4}  # bytes


@dataclass(frozen=True)
class Container:
    """A container of a pod, and the ids of its devices."""

    namespace: str
    pod: str
    name: str
    devices: tuple[str, ...]


def containers(host: Host, folder: str) -> list[Container] | None:
    """All containers that the kubelet tells of, also those without devices; None where it does not answer.

    folder: the kubelet's, such as /var/lib/kubelet.
    """
    path = f"{folder}/{SOCKET}"
    if not host.exists(path):
        return None
    try:
        return decode(grpc_call.call(host, path, METHOD, SECONDS), path)
    except HostError:
        return None


def decode(message: bytes, path: str) -> list[Container]:
    """A ListPodResourcesResponse. Raises HostError, naming `path`, where it is none."""
    try:
        return [container for pod in _messages(message, 1) for container in _pod(pod)]
    except ValueError as error:
        raise HostError(path, "a ListPodResourcesResponse", str(error)) from error


def _pod(data: bytes) -> Iterator[Container]:
    name, namespace = _text(data, 1), _text(data, 2)
    for container in _messages(data, 3):
        devices = [device for group in _messages(container, 2) for device in _messages(group, 2)]
        ids = tuple(device.decode("utf-8", "replace") for device in devices)
        yield Container(namespace, name, _text(container, 1), ids)


def _text(data: bytes, number: int) -> str:
    """A field's last value."""
    return [b"", *_messages(data, number)][-1].decode("utf-8", "replace")


def _messages(data: bytes, number: int) -> list[bytes]:
    return [value for field, value in _fields(data) if field == number and isinstance(value, bytes)]


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field. Raises ValueError."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if wire == BYTES:
            size, at = _varint(data, at)
        elif wire in SKIPPED:
            size = SKIPPED[wire]
        else:
            raise ValueError(f"a field of the type {wire} at byte {at}")
        if at + size > len(data):
            raise ValueError(f"a field that ends behind the message, at byte {at}")
        if wire == BYTES:
            yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number, and the place behind it. Raises ValueError."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number without an end, at byte {at}")

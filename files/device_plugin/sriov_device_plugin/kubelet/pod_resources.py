# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds which device, as the kubelet tells it: the pod-resources API, v1, and the kubelet's own checkpoint."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from .. import files
from ..api import podresources_pb2 as api
from ..host import pod_ends

SOCKET = os.path.join("pod-resources", "kubelet.sock")
TIMEOUT = 2.0  # seconds
MAX_MESSAGE = 16 << 20  # bytes: what the kubelet's own clients allow
# Kubernetes pkg/kubelet/cm/devicemanager/checkpoint: a map from NUMA node to ids; before 1.20 a list of ids.
CHECKPOINT = os.path.join("device-plugins", "kubelet_internal_checkpoint")
PODS = "pods"  # a folder for each pod that the node knows, named by its UID

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Holder:
    """A container that has devices; of one that only the checkpoint knows, the pod's UID is all there is."""

    namespace: str = ""
    pod: str = ""
    container: str = ""

    def __str__(self) -> str:
        """For a log: NAMESPACE/POD."""
        return f"{self.namespace}/{self.pod}" if self.namespace else self.pod


Holders = dict[tuple[str, str], Holder]


def holders(kubelet_dir: str) -> Holders | None:
    """(resource name, device id) -> its container; None where the kubelet does not answer."""
    answer = _list(kubelet_dir)
    return None if answer is None else _holders(answer)


def _list(kubelet_dir: str) -> api.ListPodResourcesResponse | None:
    options = [("grpc.max_receive_message_length", MAX_MESSAGE)]
    with grpc.insecure_channel(f"unix:{os.path.join(kubelet_dir, SOCKET)}", options) as channel:
        call = channel.unary_unary(
            "/v1.PodResourcesLister/List",
            request_serializer=api.ListPodResourcesRequest.SerializeToString,
            response_deserializer=api.ListPodResourcesResponse.FromString,
        )
        try:
            answer: api.ListPodResourcesResponse = call(api.ListPodResourcesRequest(), timeout=TIMEOUT)
        except grpc.RpcError as error:
            log.debug("pod-resources: %s", error)
            return None
    return answer


def _holders(answer: api.ListPodResourcesResponse) -> Holders:
    return {
        (devices.resource_name, device_id): Holder(pod.namespace, pod.name, container.name)
        for pod in answer.pod_resources
        for container in pod.containers
        for devices in container.devices
        for device_id in devices.device_ids
    }


@dataclass(frozen=True)
class Known:
    """Who holds what, from all that is known; is_complete: False where there may be more than could be read."""

    holders: Holders
    is_complete: bool


def known_holders(kubelet_dir: str, root: str = "") -> Holders:
    """(resource name, device id) -> its container, from all that is known (see `known`)."""
    return known(kubelet_dir, root).holders


def known(kubelet_dir: str, root: str = "") -> Known:
    """From the kubelet and its checkpoint, so that no holder is missed while the kubelet is away or still starting.

    A kubelet that starts answers before it has heard of its pods, and its checkpoint still names pods that have
    ended: an entry of the checkpoint counts while its pod's folder is there. A container does not see those folders;
    there it counts until the kubelet knows some pod, since that container is in one. A pod that has finished and is
    not deleted keeps its folder, and older kubelets go on naming it: it holds nothing any more.
    """
    has_socket = os.path.exists(os.path.join(kubelet_dir, SOCKET))
    answer = _list(kubelet_dir) if has_socket else None
    knows_pods = answer is not None and len(answer.pod_resources) > 0
    checkpoint = os.path.join(kubelet_dir, CHECKPOINT)
    entries = _checkpoint(checkpoint)
    finished = pod_ends.finished(root, {uid for uid, _resource, _device in entries or ()})
    noted: dict[tuple[str, str], set[str]] = {}
    found: Holders = {}
    pods = os.path.join(kubelet_dir, PODS)
    sees_pods = os.path.isdir(pods)
    for uid, resource, device_id in entries or ():
        noted.setdefault((resource, device_id), set()).add(uid)
        if uid not in finished and (os.path.isdir(os.path.join(pods, uid)) if sees_pods else not knows_pods):
            found[resource, device_id] = Holder(pod=uid)
    told = {} if answer is None else _holders(answer)
    found.update({key: holder for key, holder in told.items() if not noted.get(key) or noted[key] - finished})
    has_noted = entries is not None and (os.path.exists(checkpoint) or not has_socket)
    return Known(found, answer is not None or has_noted)


def as_list(holders: Holders) -> list[dict[str, str]]:
    """For JSON, by resource and device; of a pod that only the checkpoint knows, its UID in the pod's place."""
    return [
        {"resource": resource, "device": device_id, "pod": str(holder), "container": holder.container}
        for (resource, device_id), holder in sorted(holders.items(), key=lambda item: item[0])
    ]


def _checkpoint(path: str) -> list[tuple[str, str, str]] | None:
    """(pod's UID, resource name, device id) of each entry; what is not of that form is passed over. No file has none;
    None for one that can't be read.
    """
    try:
        document = json.loads(files.read(path, MAX_MESSAGE))
        entries = document["Data"]["PodDeviceEntries"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        log.debug("%s: %s", path, error)
        return None
    return [found for entry in entries for found in _entry(entry)] if isinstance(entries, list) else []


def _entry(entry: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(entry, dict):
        uid, resource = entry.get("PodUID"), entry.get("ResourceName")
        if isinstance(uid, str) and "/" not in uid and "\0" not in uid and isinstance(resource, str):
            yield from ((uid, resource, device_id) for device_id in _ids(entry.get("DeviceIDs")))


def _ids(value: Any) -> Iterator[str]:
    lists = value.values() if isinstance(value, dict) else [value]
    for ids in lists:
        yield from (text for text in (ids if isinstance(ids, list) else ()) if isinstance(text, str))

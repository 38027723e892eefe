# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds which device, as the kubelet tells it: the pod-resources API, v1."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import grpc

from .api import podresources_pb2 as api

SOCKET = os.path.join("pod-resources", "kubelet.sock")
TIMEOUT = 2.0  # seconds
MAX_MESSAGE = 16 << 20  # bytes: what the kubelet's own clients allow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Holder:
    """A container that has devices."""

    namespace: str = ""
    pod: str = ""
    container: str = ""


def holders(kubelet_dir: str) -> dict[tuple[str, str], Holder] | None:
    """(resource name, device id) -> its container; None where the kubelet does not answer."""
    options = [("grpc.max_receive_message_length", MAX_MESSAGE)]
    with grpc.insecure_channel(f"unix:{os.path.join(kubelet_dir, SOCKET)}", options) as channel:
        call = channel.unary_unary(
            "/v1.PodResourcesLister/List",
            request_serializer=api.ListPodResourcesRequest.SerializeToString,
            response_deserializer=api.ListPodResourcesResponse.FromString,
        )
        try:
            answer = call(api.ListPodResourcesRequest(), timeout=TIMEOUT)
        except grpc.RpcError as error:
            log.debug("pod-resources: %s", error)
            return None
    return {
        (devices.resource_name, device_id): Holder(pod.namespace, pod.name, container.name)
        for pod in answer.pod_resources
        for container in pod.containers
        for devices in container.devices
        for device_id in devices.device_ids
    }

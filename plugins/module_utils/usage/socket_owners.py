# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens at the sockets of device plugins. Writes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..host.host import Host
from ..shared.places import DEVICE_PLUGIN_UNIT, LIBRARIES
from .pods import pods_by_uid

LEGACY = "device-plugins"
SOCKETS = ("plugins_registry", LEGACY)  # where a device plugin of the kubelet has its socket
KUBELET = "kubelet.sock"
# Compiled where there is somebody.
_POD = r"pod([0-9a-f]{8}[-_]?(?:[0-9a-f]{4}[-_]?){3}[0-9a-f]{12})"
_UNIT = r"(?m)/([^/]+\.service)(?:/|$)"


def socket_name(resource: str) -> str:
    """What device plugins for SR-IOV call the socket of a resource, ours too."""
    return f"{resource.replace('/', '_', 1)}.sock"


def others(host: Host, folders: Iterable[str], resources: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(socket, resource, owner in words) where somebody else listens for a resource of ours, or has: ""."""
    for folder in folders:
        for resource in resources:
            for path in sockets(host, folder, resource):
                pid = host.socket_owner(path)
                if pid is None or not is_ours(host, pid):
                    yield path, resource, "" if pid is None else words_of(host, pid)


def sockets(host: Host, folder: str, resource: str) -> list[str]:
    """Those that are there for a resource, by its name."""
    paths = [f"{folder}/{below}/{socket_name(resource)}" for below in SOCKETS]
    return [path for path in paths if host.exists(path)]


def is_ours(host: Host, pid: int) -> bool:
    """The service, or our program in a pod. Who is not to be seen (0) is taken for it: whether it takes back what is
    withdrawn, the kubelet's note shows.
    """
    if not pid or DEVICE_PLUGIN_UNIT in (host.read_text(f"/proc/{pid}/cgroup") or ""):
        return True
    words = (host.read_text(f"/proc/{pid}/cmdline") or "").split("\0")
    return any(
        word.startswith(tuple(f"{place}/" for place in LIBRARIES)) and word.endswith("/run.py") for word in words
    )


def words_of(host: Host, pid: int) -> str:
    """A process for people, with its pod or its unit."""
    name = (host.read_text(f"/proc/{pid}/comm") or "?").strip()
    unit, pod = place_of(host, pid)
    return f"process {pid} ({name}){f' of the pod {pod}' if pod else f' of {unit}' if unit else ''}"


def place_of(host: Host, pid: int) -> tuple[str, str]:
    """A process' unit and its pod, by NAMESPACE/NAME or its UID; "" for what it is not of."""
    group = host.read_text(f"/proc/{pid}/cgroup") or ""
    pod, unit = re.search(_POD, group), re.search(_UNIT, group)
    if pod:
        uid = pod.group(1).replace("_", "-")
        return "", pods_by_uid(host).get(uid, f"with the UID {uid}")
    return (unit.group(1) if unit else ""), ""

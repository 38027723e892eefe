# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods the kubelet gave which devices to, from its own note on disk. Writes nothing.

The kubelet writes its device manager's checkpoint before a container starts (pkg/kubelet/cm/devicemanager/checkpoint).
Its pod-resources socket says the same from the same source, but not where it is needed most: the kubelet may be stopped
for the change, and gRPC is there only where our device plugin was installed, not on a fresh host or with a device
plugin of others. A pod that has ended stays in the checkpoint until the next allocation, but has no control group any
more, so a node that was drained by anybody passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import HostError
from .host import Host

CHECKPOINT = "device-plugins/kubelet_internal_checkpoint"
FOLDERS = ("/var/lib/kubelet", "/var/snap/microk8s/common/var/lib/kubelet", "/var/lib/k0s/kubelet")
POD_LOGS = "/var/log/pods"  # folders named NAMESPACE_NAME_UID
GROUPS = "/sys/fs/cgroup"
GROUPS_DEPTH = 6
SIZE_LIMIT = 64 << 20  # bytes


def allocations(host: Host) -> dict[str, tuple[str, ...]]:
    """Device id -> the pods that run and have it, in words. Our devices' ids are PCI addresses.

    Raises HostError where a checkpoint is there and can't be read: nothing may be taken from pods unseen then.
    """
    found: dict[str, list[str]] = {}
    names: Mapping[str, str] | None = None
    running: set[str] | None = None
    for folder in FOLDERS:
        for uid, container, devices in _entries(host, f"{folder}/{CHECKPOINT}"):
            if running is None:
                running, names = _running(host), _names(host)
            if _flat(uid) not in running:
                continue
            words = f"pod {(names or {}).get(uid, f'with the UID {uid}')}, container {container}"
            for device in devices:
                found.setdefault(device, []).append(words)
    return {device: tuple(dict.fromkeys(words)) for device, words in found.items()}


def _entries(host: Host, path: str) -> Iterator[tuple[str, str, list[str]]]:
    """(pod's UID, container, device ids) of each allocation."""
    text = host.read_text(path, SIZE_LIMIT)
    if text is None:
        return
    try:
        entries = json.loads(text)["Data"]["PodDeviceEntries"] or []
        for entry in entries:
            ids = entry["DeviceIDs"] or []
            # By NUMA node; before Kubernetes 1.20 one list.
            groups = list(ids.values()) if isinstance(ids, dict) else [ids]
            devices = [str(device) for group in groups for device in group]
            yield str(entry["PodUID"]), str(entry["ContainerName"]), devices
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostError(
            path,
            "the kubelet's note of which pods have which devices",
            f"another form ({error!r})",
            "Drain the node and stop the kubelet first, or tell the makers of this collection about this kubelet.",
        ) from error


def _names(host: Host) -> dict[str, str]:
    """A pod's UID -> namespace/name."""
    found = {}
    for name in host.list_dir(POD_LOGS):
        parts: list[Any] = name.split("_")
        if len(parts) == 3:
            found[parts[2]] = f"{parts[0]}/{parts[1]}"
    return found


def _running(host: Host) -> set[str]:
    """The UIDs (see `_flat`) of pods with a control group: pod<uid>, or kubepods-...-pod<uid>.slice with systemd.

    The kubelet takes an ended pod's group away some time later; one that says that nothing runs in it does not count.
    """
    found = set()
    level = [GROUPS]
    for _depth in range(GROUPS_DEPTH):
        below = []
        for folder in level:
            for name in host.list_dir(folder):
                stem = name[:-6] if name.endswith(".slice") else name
                uid = stem.rpartition("pod")[2]
                if stem.startswith(("pod", "kube")) and len(_flat(uid)) >= 32:
                    # Linux Documentation/admin-guide/cgroup-v2.rst; version 1 has no such file.
                    if "populated 0" not in (host.read_text(f"{folder}/{name}/cgroup.events", 4096) or ""):
                        found.add(_flat(uid))
                elif "kube" in name or name in ("systemd", "pids", "unified", "system.slice") or _is_qos(name):
                    below.append(f"{folder}/{name}")
        level = below
    return found


def _is_qos(name: str) -> bool:
    return name in ("besteffort", "burstable", "guaranteed")


def _flat(uid: str) -> str:
    """systemd's names have _ for the - of a UID; static pods have UIDs without either."""
    return uid.replace("-", "").replace("_", "")

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods the kubelet gave which devices to, and which devices it knows of. Writes nothing.

Its device manager's checkpoint is read, which it writes before a container starts (Kubernetes
pkg/kubelet/cm/devicemanager/checkpoint), and which tells also while it is stopped. It may name a pod that has ended;
such a one has no control group any more, so a node that was drained by anybody passes. One that is about to start has
none yet, but a folder; and one that was admitted a moment ago has neither, so it is told from those that ended long
before by who was there when the plan was made.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..host.host import Host
from ..model.errors import HostError
from ..model.goal import KUBELET_FOLDERS
from .pods import has_container_logs, pods_by_uid

CHECKPOINT = "device-plugins/kubelet_internal_checkpoint"
PODS = "pods"  # a folder for each pod that the kubelet has begun to start, until it has cleaned up behind it
ENDED, HERE = "ended", "here"
GROUPS = "/sys/fs/cgroup"
GROUPS_DEPTH = 6
# Beside those with "kube" in their names: groups that pods may be below.
OUTER_GROUPS = ("systemd", "pids", "unified", "system.slice", "besteffort", "burstable", "guaranteed")
SIZE_LIMIT = 64 << 20  # bytes

Entry = tuple[str, str, str, str]  # a device's id, the pod's UID, the container, the resource


def allocations(
    host: Host, folders: Sequence[str] = KUBELET_FOLDERS, ended: Collection[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Device id -> the pods that have it, in words. Our devices' ids are PCI addresses.

    folders: those that a kubelet may keep its files in. ended: the pods without any trace that have ended (see
    `untraced`); None: all of those.

    Raises HostError where a checkpoint is there and can't be read: nothing may be taken from pods unseen then.
    """
    found: dict[str, list[str]] = {}
    names: Mapping[str, str] = {}
    for (device, uid, container, _resource), trace in _traced(host, folders):
        if trace is ENDED or (trace is None and (ended is None or uid in ended)):
            continue
        names = names or pods_by_uid(host)
        found.setdefault(device, []).append(_words(names, uid, container))
    return {device: tuple(dict.fromkeys(words)) for device, words in found.items()}


def holdings(host: Host, folders: Sequence[str] = KUBELET_FOLDERS) -> dict[str, dict[str, str]]:
    """Resource -> device id -> the pod that has it under that name, in words. Raises HostError."""
    found: dict[str, dict[str, str]] = {}
    names: Mapping[str, str] = {}
    for (device, uid, container, resource), trace in _traced(host, folders):
        if trace is not ENDED:
            names = names or pods_by_uid(host)
            found.setdefault(resource, {})[device] = _words(names, uid, container)
    return found


def _words(names: Mapping[str, str], uid: str, container: str) -> str:
    return f"pod {names.get(uid, f'with the UID {uid}')}, container {container}"


def untraced(host: Host, folders: Sequence[str] = KUBELET_FOLDERS) -> tuple[str, ...]:
    """The UIDs of pods that a checkpoint names and that have left no trace. Raises HostError."""
    return tuple({entry[1]: None for entry, trace in _traced(host, folders) if trace is None})


def registered(host: Host, folder: str) -> dict[str, tuple[str, ...]]:
    """Resource -> the healthy devices that the kubelet of this folder knows of. Raises HostError."""
    path = f"{folder}/{CHECKPOINT}"
    try:
        noted = _data(host, path).get("RegisteredDevices") or {}
        return {str(resource): tuple(str(device) for device in ids or ()) for resource, ids in noted.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _other_form(path, error) from error


def root_dir_of(text: str | None) -> str:
    """The kubelet's folder that node.json names; "" where it names none, or is not to be read."""
    try:
        found = json.loads(text or "{}")["kubelet_root_dir"]
    except (ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) and found.startswith("/") else ""


def _traced(host: Host, folders: Sequence[str]) -> Iterator[tuple[Entry, str | None]]:
    """Each entry, with what there is of the pod: ENDED, HERE, or None."""
    running: set[str] | None = None
    logged: Mapping[str, str] | None = None
    for folder in dict.fromkeys(folders):
        for entry in _entries(host, f"{folder}/{CHECKPOINT}"):
            uid = entry[1]
            running = _running(host) if running is None else running
            logged = pods_by_uid(host) if logged is None else logged
            trace = None
            begun = bool(uid) and "/" not in uid and host.exists(f"{folder}/{PODS}/{uid}")
            # Its logs' folder is made before its network is, and its containers' when they are: then it had a group.
            if _flat(uid) in running or (begun and not has_container_logs(host, logged.get(uid, ""), uid)):
                trace = HERE
            elif uid in logged:
                trace = ENDED
            yield entry, trace


def _data(host: Host, path: str) -> dict[str, Any]:
    """Raises HostError, ValueError, KeyError, TypeError."""
    text = host.read_text(path, SIZE_LIMIT)
    return {"PodDeviceEntries": None} if text is None else dict(json.loads(text)["Data"])


def _entries(host: Host, path: str) -> Iterator[Entry]:
    """Each device of each allocation."""
    try:
        for entry in _data(host, path)["PodDeviceEntries"] or ():
            ids = entry["DeviceIDs"] or []
            # By NUMA node; before Kubernetes 1.20 one list.
            groups = list(ids.values()) if isinstance(ids, dict) else [ids]
            for device in (device for group in groups for device in group):
                yield str(device), str(entry["PodUID"]), str(entry["ContainerName"]), str(entry.get("ResourceName", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _other_form(path, error) from error


def _other_form(path: str, error: Exception) -> HostError:
    return HostError(
        path,
        "the kubelet's note of which pods have which devices",
        f"another form ({error!r})",
        "Drain the node and stop the kubelet first, or tell the makers of this collection about this kubelet.",
    )


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
                elif "kube" in name or name in OUTER_GROUPS:
                    below.append(f"{folder}/{name}")
        level = below
    return found


def _flat(uid: str) -> str:
    """systemd's names have _ for the - of a UID; static pods have UIDs without either."""
    return uid.replace("-", "").replace("_", "")

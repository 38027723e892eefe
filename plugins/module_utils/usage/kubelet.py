# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods the kubelet gave which devices to. Writes nothing.

The kubelet itself tells on its pod-resources socket. Where it does not answer (it may be stopped for the change), and
for pods that one which has just started does not know yet, its device manager's checkpoint is read, which it writes
before a container starts (Kubernetes pkg/kubelet/cm/devicemanager/checkpoint). Both may name a pod that has ended; such
a one has no control group any more, so a node that was drained by anybody passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from ..host.host import Host
from ..model.errors import HostError
from ..model.goal import KUBELET_FOLDERS
from . import pod_resources
from .other_managers import logged_pods

CHECKPOINT = "device-plugins/kubelet_internal_checkpoint"
GROUPS = "/sys/fs/cgroup"
GROUPS_DEPTH = 6
# Beside those with "kube" in their names: groups that pods may be below.
OUTER_GROUPS = ("systemd", "pids", "unified", "system.slice", "besteffort", "burstable", "guaranteed")
SIZE_LIMIT = 64 << 20  # bytes

Entry = tuple[str, str, str]  # a device's id, the pod's UID, the container


def allocations(host: Host, folders: Sequence[str] = KUBELET_FOLDERS) -> dict[str, tuple[str, ...]]:
    """Device id -> the pods that run and have it, in words. Our devices' ids are PCI addresses.

    folders: those that a kubelet may keep its files in.

    Raises HostError where no kubelet answers and a checkpoint is there and can't be read: nothing may be taken from
    pods unseen then.
    """
    found: dict[str, list[str]] = {}
    for folder in dict.fromkeys(folders):
        told = pod_resources.containers(host, folder)
        try:
            noted = list(_entries(host, f"{folder}/{CHECKPOINT}"))
        except HostError:
            if not told:
                raise
            noted = []
        if told or noted:
            names = {uid: f"{namespace}/{name}" for namespace, name, uid in logged_pods(host)}
            for device, words in _holders(told or [], noted, names, _running(host)):
                found.setdefault(device, []).append(words)
    return {device: tuple(dict.fromkeys(words)) for device, words in found.items()}


def root_dir_of(text: str | None) -> str:
    """The kubelet's folder that node.json names; "" where it names none, or is not to be read."""
    try:
        found = json.loads(text or "{}")["kubelet_root_dir"]
    except (ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) and found.startswith("/") else ""


def _holders(
    told: Sequence[pod_resources.Container], noted: Sequence[Entry], names: Mapping[str, str], running: set[str]
) -> Iterator[tuple[str, str]]:
    """(device id, its holder in words). told: by the kubelet; noted: in its checkpoint."""
    pods: dict[str, list[str]] = {}
    for device, uid, _container in noted:
        pods.setdefault(device, []).append(uid)
    for container in told:
        for device in container.devices:
            uids = pods.get(device, [])
            # One that has logs and no control group has ended; one that has neither is about to start.
            if not uids or not all(uid in names and _flat(uid) not in running for uid in uids):
                yield device, f"pod {container.namespace}/{container.pod}, container {container.name}"
    known = {device for container in told for device in container.devices}
    for device, uid, container_name in noted:
        if device not in known and _flat(uid) in running:
            yield device, f"pod {names.get(uid, f'with the UID {uid}')}, container {container_name}"


def _entries(host: Host, path: str) -> Iterator[Entry]:
    """Each device of each allocation."""
    text = host.read_text(path, SIZE_LIMIT)
    if text is None:
        return
    try:
        entries = json.loads(text)["Data"]["PodDeviceEntries"] or []
        for entry in entries:
            ids = entry["DeviceIDs"] or []
            # By NUMA node; before Kubernetes 1.20 one list.
            groups = list(ids.values()) if isinstance(ids, dict) else [ids]
            for device in (device for group in groups for device in group):
                yield str(device), str(entry["PodUID"]), str(entry["ContainerName"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostError(
            path,
            "the kubelet's note of which pods have which devices",
            f"another form ({error!r})",
            "Drain the node and stop the kubelet first, or tell the makers of this collection about this kubelet.",
        ) from error


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

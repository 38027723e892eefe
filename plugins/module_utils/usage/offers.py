# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices the kubelet would give to a pod now, and who offers them to it. Writes nothing.

The kubelet notes the healthy devices of each resource in its checkpoint at each list that a device plugin sends it, and
gives no other ones (Kubernetes pkg/kubelet/cm/devicemanager/manager.go, genericDeviceUpdateCallback and
devicesToAllocate: 1.20 to 1.37 alike). When a plugin ends, the note stays for minutes, though nothing of it is given;
so who listens at the resource's socket counts as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..host.host import Host
from ..model.frozen import dataclass
from .kubelet import CHECKPOINT, registered
from .socket_owners import KUBELET, LEGACY, is_ours, socket_name, sockets, words_of


@dataclass(frozen=True)
class Offer:
    """Devices of one resource, of those that were asked for."""

    folder: str  # the kubelet's
    resource: str
    devices: tuple[str, ...]
    owner: str  # another device plugin, in words; "" for ours

    @property
    def checkpoint(self) -> str:
        """Where the kubelet notes them."""
        return f"{self.folder}/{CHECKPOINT}"


def offers(host: Host, folders: Iterable[str], devices: Collection[str]) -> list[Offer]:
    """Those of these devices that a kubelet which runs would give to a pod. Raises HostError.

    folders: those that a kubelet may keep its files in.
    """
    found = []
    for folder in dict.fromkeys(folders):
        noted = registered(host, folder)
        mine = {resource: tuple(sorted(set(devices) & set(ids))) for resource, ids in noted.items()}
        if not any(mine.values()) or host.socket_owner(f"{folder}/{LEGACY}/{KUBELET}") is None:
            continue
        for resource, ids in sorted(mine.items()):
            owner = _owner(host, folder, resource, noted) if ids else None
            if owner is not None:
                found.append(Offer(folder, resource, ids, owner))
    return found


def still_noted(host: Host, found: Sequence[Offer]) -> list[Offer]:
    """Those of earlier offers whose devices the kubelet still notes. Raises HostError."""
    return [one for one in found if set(one.devices) & set(registered(host, one.folder).get(one.resource, ()))]


def _owner(host: Host, folder: str, resource: str, noted: Iterable[str]) -> str | None:
    """Who serves a resource, in words: "" is our own plugin; None where nobody does any more."""
    pids = [pid for path in sockets(host, folder, resource) if (pid := host.socket_owner(path)) is not None]
    if not pids:  # others choose other names, and those of resources are taken
        known = {KUBELET, *map(socket_name, noted)}
        rest = (name for name in host.list_dir(f"{folder}/{LEGACY}") if name.endswith(".sock") and name not in known)
        found = (host.socket_owner(f"{folder}/{LEGACY}/{name}") for name in rest)
        pids = [pid for pid in found if pid is not None and not is_ours(host, pid)]
    strangers = [pid for pid in pids if not is_ours(host, pid)]
    return words_of(host, strangers[0]) if strangers else "" if pids else None

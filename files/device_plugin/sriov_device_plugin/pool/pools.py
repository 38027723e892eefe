# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource pools: which pool owns which device, and what the kubelet is told of it."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from ..host.discovery import AUXILIARY, Device, Scanner
from .config import PoolConfig
from .selectors import Selector


@dataclass(frozen=True)
class Member:
    """A device of a pool, with the selector object that took it."""

    __slots__ = ("device", "selector")  # there are thousands

    device: Device
    selector: Selector


@dataclass
class Share:
    """What one pool got out of a pass, and why the rest was not taken."""

    config: PoolConfig
    members: dict[str, Member] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)  # reason -> number of devices
    held_back: dict[str, str] = field(default_factory=dict)  # device id -> why the pool does not offer it
    withdrawn: dict[str, str] = field(default_factory=dict)  # of these what the node library takes back
    in_use: dict[str, str] = field(default_factory=dict)  # device id -> what the host does with what a selector takes

    def hold_back(self, device_id: str, reason: str) -> None:
        """Take a device out that the pool has, but must not offer."""
        del self.members[device_id]
        self.held_back[device_id] = reason
        self.rejected[reason] += 1


def scan(configs: Sequence[PoolConfig], scanner: Scanner) -> list[Device]:
    """The devices that these pools can be about."""
    classes = {config.device_type.pci_class for config in configs}
    fields = {key for config in configs for selector in config.selectors for key, _test in selector.tests}
    auxiliary = any(config.device_type.bus == AUXILIARY for config in configs)
    return scanner.scan(classes, auxiliary, "ddpProfiles" in fields) if classes else []


def assign(configs: Iterable[PoolConfig], devices: Iterable[Device]) -> dict[str, Share]:
    """Give each device to the first pool, in the order of the file, that takes it; keyed by resource name."""
    left = sorted(devices, key=lambda d: (d.pf_address or d.id, d.vf_index, d.id))
    shares: dict[str, Share] = {}
    for config in configs:
        share = shares[config.resource_name] = Share(config)
        remaining = []
        for device in left:
            if not config.device_type.covers(device):
                remaining.append(device)
                continue
            taken_by, reason = match(config, device)
            if taken_by is not None:
                share.members[device.id] = Member(device, taken_by)
                continue
            share.rejected[reason] += 1
            remaining.append(device)
            if reason == device.host_uses and _select(config, device)[0] is not None:
                share.in_use[device.id] = reason
        left = remaining
    for share in shares.values():
        for device_id, reason in _split_groups(share.members).items():
            share.hold_back(device_id, reason)
    return shares


def _split_groups(members: Mapping[str, Member]) -> dict[str, str]:
    """Device id -> why it can't be handed out alone: with vfio a container gets an IOMMU group as a whole.

    The kernel gives a group to one user, and only while every function in it is there for vfio (Linux
    Documentation/driver-api/vfio.rst). So of a group that is in the pool as a whole the first function stands for it,
    and any other group of several functions is not offered.
    """
    reasons: dict[str, str] = {}
    stands_for: dict[str, str] = {}  # group -> its first function in the pool's order
    for device_id, member in members.items():
        device = member.device
        if not device.group_mates:
            continue
        group = f"IOMMU group {device.iommu_group}"
        strangers = [mate for mate in device.group_mates if mate not in members]
        unready = [mate for mate in device.group_mates if mate not in strangers
                   and members[mate].device.driver != device.driver]  # fmt: skip
        first = stands_for.setdefault(device.iommu_group, device_id)
        if strangers:
            reasons[device_id] = f"it shares {group} with {strangers[0]}, which is not in this pool"
        elif unready:
            reasons[device_id] = f"it shares {group} with {unready[0]}, which is not bound to {device.driver}"
        elif first != device_id:
            reasons[device_id] = f"it goes with {first}, which stands for {group}"
    return reasons


def match(config: PoolConfig, device: Device) -> tuple[Selector | None, str]:
    """The first selector object that takes the device, or None and the reason why none does."""
    withheld = config.device_type.withheld(device)
    return (None, withheld) if withheld else _select(config, device)


def _select(config: PoolConfig, device: Device) -> tuple[Selector | None, str]:
    reason = ""
    for selector in config.selectors:
        rejected_by = selector.rejection(device)
        if rejected_by is None:
            return selector, ""
        reason = reason or f"selector {rejected_by}"
    return None, reason


class Pool:
    """One pool as it is served. Only the main thread updates it; others see the old or the new members."""

    def __init__(self, config: PoolConfig) -> None:
        self.config = config
        self.members: Mapping[str, Member] = {}
        self.problems: Mapping[str, str] = {}  # device id -> why it is unhealthy
        self.withdrawn: Mapping[str, str] = {}  # id of what the node library takes back from the pool -> why
        self.version = 0  # of the list that the kubelet gets
        self._lock = threading.Lock()
        self._streams: list[queue.SimpleQueue[bool]] = []

    def update(
        self, config: PoolConfig, members: Mapping[str, Member], problems: Mapping[str, str] | None = None
    ) -> None:
        """Take over a new state; tell the streams where the kubelet must hear of it."""
        # One after the other, as of thousands two lists would be made.
        before = _listed(self.config, self.members, self.problems)
        self.config, self.members, self.problems = config, members, problems or {}
        after = _listed(self.config, self.members, self.problems)
        if any(one != other for one, other in zip_longest(before, after)):
            self.version += 1
            self.tell(True)

    def listing(self) -> list[tuple[str, int, bool]]:
        """Device ids with their NUMA node, -1 where none is to be reported, and whether they are healthy."""
        return list(_listed(self.config, self.members, self.problems))

    def subscribe(self, limit: int) -> queue.SimpleQueue[bool]:
        """A queue that gets True for a changed list and False for the end.

        At most `limit` are kept: a kubelet uses one, so the oldest is a leftover, and it is ended.
        """
        stream: queue.SimpleQueue[bool] = queue.SimpleQueue()
        with self._lock:
            self._streams.append(stream)
            leftovers, self._streams = self._streams[:-limit], self._streams[-limit:]
        for leftover in leftovers:
            leftover.put(False)
        return stream

    @property
    def has_streams(self) -> bool:
        """True while somebody listens."""
        return bool(self._streams)

    def unsubscribe(self, stream: queue.SimpleQueue[bool]) -> bool:
        """Forget the queue; one that is already forgotten is fine. Returns whether others are left."""
        with self._lock:
            self._streams = [s for s in self._streams if s is not stream]
            return bool(self._streams)

    def tell(self, signal: bool) -> None:
        """Put True, for a changed list, or False, for the end, into all queues."""
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.put(signal)


def _listed(
    config: PoolConfig, members: Mapping[str, Member], problems: Mapping[str, str]
) -> Iterator[tuple[str, int, bool]]:
    hidden = config.exclude_topology
    for device_id, member in members.items():
        yield device_id, -1 if hidden else member.device.numa_node, device_id not in problems

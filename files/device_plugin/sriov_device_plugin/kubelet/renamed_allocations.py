# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that pods hold under another resource name: the pool was renamed, or the device moved to another pool.

The kubelet counts per resource name, so to it such a device would be free under its new name, and two pods would
have it. It is held back until its pod is gone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping

from . import pod_resources

# Seconds in which the kubelet may not tell yet what it was just given: it puts that down after our answer.
FRESH_SECONDS = 5.0

log = logging.getLogger(__name__)


class RenamedAllocations:
    """Remembers under which name each device is offered; asks the kubelet only about those whose name is new."""

    def __init__(self, kubelet_dir: str, root: str = "") -> None:
        self._where = (kubelet_dir, root) if root else (kubelet_dir,)
        self._offered: dict[str, str] = {}  # device id -> resource name
        self._allocated: dict[str, tuple[str, float]] = {}  # device id -> resource name, when
        self._said: dict[str, str] = {}

    def allocated(self, resource_name: str, device_ids: Iterable[str]) -> None:
        """The kubelet was just given these; called on gRPC's threads."""
        now = time.monotonic()
        for device_id in device_ids:
            self._allocated[device_id] = (resource_name, now)

    def allocated_under_other_name(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Of the devices that are to be offered (id -> resource name), those that may not be, with the reason."""
        suspects = {device_id: name for device_id, name in wanted.items() if self._offered.get(device_id) != name}
        reasons = self._reasons(suspects) if suspects else {}
        for device_id, reason in reasons.items():
            if self._said.get(device_id) != reason:
                log.warning("%s: %s is not offered: %s", wanted[device_id], device_id, reason)
        for device_id in self._said.keys() & wanted.keys() - reasons.keys():
            log.info("%s: %s is free now, and offered", wanted[device_id], device_id)
        self._said = reasons
        self._offered = {device_id: name for device_id, name in wanted.items() if device_id not in reasons}
        return reasons

    def under(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Of these resource names those under which pods hold something: device id -> who, or "" -> what is unknown."""
        wanted, fresh_since = set(names), time.monotonic() - FRESH_SECONDS
        if not wanted:
            return {}
        known = pod_resources.known(*self._where)
        found: dict[str, dict[str, str]] = {}
        for device_id, (resource, when) in list(self._allocated.items()):
            if resource in wanted and when >= fresh_since:
                found.setdefault(resource, {})[device_id] = "a pod that was just given it"
        for (resource, device_id), holder in known.holders.items():
            if resource in wanted:
                found.setdefault(resource, {})[device_id] = f"pod {holder}"
        for name in wanted if not known.is_complete else ():
            found.setdefault(name, {"": "nobody knows which pod: the kubelet does not answer"})
        return found

    def _reasons(self, suspects: Mapping[str, str]) -> dict[str, str]:
        fresh_since = time.monotonic() - FRESH_SECONDS
        found = {}
        for device_id, (resource, when) in list(self._allocated.items()):
            if suspects.get(device_id, resource) != resource and when >= fresh_since:
                found[device_id] = f"it was given to a pod as {resource} a moment ago"
        for (resource, device_id), holder in pod_resources.known_holders(*self._where).items():
            if suspects.get(device_id, resource) != resource:
                found[device_id] = f"pod {holder} holds it as {resource}"
        return found

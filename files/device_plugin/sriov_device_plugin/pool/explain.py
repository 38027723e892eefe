# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each function of the host: the pool that takes it, or what keeps each pool from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..host.device_nodes import Nodes
from ..host.discovery import Device, Scanner
from . import allocation, pools
from .config import PoolConfig
from .device_types import TYPES


def explain(configs: Sequence[PoolConfig], scanner: Scanner) -> Iterator[str]:
    """One line for each function that some device type covers, and one more for each pool that does not take it."""
    classes = {kind.pci_class for kind in TYPES.values()}
    fields = {key for config in configs for selector in config.selectors for key, _test in selector.tests}
    devices = scanner.scan(classes, auxiliary=True, profiles="ddpProfiles" in fields)
    held_back = {
        (name, device_id): reason
        for name, share in pools.assign(configs, devices).items()
        for device_id, reason in share.held_back.items()
    }
    nodes = Nodes(scanner.root)
    for device in devices:
        yield from _explain(configs, device, held_back, nodes)


def _explain(
    configs: Sequence[PoolConfig], device: Device, held_back: Mapping[tuple[str, str], str], nodes: Nodes
) -> Iterator[str]:
    reasons = []
    for config in configs:
        if not config.device_type.covers(device):
            continue
        selector, reason = pools.match(config, device)
        if selector is not None:
            number = config.selectors.index(selector)
            which = f", selector object {number + 1} of {len(config.selectors)}" if len(config.selectors) > 1 else ""
            yield f"{_describe(device)}: {config.resource_name}{which}"
            reason = held_back.get((config.resource_name, device.id), "")
            if reason:
                yield f"    not offered: {reason}"
            unusable = allocation.problem(pools.Member(device, selector), nodes)
            if unusable:
                yield f"    unhealthy: {unusable}"
            return
        reasons.append(f"    {config.resource_name}: {reason}{_found(config, device, reason)}")
    yield f"{_describe(device)}: in no pool"
    yield from reasons or ["    no pool has a deviceType for it"]


def _describe(device: Device) -> str:
    parts = [device.id, f"{device.vendor or '?'}:{device.device or '?'}", device.driver or "no driver"]
    if device.pf_address:
        parts.append(f"VF {device.vf_index} of {device.pf_name or device.pf_address}" if not device.parent else
                     f"subfunction {device.vf_index} of {device.pf_name or device.pf_address}")  # fmt: skip
    elif device.net_name:
        parts.append(device.net_name)
    return " ".join(parts)


def _found(config: PoolConfig, device: Device, reason: str) -> str:
    """What the device has where a selector wants something else."""
    field = next((f for f in config.device_type.fields if reason == f"selector {f.key}"), None)
    if field is None:
        return ""
    value = str(field.read(device))
    index = f", index {device.vf_index}" if field.key in ("pfNames", "rootDevices") else ""
    return f" (it has {value or 'none'}{index})"

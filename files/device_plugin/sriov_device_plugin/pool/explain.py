# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each function of the host: the pool that takes it, or what keeps each pool from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ..host.device_nodes import Nodes
from ..host.discovery import Device, Scanner
from . import allocation, pools
from .config import PoolConfig
from .device_types import TYPES
from .pools import Member, Share


class Pass(Protocol):
    """What the daemon does after it has seen the functions (see `kubelet.look`)."""

    def hold_back(self, shares: Mapping[str, Share]) -> None:
        """Take out what is withdrawn or held."""

    def look_at_withheld(self) -> bool:
        """Look which VFs are withheld."""

    def judge(self, shares: Mapping[str, Share]) -> None:
        """Look at links and device nodes."""

    def problems(self, config: PoolConfig, members: Mapping[str, Member]) -> Mapping[str, str]:
        """Device id -> why it is Unhealthy."""


def explain(configs: Sequence[PoolConfig], scanner: Scanner, look: Pass | None = None) -> Iterator[str]:
    """One line for each function, and more for what keeps each pool from it, or makes it Unhealthy.

    look: the rest of the daemon's pass; without it device nodes alone are judged.
    """
    fields = {key for config in configs for selector in config.selectors for key, _test in selector.tests}
    devices = scanner.scan(("",), auxiliary=True, profiles="ddpProfiles" in fields)
    shares = pools.assign(configs, devices)
    if look is not None:
        look.hold_back(shares)
        look.look_at_withheld()
        look.judge(shares)
    nodes = Nodes(scanner.root)
    told: dict[str, tuple[str, str]] = {}  # device id -> "not offered" or "unhealthy", and why
    for share in shares.values():
        problems = look.problems(share.config, share.members) if look else allocation.problems(share.members, nodes)
        told.update({device_id: ("unhealthy", text) for device_id, text in problems.items()})
        told.update({device_id: ("not offered", text) for device_id, text in share.held_back.items()})
    for device in devices:
        yield from _explain(configs, device, told)


def _explain(configs: Sequence[PoolConfig], device: Device, told: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    reasons = []
    for config in configs:
        if not config.device_type.covers(device):
            continue
        selector, reason = pools.match(config, device)
        if selector is not None:
            number = config.selectors.index(selector)
            which = f", selector object {number + 1} of {len(config.selectors)}" if len(config.selectors) > 1 else ""
            yield f"{_describe(device)}: {config.resource_name}{which}"
            if device.id in told:
                yield "    {}: {}".format(*told[device.id])
            return
        reasons.append(f"    {config.resource_name}: {reason}{_found(config, device, reason)}")
    yield f"{_describe(device)}: in no pool"
    if not reasons and not any(kind.covers(device) for kind in TYPES.values()):
        reasons = [f"    no deviceType covers its class {device.class_id or '(unknown)'}"]
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

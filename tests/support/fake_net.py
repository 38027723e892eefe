# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake host's interfaces: what `ip` shows of them, and what `ip link set` does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Net:
    """One interface of the host."""

    name: str
    mac: str
    mtu: int = 1500
    up: bool = False
    master: str = ""
    lower: str = ""
    kind: str = ""
    addresses: list[str] = field(default_factory=list)
    altnames: list[str] = field(default_factory=list)
    permanent: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class FakePf:
    """One PF: its name, the driver that its VFs get, each VF's settings as the PF keeps them, its eswitch mode."""

    address: str
    name: str
    total: int
    vf_driver: str
    settings: dict[int, dict[str, Any]] = field(default_factory=dict)
    eswitch: str | None = None
    vendor: str = "0x8086"
    network: bool = True
    tc_offload: str = "off"


def set_link(net: Net | None, pf: FakePf | None, words: Sequence[str]) -> int:
    """`ip link set dev NET WORDS`: the exit status."""
    if net is None:
        return 1
    if words[0] in ("up", "down"):
        net.up = words[0] == "up"
    elif words[0] == "mtu":
        net.mtu = int(words[1])
    elif words[0] == "vf":
        settings = pf.settings.get(int(words[1])) if pf else None
        if settings is None:
            return 1
        for key, value in zip(words[2::2], words[3::2]):
            name = "link_state" if key == "state" else key
            settings[name] = {"on": True, "off": False}.get(value, int(value) if value.isdecimal() else value)
    return 0


def address_json(text: str) -> dict[str, Any]:
    """One address of `ip -j addr show`; "ADDRESS%SCOPE" has another scope than the global one."""
    local, _rest, scope = text.partition("%")
    return {"local": local, "prefixlen": 64 if ":" in local else 24, "scope": scope or "global"}


def link_json(net: Net, pf: FakePf | None) -> dict[str, Any]:
    """One object of `ip -j -d link show`."""
    item: dict[str, Any] = {
        "ifname": net.name,
        "address": net.mac,
        "mtu": net.mtu,
        "flags": ["BROADCAST", *(["UP"] if net.up else [])],
    }
    for key, value in (("master", net.master), ("link", net.lower), ("permaddr", net.permanent)):
        if value:
            item[key] = value
    if net.altnames:
        item["altnames"] = net.altnames
    if net.kind:
        item["linkinfo"] = {"info_kind": net.kind, **({"info_data": net.details} if net.details else {})}
    if pf is not None and pf.settings:
        item["vfinfo_list"] = [_vf_json(index, settings) for index, settings in sorted(pf.settings.items())]
    return item


def _vf_json(index: int, settings: dict[str, Any]) -> dict[str, Any]:
    tag = {key: settings[key] for key in ("vlan", "qos") if settings[key]}
    return {
        "vf": index,
        "address": settings["mac"],
        "spoofchk": settings["spoofchk"],
        "trust": settings["trust"],
        "link_state": settings["link_state"],
        "vlan_list": [tag],
        "rate": {"max_tx": settings["max_tx_rate"], "min_tx": settings["min_tx_rate"]},
    }

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces: one `ip -j -d link show` for all of them, and the few settings that we make with
`ip link`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..model.errors import HostError
from ..model.frozen import dataclass
from .host import Host


@dataclass(frozen=True)
class Link:
    """One interface. mac: lower case. permanent_mac: the NIC's own, where `mac` is another one. kind:
    "bridge", "bond", "vlan", ... or "". lower: the interface below a VLAN, macvlan or tunnel. vfs: VF index -> its
    settings as the PF's driver tells them, in the names of `model.ATTRIBUTES`.
    """

    name: str
    altnames: tuple[str, ...] = ()
    mac: str | None = None
    permanent_mac: str | None = None
    mtu: int | None = None
    up: bool = False
    master: str | None = None
    lower: str | None = None
    kind: str = ""
    vfs: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


def read_links(host: Host, only: str = "") -> dict[str, Link]:
    """The interfaces of this network namespace by name, all or one. Raises CommandError or HostError."""
    found = {}
    for item in ip_json(host, "-d", "link", "show", *(["dev", only] if only else [])):
        name = item.get("ifname")
        if isinstance(name, str):
            found[name] = _link(name, item)
    return found


def ip_json(host: Host, *arguments: str) -> list[dict[str, Any]]:
    """The objects that `ip -j` prints. Raises HostError where it prints something else."""
    argv = ["ip", "-j", *arguments]
    text = host.run(argv).stdout.strip() or "[]"
    try:
        value = json.loads(text)
    except ValueError as error:
        raise HostError(" ".join(argv), "JSON", f"{text[:200]!r}", "Install a current iproute2.") from error
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _link(name: str, item: Mapping[str, Any]) -> Link:
    flags = item.get("flags")
    info = _mapping(item.get("linkinfo"))
    details = _mapping(info.get("info_data"))  # a tunnel (VXLAN, GRE) names the interface below it here
    altnames = item.get("altnames")
    vfs = item.get("vfinfo_list")
    return Link(
        name=name,
        altnames=tuple(a for a in altnames if isinstance(a, str)) if isinstance(altnames, list) else (),
        mac=_mac(item.get("address")),
        permanent_mac=_mac(item.get("permaddr")),
        mtu=_int(item.get("mtu")),
        up=isinstance(flags, list) and "UP" in flags,
        master=_text(item.get("master")),
        lower=_text(item.get("link")) or _text(details.get("link")),
        kind=_text(info.get("info_kind")) or "",
        vfs={vf["vf"]: _vf(vf) for vf in vfs if isinstance(vf, dict) and isinstance(vf.get("vf"), int)}
        if isinstance(vfs, list)
        else {},
    )


def _vf(item: Mapping[str, Any]) -> dict[str, Any]:
    """A VF's settings; a setting that the driver does not tell is missing, save a VLAN, which is 0 then."""
    tags = item.get("vlan_list")
    tag = tags[0] if isinstance(tags, list) and tags and isinstance(tags[0], dict) else item
    rate = item.get("rate")
    rates = rate if isinstance(rate, dict) else {}
    found: dict[str, Any] = {
        "mac": _mac(item.get("address")),
        "vlan": _int(tag.get("vlan")) or 0,
        "qos": _int(tag.get("qos")) or 0,
        "spoofchk": _bool(item.get("spoofchk")),
        "trust": _bool(item.get("trust")),
        "min_tx_rate": _int(rates.get("min_tx")),
        "max_tx_rate": _int(rates.get("max_tx")),
    }
    return {name: value for name, value in found.items() if value is not None}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _mac(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) else None


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def set_up(host: Host, name: str, up: bool) -> None:
    """Bring an interface up or down."""
    host.run(["ip", "link", "set", "dev", name, "up" if up else "down"])


def set_mtu(host: Host, name: str, mtu: int) -> None:
    """Set an interface's MTU in bytes."""
    host.run(["ip", "link", "set", "dev", name, "mtu", str(mtu)])


def set_vf(host: Host, name: str, index: int, settings: Mapping[str, Any]) -> None:
    """Make a VF's settings through its PF, one command for each, so that a failing one is named.

    A VLAN and its priority are one setting for the kernel, and so are the two rates.
    """
    base = ["ip", "link", "set", "dev", name, "vf", str(index)]
    if "mac" in settings:
        host.run([*base, "mac", settings["mac"]])
    if "vlan" in settings:
        host.run([*base, "vlan", str(settings["vlan"]), "qos", str(settings.get("qos", 0))])
    for flag in ("spoofchk", "trust"):
        if flag in settings:
            host.run([*base, flag, "on" if settings[flag] else "off"])
    rates = [
        text for rate in ("max_tx_rate", "min_tx_rate") if rate in settings for text in (rate, str(settings[rate]))
    ]
    if rates:
        host.run([*base, *rates])

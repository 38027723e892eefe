# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces: one `ip -j -d link show` for all of them, and the few settings that we make with
`ip link`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, TypeVar

from ..model.errors import HostError
from ..model.frozen import dataclass
from .host import Host

T = TypeVar("T")


@dataclass(frozen=True)
class Link:
    """One interface."""

    name: str
    altnames: tuple[str, ...] = ()
    mac: str | None = None  # lower case
    permanent_mac: str | None = None  # the NIC's own, where `mac` is another one
    mtu: int | None = None
    up: bool = False
    master: str | None = None
    lower: str | None = None  # the interface below a VLAN, macvlan or tunnel
    mode: str = ""  # of a bond
    kind: str = ""  # "bridge", "bond", "vlan", ... or ""
    vfs: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)  # by index, as `ip` tells (`pf.vf_attributes`)


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
    info = as_kind(dict, item.get("linkinfo")) or {}
    details = as_kind(dict, info.get("info_data")) or {}  # a tunnel (VXLAN, GRE) names the interface below it here
    port = as_kind(dict, info.get("info_slave_data")) or {}  # of a bond, which iproute2 tells before it tells permaddr
    own_mac = as_kind(str, item.get("permaddr")) or as_kind(str, port.get("perm_hwaddr")) or ""
    vfs = as_kind(list, item.get("vfinfo_list")) or []
    return Link(
        name=name,
        altnames=tuple(a for a in as_kind(list, item.get("altnames")) or () if isinstance(a, str)),
        mac=(as_kind(str, item.get("address")) or "").lower() or None,
        permanent_mac=own_mac.lower() or None,
        mtu=as_kind(int, item.get("mtu")),
        up="UP" in (as_kind(list, item.get("flags")) or ()),
        master=as_kind(str, item.get("master")),
        lower=as_kind(str, item.get("link")) or as_kind(str, details.get("link")),
        kind=as_kind(str, info.get("info_kind")) or "",
        mode=as_kind(str, details.get("mode")) or "",
        vfs={vf["vf"]: vf for vf in vfs if isinstance(vf, dict) and isinstance(vf.get("vf"), int)},
    )


def as_kind(kind: type[T], value: Any) -> T | None:
    """The value, if it is of that kind; true and false are no numbers."""
    return value if isinstance(value, kind) and isinstance(value, bool) == (kind is bool) else None


def set_link(host: Host, name: str, *words: str) -> None:
    """Make one setting of an interface: "up", "down", "mtu" and bytes."""
    host.run(["ip", "link", "set", "dev", name, *words])


def set_vf(host: Host, name: str, index: int, words: Sequence[str]) -> None:
    """Make one of a VF's settings through its PF. words: see `pf.vf_attributes`."""
    set_link(host, name, "vf", str(index), *words)

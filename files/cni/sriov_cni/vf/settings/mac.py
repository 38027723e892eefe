# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mac: the administrator's MAC address, which the VF takes."""

from __future__ import annotations

from struct import pack

from ...host.host import NodeHost
from ...netlink.addresses import mac_bytes, mac_text, parse_mac
from ...netlink.socket import attribute
from ...spec.config import Keys, shown
from .setting import Setting, State

_KIND = 1  # IFLA_VF_MAC


class Mac(Setting):
    """Text with colons."""

    blank = ""

    def __init__(self) -> None:
        super().__init__("mac", _KIND)

    def parse(self, keys: Keys) -> State | None:
        """runtimeConfig.mac before CNI_ARGS' MAC before mac; each one given must be right."""
        runtime = keys.conf.get("runtimeConfig", {})
        if not isinstance(runtime, dict):
            keys.expected("runtimeConfig", "an object", runtime)
            runtime = {}
        chosen = ""
        for path, value in (
            ("runtimeConfig.mac", runtime.get("mac") or ""),
            ("CNI_ARGS MAC", keys.args.get("MAC", "")),
            ("mac", keys.conf.get("mac", "")),
        ):
            if value == "":
                continue
            try:
                if not isinstance(value, str):
                    raise ValueError("not a string")
                chosen = chosen or parse_mac(value)
            except ValueError as error:
                keys.problems.append(f"{path}: {shown(value)} is {error}")
        return {"mac": chosen} if chosen else None

    def unreported(self, host: NodeHost, port: str, pf: str, vf: int) -> None:
        """The VF itself tells it."""

    def decode(self, state: State, kind: int, value: bytes) -> None:
        if kind == _KIND and len(value) >= 10:
            state["mac"] = mac_text(value[4:10])

    def encode(self, vf: int, state: State) -> bytes:
        return attribute(_KIND, pack("=I32s", vf, mac_bytes(state["mac"])))

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vlan, vlanQoS and vlanProto: the VLAN that the PF puts the VF's frames into."""

from __future__ import annotations

from struct import pack

from ...netlink.messages import words
from ...netlink.socket import attribute, attributes, nested
from ...spec.config import Keys
from .setting import Setting, State

PROTO_8021Q, _PROTO_8021AD = 0x8100, 0x88A8
_PROTOS = {"802.1q": PROTO_8021Q, "802.1ad": _PROTO_8021AD}
_OLD, _LIST, _INFO = 2, 12, 1  # IFLA_VF_VLAN, IFLA_VF_VLAN_LIST, IFLA_VF_VLAN_INFO


class Vlan(Setting):
    """A list of VLANs, of which drivers keep one; the attribute from before it has no protocol."""

    def __init__(self) -> None:
        super().__init__("vlan", _LIST, ("vlan", "qos", "proto"))

    def parse(self, keys: Keys) -> State | None:
        vlan, qos, text = keys.number("vlan", 0, 4094), keys.number("vlanQoS", 0, 7), keys.text("vlanProto")
        proto = _PROTOS.get(text.lower(), 0)
        if text and not proto:
            keys.expected("vlanProto", "802.1q or 802.1ad", text)
        if "vlan" not in keys.conf:
            given = [("vlanQoS", "vlanQoS" in keys.conf), ("vlanProto", bool(text))]
            keys.problems += [f"{key}: needs vlan, which is absent" for key, is_given in given if is_given]
            return None
        if vlan == 0 and qos:
            keys.problems.append(f"vlanQoS: with vlan 0 expected 0, found {qos}")
        if vlan == 0 and proto == _PROTO_8021AD:
            keys.problems.append("vlanProto: 802.1ad needs a vlan other than 0")
        return {"vlan": vlan or 0, "qos": qos or 0, "proto": proto or PROTO_8021Q}

    def decode(self, state: State, kind: int, value: bytes) -> None:
        numbers = words(value)
        if kind == _OLD and len(numbers) >= 3 and state["vlan"] < 0:  # the list says more, whichever comes first
            state.update(vlan=numbers[1], qos=numbers[2], proto=PROTO_8021Q)
        for inner, entry in attributes(value) if kind == _LIST else ():
            if inner == _INFO and len(entry) >= 14:
                state["vlan"], state["qos"] = words(entry)[1:3]
                state["proto"] = int.from_bytes(entry[12:14], "big")
                return

    def encode(self, vf: int, state: State) -> bytes:
        proto = state["proto"] if state["proto"] > 0 else PROTO_8021Q
        entry = pack("=III", vf, max(state["vlan"], 0), max(state["qos"], 0)) + pack(">H2x", proto)
        return nested(_LIST, attribute(_INFO, entry))

    def words(self, state: State) -> str:
        proto = f"{state['proto']:#06x}" if state["proto"] > 0 else state["proto"]
        return f"vlan {state['vlan']}, qos {state['qos']}, proto {proto}"

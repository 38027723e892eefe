# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the NIC at a PCI address still the one that was there at our first change? Pure.

PFs are remembered by PCI address, and a slot may hold another NIC after a repair. That is said, and never guessed away:
what was recorded of one NIC is not given to another.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..model.state import NodeState, Pf

Identity = Mapping[str, str]


def identity_of(pf: Pf) -> dict[str, str]:
    """vendor, device and permanent MAC address, as far as they are known."""
    found = {"vendor": pf.vendor, "device": pf.device, "mac": pf.permanent_mac or ""}
    return {name: value for name, value in found.items() if value}


def is_another(pf: Pf, state: NodeState) -> bool:
    """True where the recorded identity contradicts the NIC that is there now; False where nothing is known."""
    known, now = state.record.identities.get(pf.address, {}), identity_of(pf)
    return any(now.get(name, value) != value for name, value in known.items())


def swap_message(pf: Pf, state: NodeState) -> str:
    """What was there and what is there now."""
    was, now = state.record.identities.get(pf.address, {}), identity_of(pf)
    return f"another NIC than at our first change: it was {_message(was)}, and is {_message(now)}"


def moved_message(address: str, state: NodeState) -> str:
    """"; the NIC that was there (...) is now at ..." where its MAC address is found elsewhere, else empty."""
    mac = state.record.identities.get(address, {}).get("mac")
    now = [pf.label for pf in state.pfs if mac and pf.address != address and pf.permanent_mac == mac]
    return f"; the NIC that was there (MAC address {mac}) is now at {', '.join(now)}" if now else ""


def _message(identity: Identity) -> str:
    text = f"{identity.get('vendor', '?')}:{identity.get('device', '?')}"
    return f"{text} with the MAC address {identity['mac']}" if "mac" in identity else text

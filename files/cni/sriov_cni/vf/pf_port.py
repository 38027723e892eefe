# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PF's side of a VF: the settings that the PF's driver keeps and enforces, over netlink."""

from __future__ import annotations

from shared import pci

from ..netlink.addresses import ZERO_MAC
from ..netlink.messages import EXT_SKIP_STATS, EXT_VF, Link, VfState, get_link, set_vf, vf_attribute
from ..netlink.socket import NetlinkError
from ..spec.errors import DEVICE, REFUSED, CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..host.host import Host
    from ..netlink.socket import Socket

# The key of the configuration that a setting comes from, for messages.
_KEY_OF = {"rate": "min_tx_rate/max_tx_rate"}
# Drivers whose PF refuses a VF's own MAC while it has an administrator's, and forgets that one when told zeros
# (Linux, igb_main.c, igb_ndo_set_vf_mac).
_FREE_MAC_WITH_ZEROS = ("igb",)
FIELDS_OF = {
    "mac": ("mac",),
    "vlan": ("vlan", "qos", "proto"),
    "rate": ("min_rate", "max_rate"),
    "spoofchk": ("spoofchk",),
    "trust": ("trust",),
    "link_state": ("link_state",),
}


class PfPort:
    """One PF's interface, through which its VFs are set. `mtu` is known after the first read."""

    def __init__(self, socket: Socket, name: str, address: str, driver: str) -> None:
        self._socket = socket
        self.name = name
        self.address = address
        self.driver = driver
        self.mtu = 0
        self._index = 0
        self.frees_mac = driver in _FREE_MAC_WITH_ZEROS

    @classmethod
    def find(cls, host: Host, pf: str) -> PfPort | None:
        """By the PF's PCI address, so that a renamed PF is no other; None where it has no interface."""
        name = pci.uplink_name(host.sys_root, pf)
        return None if name is None else cls(host.socket, name, pf, pci.driver(host.sys_root, pf) or "no driver")

    def read(self, vf: int) -> VfState:
        """What the driver keeps for VF number `vf`. Raises CniError where PF or VF does not answer."""
        try:
            link = Link(self._socket.get(get_link(name=self.name, mask=EXT_VF | EXT_SKIP_STATS)))
        except NetlinkError as error:
            raise CniError(DEVICE, f"PF {self.name} ({self.address}) does not answer: {error}") from None
        self._index, self.mtu = link.index, link.mtu
        if vf not in link.vfs:
            raise CniError(
                DEVICE,
                f"PF {self.name} ({self.address}, driver {self.driver}): expected VF {vf} among its VFs, "
                "found "
                f"{len(link.vfs)} VFs without it; in switchdev mode a driver may not offer these settings",
            )
        return link.vfs[vf]

    def apply(self, vf: int, target: VfState, keys: Sequence[str]) -> None:
        """Set `keys` of VF number `vf` to what `target` holds; to be called after read().

        All go in one message; if the kernel refuses it, one by one, to name the key that the driver does not
        take. Raises CniError (101).
        """
        try:
            self.send(vf, target, keys)
        except NetlinkError:
            for key in keys:
                try:
                    self.send(vf, target, [key])
                except NetlinkError as error:
                    raise CniError(
                        REFUSED,
                        f"PF {self.name} ({self.address}, driver {self.driver}) refused "
                        f"{_KEY_OF.get(key, key)} "
                        f"({wanted(target, key)}) for VF {vf}: {error}",
                    ) from None

    def send(self, vf: int, target: VfState, keys: Sequence[str]) -> None:
        """One message with the settings of `keys`. Raises NetlinkError."""
        self._socket.change(set_vf(self._index, [vf_attribute(vf, key, target) for key in keys]))

    def forget_mac(self, vf: int) -> None:
        """Have the driver take the VF's own MAC again. Raises NetlinkError."""
        none = VfState()
        none.mac = ZERO_MAC
        self.send(vf, none, ["mac"])


def wanted(state: VfState, key: str) -> str:
    """A setting in words."""
    parts = []
    for field in FIELDS_OF[key]:
        value = getattr(state, field)
        parts.append(f"{field} {value:#06x}" if field == "proto" and value > 0 else f"{field} {value}")
    return ", ".join(parts)

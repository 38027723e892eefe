# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PF's side of a VF: the settings that the PF's driver keeps and enforces, over netlink."""

from __future__ import annotations

from _collections_abc import Iterator
from errno import EAGAIN, EBUSY

from shared import pci

from ..host.host import NodeHost, backoff
from ..netlink.addresses import ZERO_MAC
from ..netlink.messages import EXT_SKIP_STATS, EXT_VF, Interface, get_link, set_vf
from ..netlink.socket import NetlinkError
from ..spec.errors import DEVICE, REFUSED, CniError
from .settings import SETTINGS, decode
from .settings.setting import State


class PfPort:
    """One PF's interface, through which its VFs are set. `mtu` is known after the first read."""

    def __init__(self, host: NodeHost, name: str, address: str, driver: str) -> None:
        self._host = host
        self.name = name
        self.address = address
        self.driver = driver
        self.mtu = 0
        self._index = 0

    @classmethod
    def find(cls, host: NodeHost, pf: str) -> PfPort | None:
        """By the PF's PCI address, so that a renamed PF is no other; None where it has no interface."""
        name = pci.uplink_name(host.sys_root, pf)
        return None if name is None else cls(host, name, pf, pci.driver(host.sys_root, pf) or "no driver")

    @property
    def frees_mac(self) -> bool:
        """True where it forgets an administrator's MAC by forget_mac()."""
        from .quirks import FREES_MAC_WITH_ZEROS, has

        return has(self.driver, FREES_MAC_WITH_ZEROS)

    def read(self, vf: int, names: list[str]) -> State:
        """What the driver keeps for VF number `vf`; of what netlink does not tell, the settings of these names. Raises
        CniError where PF or VF does not answer.
        """
        state = self.fetch(vf)
        for name in names:
            state.update(SETTINGS[name].read(self._host, self.address, vf))
        return state

    def fetch(self, vf: int) -> State:
        """What netlink tells. Raises CniError (100)."""
        try:
            link = Interface(self._host.socket.get(get_link(name=self.name, mask=EXT_VF | EXT_SKIP_STATS)))
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
        return decode(link.vfs[vf])

    def apply(self, vf: int, target: State, names: list[str]) -> None:
        """Give the settings of these names the values that `target` holds; to be called after read().

        All that netlink takes goes in one message; if the kernel refuses it, one by one, to name the key that the
        driver does not take. Raises CniError (101).
        """
        for refusal in self._each(vf, target, names):
            raise CniError(REFUSED, refusal)

    def refusals(self, vf: int, target: State, names: list[str]) -> list[str]:
        """As apply(), but goes on with the rest after a refusal. Returns what was refused."""
        return list(self._each(vf, target, names))

    def _each(self, vf: int, target: State, names: list[str]) -> Iterator[str]:
        """Each refusal, before the next setting is tried."""
        told = [name for name in names if SETTINGS[name].kind]
        try:
            if told:
                self.send(vf, target, told)
        except NetlinkError:
            for name in told:
                try:
                    self._send_patiently(vf, target, name)
                except NetlinkError as error:
                    yield (
                        f"PF {self.name} ({self.address}, driver {self.driver}) refused {SETTINGS[name].key} "
                        f"({SETTINGS[name].words(target)}) for VF {vf}: {error}"
                    )
        for name in names:
            try:
                SETTINGS[name].apply(self._host, self.address, vf, target)
            except CniError as error:
                yield str(error)

    def _send_patiently(self, vf: int, target: State, name: str) -> None:
        """Some drivers (i40e) take nothing while the VF resets, as it does for a new MAC. Raises NetlinkError."""
        try:
            self.send(vf, target, [name])
            return
        except NetlinkError as error:
            refusal = error
        for _round in backoff(self._host.mac_seconds) if refusal.errno in (EAGAIN, EBUSY) else ():
            try:
                self.send(vf, target, [name])
                return
            except NetlinkError as error:
                refusal = error
        raise refusal

    def send(self, vf: int, target: State, names: list[str]) -> None:
        """One message with these settings. Raises NetlinkError."""
        self._host.socket.change(set_vf(self._index, [SETTINGS[name].encode(vf, target) for name in names]))

    def forget_mac(self, vf: int) -> None:
        """Have the driver take the VF's own MAC again. Raises NetlinkError."""
        self.send(vf, {"mac": ZERO_MAC}, ["mac"])

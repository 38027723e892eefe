# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a PF's driver keeps for a VF and a network may ask for: how it is read, from configuration and driver, set and
compared.

The numbers and layouts of the netlink attributes: linux/if_link.h, IFLA_VF_*.
"""

from __future__ import annotations

from struct import pack

from ...host.host import NodeHost
from ...netlink.messages import words
from ...netlink.socket import attribute
from ...spec.config import Keys, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

State = dict[str, "Any"]  # what is kept for one VF, by field
_UNREPORTED = 0xFFFFFFFF  # the kernel's answer for a flag that the driver does not keep
_MOST_RATE = 0xFFFFFFFF  # Mb/s; the kernel's field has 32 bits


class Setting:
    """Numbers in one netlink attribute, behind the VF's index."""

    blank: ClassVar[Any] = -1  # in a state: the driver reports nothing
    most: ClassVar[int] = _UNREPORTED - 1  # a greater number is no value, but says that nothing is kept

    def __init__(self, name: str, kind: int, fields: tuple[str, ...] = (), key: str = "") -> None:
        self.name = name  # in journals and logs
        self.kind = kind  # IFLA_VF_*, 0 for what is not set over netlink
        self.fields = fields or (name,)  # of the state
        self.key = key or name  # of the configuration, for messages

    def parse(self, keys: Keys) -> State | None:
        """What the configuration asks for, None for nothing; mistakes go to keys.problems."""
        raise NotImplementedError

    def decode(self, state: State, kind: int, value: bytes) -> None:
        """Put an attribute into `state`, if it is this setting's; a short one is as if it were not reported."""
        if kind == self.kind and len(words(value)) > len(self.fields):
            state.update(zip(self.fields, [number if number <= self.most else -1 for number in words(value)[1:]]))

    def encode(self, vf: int, state: State) -> bytes:
        """The attribute that sets it."""
        numbers = [max(value, 0) for value in self.values(state)]
        return attribute(self.kind, pack(f"={len(numbers) + 1}I", vf, *numbers))

    def read(self, host: NodeHost, pf: str, vf: int) -> State:
        """What is kept, where netlink does not tell. Raises CniError (100) for what cannot be understood."""
        return {}

    def apply(self, host: NodeHost, pf: str, vf: int, state: State) -> None:
        """Set it, where it is not set over netlink; to be called with the PF's lock. Raises CniError."""

    def values(self, state: State) -> list[Any]:
        """Those of its fields."""
        return [state[field] for field in self.fields]

    def is_reported(self, state: State) -> bool:
        """False where the driver does not tell all of it."""
        return self.blank not in self.values(state)

    def unreported(self, host: NodeHost, port: str, pf: str, vf: int) -> None:
        """It is asked for, and the driver does not tell it; `port` is the PF's interface. Raises CniError (100) where
        it can't be had then.
        """
        host.log.debug(f"the driver of PF {port} reports no {self.name}; it is set, and restored to 0")

    def words(self, state: State) -> str:
        """For messages."""
        return ", ".join([f"{field} {state[field]}" for field in self.fields])

    def differences(self, wanted: State, found: State) -> list[str]:
        """For CHECK; what a driver does not report cannot differ."""
        return [
            f"{field}: expected {wanted[field]}, found {found[field]}"
            for field in self.fields if found[field] not in (wanted[field], self.blank)
        ]  # fmt: skip


class Switch(Setting):
    """on or off."""

    def parse(self, keys: Keys) -> State | None:
        value = keys.text(self.name)
        if value not in ("", "on", "off"):  # upstream: any other text is off
            keys.doubts.append(f"{self.name}: expected on or off, found {shown(value)}, which switches it off")
        return {self.name: 1 if value == "on" else 0} if value else None


class Choice(Setting):
    """One of some words, each of which stands for a number."""

    def __init__(self, name: str, kind: int, **words: int) -> None:
        super().__init__(name, kind)
        self._words = words

    def parse(self, keys: Keys) -> State | None:
        number = keys.choice(self.name, self._words)
        return None if number is None else {self.name: number}


class TxRate(Setting):
    """min_tx_rate and max_tx_rate, in Mb/s: two numbers in one attribute, each of which may be any; the one that is not
    given is 0, "no limit".
    """

    most = _MOST_RATE

    def __init__(self) -> None:
        super().__init__("rate", 6, ("min_rate", "max_rate"), "min_tx_rate/max_tx_rate")

    def parse(self, keys: Keys) -> State | None:
        low, high = keys.number("min_tx_rate", 0, _MOST_RATE), keys.number("max_tx_rate", 0, _MOST_RATE)
        if low and high and low > high:
            keys.problems.append(f"min_tx_rate: expected at most max_tx_rate ({high}), found {low}")
        return None if low is None and high is None else {"min_rate": low or 0, "max_rate": high or 0}


class OnUse:
    """The SETTING of the module of this name, imported once a network asks for it; netlink does not have it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind = 0

    def parse(self, keys: Keys) -> State | None:
        return self.__getattr__("parse")(keys) if self.name in keys.conf else None

    def __getattr__(self, what: str) -> Any:
        """All else that a Setting has."""
        return getattr(__import__(f"{__package__}.{self.name}", fromlist=["SETTING"]).SETTING, what)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose NICs have firmware settings, and an mstconfig that answers as the real one does.

Sources: mstflint mlxconfig/mlxcfg_ui.cpp (printOpening, printConfHeader, printSingleParam, askUser, setDevCfg), and
mstconfig(1): what is set is read by the NIC as it is reset; NUM_OF_VFS is of each PF.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from support.fake_host import FakeHost
from support.fake_pci import DEVICES

WORDS = {"False": 0, "True": 1, "IB": 1, "ETH": 2, "DISABLED": 1, "ENABLED": 0}


@dataclass
class Card:
    """One NIC's settings: by name, as it was made, as it runs, and for its next start."""

    default: dict[str, str]
    running: dict[str, str]
    after: dict[str, str]
    cold: bool = False  # a reboot does not reset it


@dataclass
class MstHost(FakeHost):
    """Its own is mstconfig."""

    cards: dict[str, Card] = field(default_factory=dict)  # by PCI address without the function

    def vf_address(self, pf: str, index: int) -> str:
        """Both ports are functions of one device, whose VFs have places of their own."""
        return f"{pf[:-5]}:{16 + 8 * int(pf[-1]) + index // 4:02x}.{index % 4 * 2}"

    def add_card(self, device: str, **more: str) -> Card:
        """One as it comes out of the box, with SR-IOV off; more: settings beside the usual ones."""
        usual = {"NUM_OF_VFS": "0", "SRIOV_EN": "False", **more}
        self.cards[device] = Card(dict(usual), dict(usual), dict(usual))
        self.put("usr/bin/mstconfig", "")
        self.started(device)
        return self.cards[device]

    def started(self, device: str) -> None:
        """The NIC shows what it runs with."""
        running = self.cards[device].running
        total = running["NUM_OF_VFS"] if running["SRIOV_EN"] == "True" else "0"
        for address in self.pfs:
            if address.startswith(f"{device}."):
                self.pfs[address].total = int(total)
                self.put(f"{DEVICES}/{address}/sriov_totalvfs", f"{total}\n")

    def reboot(self, power: bool = False) -> None:
        super().reboot()
        for device, card in self.cards.items():
            if power or not card.cold:
                card.running = dict(card.after)
                self.started(device)

    def show(self, argv: tuple[str, ...]) -> str | Completed | None:
        if argv[0] != "mstconfig" or "set" in argv:
            return super().show(argv)
        names = argv[argv.index("query") + 1 :]
        card = self.cards.get(argv[argv.index("-d") + 1].rpartition(".")[0])
        unknown = [name for name in names if card is None or name not in card.after]
        if card is None or unknown:
            said = f"-E- The Device doesn't support {unknown[0]} parameter" if card else "-E- Failed to open the device"
            return Completed(argv, 1, "", said)
        columns = (card.default, card.running, card.after) if "-e" in argv else (card.after,)
        head = f"{'Configurations:':16}{'Default':>36}{'Current':>16}{'Next Boot':>18}"
        lines = ["", "Device #1:", "----------", "", f"{'Device type:':16}{'ConnectX6DX':16}", "", head]
        for name in names:
            mark = "*" if len({column[name] for column in columns}) > 1 else " "
            lines.append(f"{mark}        {name:36}" + " ".join(f"{shown(column[name]):16}" for column in columns))
        return "\n".join(lines) + "\n"

    def act(self, argv: tuple[str, ...]) -> int:
        if argv[0] != "mstconfig":
            return super().act(argv)
        card = self.cards[argv[argv.index("-d") + 1].rpartition(".")[0]]
        assert "-y" in argv, "it would ask, and wait"
        values = dict(word.split("=") for word in argv[argv.index("set") + 1 :])
        if not values.keys() <= card.after.keys():
            return 1
        card.after.update(values)
        return 0


def shown(value: str) -> str:
    """A word with its number; a number alone."""
    return f"{value}({WORDS[value]})" if value in WORDS else value

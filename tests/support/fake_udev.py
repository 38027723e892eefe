# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake host on which udev renames new interfaces at the worst of all moments.

A driver makes an interface as ethN, and udev gives it its name later: here once its old name is in somebody's hands.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from support.fake_host import FakeHost
from support.fake_pci import DEVICES


class HostWithUdev(FakeHost):
    """A command that names a new interface finds it renamed; one that lists all is told the old name."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.new: dict[str, tuple[str, str]] = {}  # by the kernel's name: the address, and udev's name
        self.renames = 0

    def _bind(self, address: str, driver: str) -> None:
        before = set(self.nets)
        super()._bind(address, driver)
        for name in set(self.nets) - before if self._pf_of(address) else ():
            kernels = f"eth{len(self.new)}"
            self.new[kernels] = (address, name)
            self._rename(address, name, kernels)

    def _rename(self, address: str, old: str, new: str) -> None:
        net = self.nets.pop(old)
        net.name = new
        self.nets[new] = net
        for folder in ("sys/class/net", f"{DEVICES}/{address}/net"):
            (self.base / folder / old).rename(self.base / folder / new)

    def _settle(self) -> None:
        for kernels, (address, name) in self.new.items():
            if kernels in self.nets:  # not unbound since
                self._rename(address, kernels, name)
                self.renames += 1
        self.new.clear()

    def run(self, argv: Any, **options: Any) -> Completed:
        if argv[0] == "ip" and self.new.keys() & set(argv):
            self._settle()
        done = super().run(argv, **options)
        if argv[0] == "ip":
            self._settle()
        return done

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake host whose PFs answer as the drivers of `support.zoo` do: slowly, busily, and not to everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import zoo
from support.fake_host import FakeHost, link_json
from support.fake_pci import FakePf, Net
from support.node_runs import make_host


@dataclass
class ZooHost(FakeHost):
    """Its PFs are of the zoo's drivers; in `own`, by a PF's address, what differs from them."""

    own: dict[str, zoo.Nic] = field(default_factory=dict)
    busy: dict[tuple[str, int], float] = field(default_factory=dict)  # a VF, and until when it is reset
    coming: list[tuple[float, str, str]] = field(default_factory=list)  # when, a function, its driver
    silent: set[str] = field(default_factory=set)  # functions whose drivers make no interface

    def nic(self, pf: str) -> zoo.Nic:
        return self.own.get(pf) or zoo.nic(self.driver(pf) or "")

    def add_nic(self, driver: str, address: str, name: str, total: int = 64) -> None:
        """A PF of one of the zoo's drivers."""
        facts = zoo.nic(driver)
        self.add_pf(address, name, total, driver=driver, vendor=facts.vendor)
        self.pfs[address].vf_driver = facts.vf_driver
        self.pfs[address].eswitch = "legacy" if facts.eswitch else None
        self._driver_dir(facts.vf_driver)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        due = [item for item in self.coming if item[0] <= self.clock]
        self.coming = [item for item in self.coming if item not in due]
        for _when, address, driver in due:
            if self.driver(address) == driver:
                super()._made_interface(address, driver)

    def _made_interface(self, address: str, driver: str) -> None:
        found = self._pf_of(address)
        wait = self.nic(found[0].address).netdev_seconds if found and found[0].address in self.pfs else 0.0
        if address in self.silent:
            return
        if wait:
            self.coming.append((self.clock + wait, address, driver))
        else:
            super()._made_interface(address, driver)

    def _set_numvfs(self, address: str, text: str) -> int:
        self.clock += self.nic(address).seconds_per_vf * max(int(text), self.numvfs(address))
        self.busy = {key: until for key, until in self.busy.items() if key[0] != address}
        return super()._set_numvfs(address, text)

    def set_vf(self, pf: FakePf, net: Net, index: int, words: Sequence[str]) -> int:
        """`ip link set dev PF vf N WORDS`: 0, or what the driver answers, below 0."""
        facts, given = self.nic(pf.address), dict(zip(words[::2], words[1::2]))
        if self.busy.get((pf.address, index), 0.0) > self.clock:
            return -facts.code("busy_answer")
        rates = {name: value for name, value in given.items() if name.endswith("_tx_rate") and value != "0"}
        if rates and not net.up:
            return -facts.code("rate_without_link")
        if "min_tx_rate" in rates and facts.code("min_rate"):
            return -facts.code("min_rate")
        if set(given) & set(facts.busy_after):
            self.busy[pf.address, index] = self.clock + facts.busy_seconds
        return 0

    def act(self, argv: tuple[str, ...]) -> int:
        if argv[:4] == ("ip", "link", "set", "dev") and argv[5] == "vf":
            pf, net = self._pf_named(argv[4]), self.nets.get(argv[4])
            answer = self.set_vf(pf, net, int(argv[6]), argv[7:]) if pf and net else 0
            if answer:
                return answer
        return super().act(argv)

    def _link_json(self, net: Net, pf: FakePf | None) -> dict[str, Any]:
        item = link_json(net, pf)
        told = self.nic(pf.address).settings if pf else ()
        words = {"mac": "address", "vlan": "vlan_list", "max_tx_rate": "rate"}
        for vf in item.get("vfinfo_list", []):
            for name in zoo.Nic().settings:
                if name not in told:
                    vf.pop(words.get(name, name), None)
        return item


def zoo_host(root: Path, driver: str, **options: Any) -> ZooHost:
    """Two PFs of a driver of the zoo, GRUB, and the IOMMU's arguments on the running command line."""
    host = make_host(root, kind=ZooHost, **options)
    assert isinstance(host, ZooHost)
    for address, name in [(pf.address, pf.name) for pf in host.pfs.values()]:
        host._unbind(address)
        host.add_nic(driver, address, name)
    return host

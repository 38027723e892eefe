# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over the host: what each pool may offer, what is kept from it, and what is Unhealthy; --explain's too."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ..host.beside import Beside
from ..host.device_nodes import Nodes
from ..host.discovery import Device, Scanner
from ..pool import allocation, health, pools, withheld
from ..pool.config import PoolConfig
from ..pool.pools import Member, Share
from ..pool.withdrawn import Withdrawn
from ..pool.withheld import Withheld
from .renamed_allocations import RenamedAllocations

Problems = dict[str, str]  # device id -> why it is Unhealthy


class Look:
    """The parts of a pass, and what they saw last."""

    def __init__(
        self, scanner: Scanner, links: health.Links, renamed: RenamedAllocations, withdrawn: Withdrawn
    ) -> None:
        self.scanner, self.links, self.renamed, self.withdrawn = scanner, links, renamed, withdrawn
        self._withheld = Withheld(scanner.root)
        self._unusable: dict[str, Problems] = {}  # resource name -> as of the last pass
        self._causes: Mapping[str, str] = {}

    @property
    def _beside(self) -> Beside:
        return self.scanner.beside

    def shares(self, configs: Sequence[PoolConfig]) -> dict[str, Share]:
        """What each pool gets of the host, before anything is taken from it that a pod or the node library has."""
        return pools.assign(configs, pools.scan(configs, self.scanner))

    def hold_back(self, shares: Mapping[str, Share]) -> None:
        """Take out what is withdrawn, and what pods hold under another name."""
        for name, share in shares.items():
            devices = [member.device for member in share.members.values()]
            for device_id, reason in self.withdrawn.reasons(name, devices).items():
                share.hold_back(device_id, reason)
                share.withdrawn[device_id] = reason
        wanted = {device_id: name for name, share in shares.items() for device_id in share.members}
        for device_id, reason in self.renamed.allocated_under_other_name(wanted).items():
            shares[wanted[device_id]].hold_back(device_id, reason)

    def judge(self, shares: Mapping[str, Share]) -> None:
        """Look at the links and device nodes of all that is offered."""
        self.look_at_links([member.device for share in shares.values() for member in share.members.values()])

        def unusable() -> dict[str, Problems]:
            seen = Nodes(self.scanner.root)
            found = {name: allocation.problems(share.members, seen) for name, share in shares.items()}
            self.scanner.nodes = seen
            return found

        self._unusable = self._beside.ask("the device nodes", unusable, self._unusable)

    def look_at_links(self, devices: Sequence[Device]) -> None:
        """The links alone."""
        self.links.observe(devices, time.monotonic())

    def look_at_withheld(self) -> bool:
        """The files of VFs that are withheld; True where something came or went."""
        before, self._causes = self._causes, self._beside.ask("the withheld VFs", self._withheld.look, self._causes)
        return before != self._causes

    def problems(self, config: PoolConfig, members: Mapping[str, Member]) -> Problems:
        """Why members of a pool are Unhealthy, by what was seen last."""
        devices = {device_id: member.device for device_id, member in members.items()}
        return {
            **health.problems(devices, self.links, config.link_health),
            **{i: text for i, text in self._unusable.get(config.resource_name, {}).items() if i in members},
            **withheld.problems(devices.values(), self._causes),
        }

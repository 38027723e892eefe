# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network whose plugin notes what it is called with before ours is: who calls which command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from plugin import JOURNAL, Attached, files, leases

from sriovlab.guest import Lab

NETWORK, PF, INDEX = "callers", "enp1s0", 2
SEEN, PROGRAM = "/run/callers", "/opt/cni/bin/callers"
# Each call's command, and the identifier that the program before it gave.
NOTER = f"""\
#!/bin/sh
printf '%s %s\\n' "$CNI_COMMAND" "$CNI_CONTAINERID" >> {SEEN}
exec /opt/cni/bin/sriov "$@"
"""


@dataclass(frozen=True)
class Network:
    """The network, its VF, and what was called for it."""

    lab: Lab
    vf: Attached
    before: dict[str, Any]

    def configuration(self, **more: Any) -> str:
        """A network's file, for cniVersion 1.1.0."""
        plugin = {"type": PROGRAM.rpartition("/")[2], "deviceID": self.vf.device, "vlan": 100,
                  "ipam": {"type": "host-local", "subnet": "198.51.100.0/24"}, **more}  # fmt: skip
        return json.dumps({"cniVersion": "1.1.0", "name": NETWORK, "plugins": [plugin]})

    def called(self) -> list[str]:
        """The commands so far, in order."""
        return [line.split(" ")[0] for line in self.lab.read(SEEN).splitlines()]

    def is_as_before(self) -> bool:
        """Whether the VF is as it was, and neither a journal nor an address is left."""
        return self.vf.view() == self.before and not files(self.lab, JOURNAL) and not leases(self.lab, NETWORK)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node run by upstream's Go plugins: VFs by a unit, sriovdp as another one, sriov-cni among the CNI plugins."""

from __future__ import annotations

import json

import chain
import pytest

from sriovlab import peers
from sriovlab.guest import Lab

CONFIG = {"resourceList": [{"resourceName": "kernel", "resourcePrefix": chain.PREFIX,
                            "selectors": {"pfNames": ["enp1s0"]}}]}  # fmt: skip
PROGRAM, PLUGIN_UNIT, VFS_UNIT = "/usr/local/bin/sriovdp", "sriovdp.service", "vfs.service"
CNI = "/opt/cni/bin/sriov"
UNITS = {
    VFS_UNIT: f"""[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link set enp1s0 up; echo 4 > /sys/bus/pci/devices/{chain.PFS["enp1s0"]}/sriov_numvfs'
[Install]
WantedBy=multi-user.target
""",
    PLUGIN_UNIT: f"""[Unit]
After={VFS_UNIT}
[Service]
ExecStart={PROGRAM} -config-file /etc/pcidp/config.json -resource-prefix {chain.PREFIX}
Restart=always
[Install]
WantedBy=multi-user.target
""",
}


@pytest.fixture(scope="session")
def lab(fresh: Lab) -> Lab:
    """The running node, with three VFs more than its pods will hold."""
    fresh.put(peers.built(peers.DEVICE_PLUGIN).program("sriovdp").read_bytes(), PROGRAM)
    fresh.put(peers.built(peers.SRIOV_CNI).program("sriov").read_bytes(), CNI)
    fresh.run(["chmod", "0755", PROGRAM, CNI])
    fresh.run(["mkdir", "-p", "/etc/pcidp"])
    fresh.put(json.dumps(CONFIG).encode(), "/etc/pcidp/config.json")
    for name, text in UNITS.items():
        fresh.put(text.encode(), f"/etc/systemd/system/{name}")
    fresh.run(["systemctl", "daemon-reload"])
    fresh.run(["systemctl", "enable", "--now", *UNITS])
    chain.wait_allocatable(fresh, {"kernel": 4}, 180)
    return fresh

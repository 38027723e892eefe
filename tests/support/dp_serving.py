# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the running daemon share: a node's two pools, and a whole life for whichever interpreter runs it."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from support.dp_daemon import Daemon
from support.dp_kubelet import DEADLINE, FakeKubelet

PF1, PF2 = "0000:01:00.0", "0000:02:00.0"
KERNEL = [f"0000:01:10.{n}" for n in (0, 2, 4, 6)]
VFIO = [f"0000:02:10.{n}" for n in (0, 2, 4, 6)]
POOLS = (
    {"resourceName": "kernel", "selectors": {"pfNames": ["enp1s0"]}},
    {"resourceName": "vfio", "selectors": [{"drivers": ["vfio-pci"]}]},
)


def serves(daemon: Daemon, program: Sequence[str], seconds: float = DEADLINE) -> None:
    """Registers, lists, allocates; again for another kubelet, and over the stale socket of its own sudden end."""
    daemon.host.add("0000:01:00.0", name="enp1s0", totalvfs=7)
    vfs = daemon.host.add_vfs("0000:01:00.0", 2, driver="vfio-pci")
    for group, address in enumerate(vfs):
        daemon.host.group(address, group)
    daemon.configure({"resourceName": "vf", "selectors": {"drivers": ["vfio-pci"]}})
    kubelet = FakeKubelet(daemon.kubelet_root)
    kubelet.start()
    daemon.start(program=program)
    try:
        with kubelet.plugin(kubelet.registered(seconds).endpoint) as plugin:
            assert plugin.watch().next_ids() == vfs
            (granted,) = plugin.allocate([vfs[1]])
            assert [d.host_path for d in granted.devices] == ["/dev/vfio/vfio", "/dev/vfio/1"]
            assert granted.envs["PCIDEVICE_INTEL_COM_VF"] == vfs[1]
        kubelet.stop()
        kubelet.start()
        assert kubelet.registered(seconds).resource_name == "intel.com/vf"
        daemon.signal(signal.SIGKILL)
        daemon.start(program=program)
        assert kubelet.registered(seconds).resource_name == "intel.com/vf"
    finally:
        kubelet.stop()


def leaves(daemon: Daemon) -> None:
    """Ends well at SIGTERM, leaves no socket, and has said nothing bad all the while."""
    assert daemon.stop() == 0
    assert not list((daemon.kubelet_root / "device-plugins").glob("intel.com*")), "the socket is left behind"
    assert "Traceback" not in daemon.logged() and "ERROR" not in daemon.logged()


def both_registered(kubelet: FakeKubelet) -> dict[str, str]:
    """Resource name -> socket name, of the next two Register requests."""
    requests = [kubelet.registered(), kubelet.registered()]
    return {r.resource_name: r.endpoint for r in requests}

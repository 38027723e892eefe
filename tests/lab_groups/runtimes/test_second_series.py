# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd 2 in the place of the release's own: it asks for STATUS, and pods get VFs as before."""

from __future__ import annotations

import time
from collections.abc import Iterator

import chain
import pytest
import standalone
from callers import Network
from pod import Attachment, Pod

from sriovlab import peers
from sriovlab.guest import Lab

FOLDER, DROP_IN = "/var/tmp/containerd-2", "/run/systemd/system/containerd.service.d/second-series.conf"
UNIT = f"""\
[Service]
ExecStart=
ExecStart={FOLDER}/containerd
Environment=PATH={FOLDER}:/usr/sbin:/usr/bin:/sbin:/bin
"""
FILE = "/etc/cni/net.d/00-callers.conflist"


@pytest.fixture(scope="module")
def second(lab: Lab) -> Iterator[Lab]:
    """The node with containerd 2 and its shim. The group ends with it: an older one can't read its data."""
    built = peers.built(peers.CONTAINERD)
    lab.run(["mkdir", "-p", FOLDER])
    for name in peers.CONTAINERD.names:
        lab.put(built.program(name).read_bytes(), f"{FOLDER}/{name}", 0o755)
    lab.run(["mkdir", "-p", DROP_IN.rpartition("/")[0]])
    lab.put(UNIT.encode(), DROP_IN)
    lab.run(["systemctl", "daemon-reload"])
    lab.run(["systemctl", "restart", "containerd"])
    lab.wait_for("the node to name its runtime", lambda: runtime(lab).startswith("containerd://2."), 120.0)
    chain.wait_offered(lab, standalone.WANTED)
    yield lab


def runtime(lab: Lab) -> str:
    """What the kubelet says of it."""
    found: str = lab.api("GET", f"/api/v1/nodes/{lab.name}")["status"]["nodeInfo"]["containerRuntimeVersion"]
    return found


def ready(lab: Lab) -> tuple[str, str]:
    """The node's condition Ready: its status, and the kubelet's words."""
    conditions = lab.api("GET", f"/api/v1/nodes/{lab.name}")["status"]["conditions"]
    found = next(item for item in conditions if item["type"] == "Ready")
    return found["status"], found["message"]


def test_its_version_is_the_pinned_one(second: Lab) -> None:
    assert runtime(second) == f"containerd://{peers.CONTAINERD.pinned(peers.CONTAINERD.module)}"


def test_a_pod_gets_a_vf_through_multus(second: Lab) -> None:
    pod = Pod(second, "second-series", {"kernel": 1}, networks=[Attachment("kernel-net")])
    try:
        pod.create()
        assert pod.attached()["device-info"]["pci"]["pci-address"] in pod.devices("kernel")
    finally:
        pod.delete()


def test_it_asks_for_the_status_and_attaches_pods_itself(second: Lab, network: Network) -> None:
    second.put(network.configuration().encode(), FILE)
    try:
        second.wait_for("STATUS", lambda: "STATUS" in network.called(), 60.0)
        pod = Pod(second, "by-containerd-2", {})
        try:
            assert "inet 198.51.100." in pod.create().execute(["ip", "address", "show", "dev", "eth0"])
        finally:
            pod.delete()
        commands = network.called()
        assert {"STATUS", "ADD", "DEL"} <= set(commands)
        second.wait_for("the VF as it was", network.is_as_before, 60.0)
    finally:
        second.run(["rm", "-f", FILE])
        time.sleep(2 * second.time_scale)  # containerd reads the folder again without saying so


def test_a_network_that_can_not_attach_makes_the_node_not_ready(second: Lab, network: Network) -> None:
    second.put(network.configuration(ipam={"type": "no-such-plugin"}).encode(), FILE)
    try:
        second.wait_for("the node not to be Ready", lambda: ready(second)[0] == "False", 120.0)
        assert "no-such-plugin" in ready(second)[1]
    finally:
        second.run(["rm", "-f", FILE])
    second.wait_for("the node to be Ready again", lambda: ready(second)[0] == "True", 120.0)

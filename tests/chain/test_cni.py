# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin on the node's own VFs: called by containerd, and in the moments that are hard for it.

After each test the VF must be as it was, under its own name, and no journal and no lease be left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import chain
import pytest
from pod import Pod

from sriovlab.guest import Lab

MAC = "02:00:00:00:cc:01"
SUBNET = "198.51.100.0/24"
LEASES = "/var/lib/cni/networks/chain"
CONFLIST = "/etc/cni/net.d/00-chain.conflist"
JOURNAL = "/var/lib/cni/sriov/journal"


def link(lab: Lab, name: str) -> dict[str, Any]:
    """What `ip` says of an interface."""
    found: dict[str, Any] = json.loads(lab.run(["ip", "-j", "-d", "link", "show", "dev", name]).stdout)[0]
    return found


def at_pf(lab: Lab, pf: str, index: int) -> dict[str, Any]:
    """What the PF holds for one of its VFs."""
    entry = next(item for item in link(lab, pf)["vfinfo_list"] if item["vf"] == index)
    return {key: entry.get(key) for key in ("address", "vlan_list", "spoofchk", "trust", "rate")}


def files(lab: Lab, folder: str) -> list[str]:
    """Names in a folder of the node; none where it is not there."""
    return lab.run(["find", folder, "-mindepth", "1", "-printf", "%f\n"], check=False).stdout.split()


@dataclass
class Attached:
    """One VF, a network namespace, and calls of the plugin as a runtime makes them."""

    lab: Lab
    pf: str
    index: int
    netns: str = "chain"
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.device = chain.vfs(self.lab, self.pf)[self.index]["address"]

    def call(self, command: str) -> dict[str, Any]:
        """Run the plugin. Raises LabError with what it printed where it fails."""
        config = {"cniVersion": "1.0.0", "name": "chain", "type": "sriov", "deviceID": self.device, **self.config}
        settings = {"CNI_COMMAND": command, "CNI_CONTAINERID": self.netns, "CNI_IFNAME": "net1",
                    "CNI_NETNS": f"/run/netns/{self.netns}", "CNI_PATH": "/opt/cni/bin"}  # fmt: skip
        argv = ["env", *(f"{key}={value}" for key, value in settings.items()), "/opt/cni/bin/sriov"]
        done = self.lab.run(argv, input=json.dumps(config))
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return found

    def view(self) -> dict[str, Any]:
        """The VF as the host sees it."""
        vf = chain.vfs(self.lab, self.pf)[self.index]
        own = {key: link(self.lab, vf["net"]).get(key) for key in ("address", "mtu")} if vf["net"] else {}
        return {"vf": vf, "own": own, "held": at_pf(self.lab, self.pf, self.index)}


@pytest.fixture
def attached(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Attached]:
    """A kernel VF (or, by parameter, a VF of another PF); it must be as it was at the end."""
    wanted = Attached(lab, getattr(request, "param", "enp1s0"), 1)
    before = wanted.view()
    lab.run(["ip", "netns", "add", wanted.netns])
    yield wanted
    lab.run(["ip", "netns", "del", wanted.netns], check=False)
    lab.wait_for("the VF as it was", lambda: wanted.view() == before, 30.0)
    assert files(lab, JOURNAL) == []
    assert [name for name in files(lab, LEASES) if name[0].isdigit()] == []


IPAM = {"type": "host-local", "subnet": SUBNET}


def test_network_namespace_that_went_first(lab: Lab, attached: Attached) -> None:
    """The kernel gives the VF back to the host by itself, under the name that it had in the pod."""
    attached.config = {"vlan": 100, "mac": MAC, "spoofchk": "off", "ipam": IPAM}
    attached.call("ADD")
    assert chain.vfs(lab, "enp1s0")[1]["net"] == ""
    lab.run(["ip", "netns", "del", attached.netns])
    lab.wait_for("the VF in the host", lambda: chain.vfs(lab, "enp1s0")[1]["net"] != "")
    attached.call("DEL")
    attached.call("DEL")  # a runtime may call it any number of times


def test_pf_renamed_between_add_and_del(lab: Lab, attached: Attached) -> None:
    attached.config = {"vlan": 100, "mac": MAC, "ipam": IPAM}
    attached.call("ADD")
    lab.run(["ip", "link", "set", "enp1s0", "down"])
    lab.run(["ip", "link", "set", "enp1s0", "name", "renamed0"])
    try:
        attached.call("DEL")
    finally:
        # udev keeps the name that it would have given as an alternative one.
        lab.run(["ip", "link", "property", "del", "dev", "renamed0", "altname", "enp1s0"], check=False)
        lab.run(["ip", "link", "set", "renamed0", "name", "enp1s0"])
        lab.run(["ip", "link", "set", "enp1s0", "up"])


@pytest.mark.parametrize("attached", ["enp2s0"], indirect=True)
def test_vfio_vf_gets_its_settings_at_the_pf(lab: Lab, attached: Attached) -> None:
    attached.config = {"vlan": 100, "mac": MAC, "trust": "on"}
    result = attached.call("ADD")
    assert [item["name"] for item in result["interfaces"] if item.get("sandbox")] == ["net1"]
    held = at_pf(lab, "enp2s0", 1)
    assert held["address"] == MAC
    assert held["vlan_list"][0]["vlan"] == 100
    assert held["trust"] is True
    attached.config["prevResult"] = result
    attached.call("CHECK")
    attached.call("DEL")


@pytest.fixture
def conflist(lab: Lab) -> Iterator[str]:
    """A network of containerd's own with one VF for the next pod; the VF's address."""
    device = chain.vfs(lab, "enp1s0")[2]["address"]
    plugin = {"type": "sriov", "deviceID": device, "vlan": 100, "ipam": IPAM}
    content = {"cniVersion": "0.4.0", "name": "chain", "plugins": [plugin]}
    lab.put(json.dumps(content).encode(), CONFLIST)
    # containerd reads the folder again when it changes, without saying so.
    time.sleep(2 * lab.time_scale)
    yield device
    lab.run(["rm", "-f", CONFLIST])
    time.sleep(2 * lab.time_scale)


def test_containerd_calls_the_plugin_for_a_pod(lab: Lab, conflist: str) -> None:
    subject = Attached(lab, "enp1s0", 2)
    before = subject.view()
    pod = Pod(lab, "by-containerd", {})
    try:
        pod.create()
        assert "inet 198.51.100." in pod.execute(["ip", "address", "show", "dev", "eth0"])
        assert subject.view()["vf"]["net"] == ""
        assert at_pf(lab, "enp1s0", 2)["vlan_list"][0]["vlan"] == 100
        assert len(files(lab, JOURNAL)) == 1
    finally:
        pod.delete()
    lab.wait_for("the VF as it was", lambda: subject.view() == before, 60.0)
    assert files(lab, JOURNAL) == []

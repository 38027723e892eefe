# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that Multus' thick daemon attaches: one VF, two networks, vfio, seven at once; what is told and left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import chain
import pytest
from plugin import JOURNAL, files, leases
from pod import ANNOTATION, PODS, Attachment, Pod, define_network, gone_at_the_end

from sriovlab.guest import Lab

BLUE, PLAIN, FAST = "thick-blue", "thick-plain", "thick-fast"
MAC = "02:00:00:00:f1:01"
VLAN = 100
IPAM = {"type": "host-local", "subnet": "198.51.100.0/24"}


def at_the_pfs(lab: Lab) -> list[Any]:
    """All VFs, as the PFs have them."""
    links = json.loads(lab.run(["ip", "-j", "-d", "link", "show"]).stdout)
    return [link["vfinfo_list"] for link in links if link["ifname"] in chain.PFS]


def statuses(lab: Lab, pod: Pod) -> dict[str, dict[str, Any]]:
    """The entries of network-status by interface, as KubeVirt reads them."""
    annotations = lab.api("GET", f"{PODS}/{pod.name}")["metadata"]["annotations"]
    return {entry["interface"]: entry for entry in json.loads(annotations[f"{ANNOTATION}/network-status"])}


def address_of(entry: dict[str, Any]) -> str:
    """The PCI address that KubeVirt takes."""
    info = entry["device-info"]
    assert info["type"] == "pci" and info["version"]
    found: str = info["pci"]["pci-address"]
    return found


@pytest.fixture(scope="module", autouse=True)
def networks(lab: Lab) -> Iterator[None]:
    """Of each kind one."""
    with gone_at_the_end(lab, [], [BLUE, PLAIN, FAST]):
        define_network(lab, BLUE, "kernel", {"vlan": VLAN, "capabilities": {"mac": True}, "ipam": IPAM})
        define_network(lab, PLAIN, "kernel", {"vlan": 0, "ipam": {}})
        define_network(lab, FAST, "dpdk", {"vlan": VLAN, "ipam": {}})
        yield


@contextmanager
def running(lab: Lab, pods: Sequence[Pod]) -> Iterator[None]:
    """All of them, and the node as it was when they are gone."""
    before = at_the_pfs(lab)
    with gone_at_the_end(lab, pods):
        for pod in pods:
            pod.begin()
        for pod in pods:
            pod.wait()
        yield
    lab.wait_for("the VFs as they were", lambda: at_the_pfs(lab) == before, 60.0)
    assert (files(lab, JOURNAL), leases(lab, BLUE)) == ([], [])


def test_a_kernel_vf(lab: Lab) -> None:
    pod = Pod(lab, "thick-one", {"kernel": 1}, networks=[Attachment(BLUE, mac=MAC)])
    with running(lab, [pod]):
        entry = statuses(lab, pod)["net1"]
        assert (entry["name"], entry["mac"]) == (f"default/{BLUE}", MAC) and entry["ips"]
        assert [address_of(entry)] == pod.devices("kernel")
        vfs = [vf for listed in at_the_pfs(lab) for vf in listed if vf["address"] == MAC]
        assert [vf["vlan_list"][0]["vlan"] for vf in vfs] == [VLAN]


def test_two_networks_in_one_pod(lab: Lab) -> None:
    pod = Pod(lab, "thick-two", {"kernel": 2}, networks=[Attachment(BLUE), Attachment(PLAIN, "net2")])
    with running(lab, [pod]):
        found = statuses(lab, pod)
        assert {found[name]["name"] for name in ("net1", "net2")} == {f"default/{BLUE}", f"default/{PLAIN}"}
        assert sorted(map(address_of, (found["net1"], found["net2"]))) == sorted(pod.devices("kernel"))


def test_a_vf_for_vfio(lab: Lab) -> None:
    """It has no interface in the pod, and is told nevertheless."""
    pod = Pod(lab, "thick-vfio", {"dpdk": 1}, networks=[Attachment(FAST)])
    with running(lab, [pod]):
        assert [address_of(statuses(lab, pod)["net1"])] == pod.devices("dpdk")
        assert "net1" not in pod.execute(["ip", "link"])


def test_seven_at_once(lab: Lab) -> None:
    pods = [Pod(lab, f"thick-many-{number}", {"dpdk": 1}, networks=[Attachment(FAST)]) for number in range(7)]
    with running(lab, pods):
        assert len({address_of(statuses(lab, pod)["net1"]) for pod in pods}) == 7


def test_the_daemon_starts_anew_while_pods_run(lab: Lab) -> None:
    """As an upgrade does it: what runs keeps its VF, and its end brings that back."""
    pod = Pod(lab, "thick-kept", {"kernel": 1}, networks=[Attachment(BLUE)])
    with running(lab, [pod]):
        before = statuses(lab, pod)["net1"]
        lab.run(["systemctl", "restart", "lab-multus-daemon.service"])
        assert "net1" in pod.execute(["ip", "link"]) and statuses(lab, pod)["net1"] == before


def test_verify_has_nothing_to_say(lab: Lab) -> None:
    run = chain.playbook("verify")
    assert run.status == 0, run.output

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the plain reboot: the pods that had VFs get them again, whenever the DEL of their old sandboxes comes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import chain
import pytest
import rebooting
from plugin import JOURNAL, files, leases, link
from pod import Pod, install_stand_in

from sriovlab.guest import Lab

Pods = dict[str, Pod]


@pytest.fixture(scope="module")
def pods(lab: Lab) -> Iterator[Pods]:
    """The pods, their containers running in this boot; gone at the end in any case."""
    noted = chain.noted("before_reboot")
    lab.wait_rebooted(noted["boot_id"])
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})
    found = {pod.name: pod for pod in rebooting.pods(lab)}

    def again(pod: Pod) -> bool:
        status = lab.api("GET", f"/api/v1/namespaces/default/pods/{pod.name}")["status"]
        assert status.get("phase") != "Failed", f"{pod.name}: {status.get('reason')}: {status.get('message')}"
        (container,) = status.get("containerStatuses") or [{}]
        return "running" in container.get("state", {}) and pod.container() != noted["containers"][pod.name]

    try:
        for pod in found.values():
            lab.wait_for(f"pod {pod.name} to run again", lambda pod=pod: again(pod), 300.0, every=1.0)
        install_stand_in(lab)
        lab.run(["mkdir", "-p", "-m", "700", "/run/multus-standin"])
        yield found
    finally:
        for pod in found.values():
            pod.end()
        for pod in found.values():
            pod.wait_gone()


def changed(lab: Lab) -> list[str]:
    """The VFs for which their PF holds something of the pods."""
    return [f"{pf} {vf['vf']}" for pf in chain.PFS for vf in link(lab, pf)["vfinfo_list"]
            if vf["trust"] or any(entry.get("vlan") for entry in vf["vlan_list"])]  # fmt: skip


def put_back(lab: Lab, name: str) -> None:
    """What the stand-in knew of a pod's old sandbox."""
    lab.put(chain.noted("before_reboot")["saved"][name].encode(), rebooting.saved(name))


def test_the_old_attachments_are_on_disk_alone(lab: Lab, pods: Pods) -> None:
    assert len(files(lab, JOURNAL)) == len(pods)
    assert len(leases(lab, rebooting.NETWORK)) == len(pods)
    assert all(vf["net"] for vf in chain.vfs(lab, "enp1s0"))
    assert changed(lab) == []


def test_pods_get_their_vfs_again(lab: Lab, pods: Pods) -> None:
    among = list(pods.values())
    put_back(lab, rebooting.IN_TIME)
    in_time = pods[rebooting.IN_TIME]
    lab.run(in_time.stand_in("DEL", rebooting.attachment(in_time, 0)))
    chain.at_once(lab, rebooting.calls("ADD", among))
    chain.at_once(lab, rebooting.calls("CHECK", among))
    journals = files(lab, JOURNAL)
    sandboxes = {json.loads(lab.read(rebooting.saved(name)))["container"] for name in pods}
    assert {name.split("@")[1] for name in journals} == sandboxes
    assert not [name for name in journals if name.startswith("adding-")]
    for name in (rebooting.IN_TIME, rebooting.LATE):
        assert "inet 198.51.100." in pods[name].execute(["ip", "address", "show", "dev", "net1"])


def test_a_late_del_of_the_old_sandbox_takes_nothing(lab: Lab, pods: Pods) -> None:
    """It gives the old address back, and leaves the VF to the pod that has it now."""
    before = len(leases(lab, rebooting.NETWORK))
    for number, name in ((1, rebooting.LATE), (2, rebooting.USERSPACE)):
        now = lab.read(rebooting.saved(name))
        put_back(lab, name)
        lab.run(pods[name].stand_in("DEL", rebooting.attachment(pods[name], number)))
        lab.put(now.encode(), rebooting.saved(name))
    chain.at_once(lab, rebooting.calls("CHECK", list(pods.values())))
    assert len(leases(lab, rebooting.NETWORK)) == before - 2


def test_nothing_is_left_once_the_pods_go(lab: Lab, pods: Pods) -> None:
    chain.at_once(lab, rebooting.calls("DEL", list(pods.values())))
    assert files(lab, JOURNAL) == []
    assert leases(lab, rebooting.NETWORK) == []
    assert all(vf["net"] for vf in chain.vfs(lab, "enp1s0"))
    assert changed(lab) == []

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the plain reboot: the pods that had VFs get them again, whenever the DEL of their old sandboxes comes."""

from __future__ import annotations

from collections.abc import Iterator

import admissions
import chain
import pytest
import rebooting
import soak_pods
from plugin import JOURNAL, files, leases, link
from pod import Pod, gone_at_the_end, install_cached_call

from sriovlab.guest import Lab

Pods = dict[str, Pod]


@pytest.fixture(scope="module")
def pods(lab: Lab) -> Iterator[Pods]:
    """The pods, their containers running in this boot; gone at the end in any case."""
    noted = chain.noted("before_reboot")
    lab.wait_rebooted(noted["boot_id"])
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})
    install_cached_call(lab)
    found = {pod.name: pod for pod in rebooting.pods(lab)}

    def again(pod: Pod) -> bool:
        status = lab.api("GET", f"/api/v1/namespaces/default/pods/{pod.name}")["status"]
        assert status.get("phase") != "Failed", f"{pod.name}: {status.get('reason')}: {status.get('message')}"
        (container,) = status.get("containerStatuses") or [{}]
        return "running" in container.get("state", {}) and pod.container() != noted["containers"][pod.name]

    with gone_at_the_end(lab, list(found.values()), rebooting.PODS):
        for pod in found.values():
            lab.wait_for(f"pod {pod.name} to run again", lambda pod=pod: again(pod), 300.0, every=1.0)
        yield found


def changed(lab: Lab) -> list[str]:
    """The VFs for which their PF holds something of the pods."""
    return [f"{pf} {vf['vf']}" for pf in chain.PFS for vf in link(lab, pf)["vfinfo_list"]
            if vf["trust"] or any(entry.get("vlan") for entry in vf["vlan_list"])]  # fmt: skip


def journalled(lab: Lab) -> set[str]:
    """The sandboxes that the CNI plugin's journal names."""
    return {name.split("@")[1] for name in files(lab, JOURNAL)}


def test_the_device_plugin_was_there_before_the_kubelet(lab: Lab, pods: Pods) -> None:
    times = soak_pods.registered(lab)
    assert [admissions.fault(one) for one in times] == [""] * len(times), times
    assert all(one.listens < one.kubelet for one in times if one.watched), times


def test_pods_have_their_vfs_again(lab: Lab, pods: Pods) -> None:
    assert journalled(lab) == {pod.sandbox() for pod in pods.values()}
    assert not [name for name in files(lab, JOURNAL) if name.startswith("adding-")]
    assert len(changed(lab)) == len(pods)
    for number, (name, pool) in enumerate(rebooting.PODS.items()):
        entry = pods[name].attached()
        assert entry["mac"] == rebooting.MAC.format(number)
        if pool == "kernel":
            text = pods[name].execute(["ip", "address", "show", "dev", "net1"])
            assert f"inet {entry['ips'][0]}/" in text and entry["mac"] in text
    chain.at_once(lab, [pod.cached_call("CHECK") for pod in pods.values()])


def test_a_late_del_of_the_old_sandbox_takes_nothing(lab: Lab, pods: Pods) -> None:
    """The runtime's own has come by now, before or after the ADD; one more leaves the VF to the pod that has it."""
    old = chain.noted("before_reboot")["sandboxes"]
    assert not set(old.values()) & {pod.sandbox() for pod in pods.values()}
    lab.wait_for("the old addresses to be released", lambda: len(leases(lab, rebooting.NETWORK)) == len(pods), 120.0)
    before = changed(lab)
    chain.at_once(lab, [pod.cached_call("DEL", old[name]) for name, pod in pods.items()])
    assert changed(lab) == before
    chain.at_once(lab, [pod.cached_call("CHECK") for pod in pods.values()])
    assert len(leases(lab, rebooting.NETWORK)) == len(pods)


def test_nothing_is_left_once_the_pods_go(lab: Lab, pods: Pods) -> None:
    for pod in pods.values():
        pod.end()
    for pod in pods.values():
        pod.wait_gone()
    assert files(lab, JOURNAL) == []
    assert leases(lab, rebooting.NETWORK) == []
    assert all(vf["net"] for vf in chain.vfs(lab, "enp1s0"))
    assert changed(lab) == []

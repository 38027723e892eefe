# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that goes on from where it was kept: its clock, its cluster, its cards, and what it shares with the next."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timezone

import chain
import pytest
import standalone
from pod import Pod

from sriovlab import node
from sriovlab.guest import Lab
from sriovlab.snapshot import ARGUMENTS, IOMMU, READY

MONTH = 30 * 24 * 3600.0
LOCK_SECONDS = 1800.0
SECONDS_APART = 5.0
# A start from what is kept, after the one that made it; a boot to Ready takes 55 s and more on the same machine.
START_SECONDS = 25.0


def begin(beginning: str) -> Lab:
    """The node on a fresh disk."""
    node.reset(None, 1, "ready", LOCK_SECONDS, beginning)
    return Lab.from_state()


@pytest.fixture(scope="module")
def bare() -> Lab:
    """The bare node, once it was kept."""
    begin(READY)
    return begin(READY)


def clock(lab: Lab) -> float:
    """The node's, in seconds of the epoch."""
    return float(lab.run(["date", "+%s.%N"]).stdout)


def is_in_order(lab: Lab, now: float) -> None:
    """The cluster's word on the node, and a pod that needs the node's kubelet, its tokens and its network."""
    found = lab.api("GET", f"/api/v1/nodes/{lab.name}")
    assert found["spec"].get("taints") is None
    ready = next(item for item in found["status"]["conditions"] if item["type"] == "Ready")
    assert ready["status"] == "True"
    lease = lab.api("GET", f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{lab.name}")
    assert datetime.fromisoformat(lease["spec"]["renewTime"]).timestamp() > now - 60.0
    pod = Pod(lab, "after-standstill", {})
    try:
        assert pod.create().execute(["echo", "here"]).strip() == "here"
    finally:
        pod.delete()


def test_it_is_ready_in_seconds(bare: Lab) -> None:
    state = bare.state
    assert state.kept and state.ready_seconds is not None
    assert state.ready_seconds <= START_SECONDS * bare.time_scale, state


def test_its_clock_is_right_and_stays_so_over_a_reboot(bare: Lab) -> None:
    assert abs(clock(bare) - time.time()) < SECONDS_APART
    is_in_order(bare, time.time())
    bare.reboot_and_wait()
    assert abs(clock(bare) - time.time()) < SECONDS_APART


def test_runs_share_nothing_that_one_of_them_writes() -> None:
    lab = begin(READY)
    lab.run(["sh", "-c", "echo mine > /root/mark; sync"])
    mine = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}}
    assert lab.api("POST", "/api/v1/namespaces", mine)["metadata"]["name"] == "mine"
    lab = begin(READY)
    assert lab.run(["test", "-e", "/root/mark"], check=False).returncode == 1
    assert lab.api("GET", "/api/v1/namespaces/mine") is None


def test_vfs_that_are_made_afterwards_carry_traffic() -> None:
    lab = begin(READY)
    lab.run(["modprobe", "igbvf"])
    for number, pf in enumerate(chain.PFS):
        lab.run(["ip", "link", "set", pf, "up"])
        lab.put(b"1\n", f"/sys/class/net/{pf}/device/sriov_numvfs")
        lab.run(["udevadm", "settle"])
        lab.run(["ip", "netns", "add", pf])
        lab.run(["ip", "link", "set", chain.vfs(lab, pf)[0]["net"], "netns", pf, "name", "net1"])
        lab.run(["ip", "-n", pf, "address", "add", f"198.51.100.{number + 1}/24", "dev", "net1"])
        lab.run(["ip", "-n", pf, "link", "set", "net1", "up"])
    ping = ["ip", "netns", "exec", "enp1s0", "ping", "-c", "1", "-W", "2", "198.51.100.2"]
    lab.wait_for("an answer over both cards", lambda: lab.run(ping, check=False).returncode == 0)


def test_an_nvme_is_plugged_in_and_makes_vfs() -> None:
    lab = standalone.with_nvme(begin(READY))
    assert lab.read(f"{standalone.NVME}/sriov_totalvfs").strip() == "4"
    lab.put(b"2\n", f"{standalone.NVME}/sriov_numvfs")
    lab.wait_for("its VFs", lambda: lab.read(f"{standalone.NVME}/sriov_numvfs").strip() == "2")


def test_one_that_has_an_iommu_has_no_vfs_yet() -> None:
    lab = begin(IOMMU)
    assert set(ARGUMENTS.split()) <= set(lab.read("/proc/cmdline").split())
    groups = json.loads(lab.run(["python3", "-c", "import json, os; print(json.dumps(os.listdir("
                                 "'/sys/kernel/iommu_groups')))"]).stdout)  # fmt: skip
    assert groups
    assert chain.num_vfs(lab) == dict.fromkeys(chain.PFS, 0)


@pytest.fixture
def in_a_month(monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    """The time then, which the lab takes for now: what was kept is thirty days old."""
    real = time.time
    monkeypatch.setattr("sriovlab.node.time.time", lambda: real() + MONTH)
    yield real() + MONTH


def test_one_that_was_kept_a_month_ago_is_in_order(in_a_month: float) -> None:
    lab = begin(READY)
    assert abs(clock(lab) - in_a_month) < 300.0
    assert datetime.fromtimestamp(clock(lab), timezone.utc) > datetime.now(timezone.utc)
    is_in_order(lab, in_a_month)

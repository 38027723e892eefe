# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configured node that is changed: policies that go, VFs that pods hold, check mode, drift.

The tests stand in the order in which they run; the group `changes` of the long tests has more of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import chain
import pytest
from changing import drivers, identities, policies, set_count, site, words
from pod import Pod

from sriovlab.guest import Lab


@pytest.fixture
def holder(lab: Lab) -> Iterator[Pod]:
    """A pod with one vfio VF."""
    pod = Pod(lab, "holder", {"dpdk": 1})
    try:
        yield pod.create()
    finally:
        pod.delete()


def test_back_to_the_two_policies(lab: Lab) -> None:
    """VFs of a PF go from one policy to another without a reset of the PF."""
    before = identities(lab, "enp2s0")
    site()
    assert drivers(lab) == {"enp1s0": ["igbvf"] * 4, "enp2s0": ["vfio-pci"] * 7}
    assert identities(lab, "enp2s0") == before
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})


def test_vf_of_a_pod_blocks_the_change_and_the_pod_is_named(lab: Lab, holder: Pod, untouched: None) -> None:
    run = chain.playbook("site", policies({"name": "dpdk", "num_vfs": 3}))
    assert run.status != 0
    assert "Drain the node first; nothing was changed" in words(run)
    assert "pod default/holder" in words(run)
    (vf,) = holder.devices("dpdk")
    assert vf in words(run)
    # The kubelet's own note has said so: our own look, with what is installed on the node.
    program = (
        "import sys\nsys.path.insert(0, '/usr/lib/baremetal-sriov/lib')\n"
        "from baremetal_sriov.host.host import Host\nfrom baremetal_sriov.usage import kubelet, offers\n"
        "print(kubelet.allocations(Host()))\n"
        f"print(offers.offers(Host(), ['/var/lib/kubelet'], ['{vf}']))\n"
    )
    held, offered = lab.run(["python3", "-I", "-c", program]).stdout.splitlines()
    assert f"'{vf}': ('pod default/holder, container main',)" in held
    assert "resource='baremetal.sriov/dpdk'" in offered and "owner=''" in offered


def test_check_mode_shows_what_would_change_and_changes_nothing(lab: Lab, untouched: None) -> None:
    run = site(policies({"name": "dpdk", "num_vfs": 3}), "--check", "--diff")
    assert run.recap["node1"]["changed"] > 0
    assert "num_vfs" in run.output
    assert "0000:02:00.0" in run.output


def test_drift_is_found(lab: Lab) -> None:
    """Somebody takes all VFs of one PF away, one VF of the other from its driver, and huge pages."""
    set_count(lab, "enp1s0", 0)
    lab.run(["sh", "-c", "echo 3 > /proc/sys/vm/nr_hugepages"])
    lost = chain.vfs(lab, "enp2s0")[2]["address"]
    lab.run(["sh", "-c", f"echo {lost} > /sys/bus/pci/drivers/vfio-pci/unbind"])
    plan = chain.playbook("plan", {"sriov_plan_fail_on_changes": True})
    assert plan.status != 0
    assert "0000:01:00.0" in plan.output
    assert "0000:02:00.0 vf 2" in words(plan)
    assert "16 are asked for, 3 are there" in words(plan)
    verify = chain.playbook("verify")
    assert verify.status != 0
    assert "is not as the inventory says" in words(verify)


def test_drift_is_repaired(lab: Lab) -> None:
    others = [vf["address"] for vf in chain.vfs(lab, "enp2s0") if vf["driver"]]
    assert len(others) == 6
    site()
    assert chain.huge_pages(lab) == 16
    assert drivers(lab) == {"enp1s0": ["igbvf"] * 4, "enp2s0": ["vfio-pci"] * 7}

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a plain reboot the boot service has done everything before the kubelet started."""

from __future__ import annotations

import chain
import pytest

from sriovlab.guest import Lab

SERVICE = "baremetal-sriov-node.service"
EARLY = "baremetal-sriov-vfs.service"
HOTPLUG = f"baremetal-sriov-hotplug@{chain.PFS['enp1s0']}.service"


@pytest.fixture(scope="module", autouse=True)
def ready(lab: Lab) -> None:
    """The kubelet of this boot has said that it is ready: what the API tells is no longer the last boot's."""
    lab.wait_rebooted(chain.noted("boots")["boot_id"])


def test_node_booted_again(lab: Lab) -> None:
    assert chain.boots(lab) == chain.noted("boots")["count"] + 2


@pytest.mark.parametrize("name", [EARLY, SERVICE])
def test_boot_services_succeeded(lab: Lab, name: str) -> None:
    found = chain.unit(lab, name, "ActiveState", "Result", "ExecMainStatus")
    assert found == {"ActiveState": "active", "Result": "success", "ExecMainStatus": "0"}


def test_vfs_were_made_before_the_network_came_up(lab: Lab) -> None:
    done = chain.unit(lab, EARLY, "ExecMainExitTimestampMonotonic")["ExecMainExitTimestampMonotonic"]
    network = chain.unit(lab, "network-pre.target", "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"]
    assert 0 < int(done) <= int(network)
    told = lab.run(["journalctl", "--boot", "--unit", EARLY, "--output=cat", "--no-pager"]).stdout
    assert all(f"{pf}: create {count} VFs: done" in told for pf, count in zip(chain.PFS.values(), (4, 7)))


def test_huge_pages_were_taken_first(lab: Lab) -> None:
    told = lab.run(["journalctl", "--boot", "--unit", EARLY, "--output=cat", "--no-pager"]).stdout
    assert "huge pages of 2M: have 16: done" in told.partition("create")[0]


def test_vfs_and_drivers_were_back_before_the_kubelet_started(lab: Lab) -> None:
    done = chain.unit(lab, SERVICE, "ExecMainExitTimestampMonotonic")["ExecMainExitTimestampMonotonic"]
    kubelet = chain.unit(lab, "kubelet.service", "ExecMainStartTimestampMonotonic")[
        "ExecMainStartTimestampMonotonic"
    ]
    assert 0 < int(done) <= int(kubelet)


def test_a_pf_that_gets_its_driver_again_gets_its_vfs_again(lab: Lab) -> None:
    """As after a hot-plug: the driver takes its VFs with it, and udev starts our unit when it is back."""
    address = chain.PFS["enp1s0"]
    for action in ("unbind", "bind"):
        lab.run(["sh", "-c", f"echo {address} > /sys/bus/pci/drivers/igb/{action}"])

    def told() -> str:
        # systemd forgets a unit of this kind when it has done its work: the journal knows.
        return lab.run(["journalctl", "--boot", "--unit", HOTPLUG, "--output=cat", "--no-pager"]).stdout

    made = f"{address}: create 4 VFs: done"
    lab.wait_for("the VFs of the PF that appeared", lambda: made in told(), 120.0, every=2.0)
    lab.wait_for("its unit to end", lambda: told().count("Starting ") == told().count("Finished "), every=2.0)
    assert "Failed" not in told()
    assert [vf["driver"] for vf in chain.vfs(lab, "enp1s0")] == ["igbvf"] * 4
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})

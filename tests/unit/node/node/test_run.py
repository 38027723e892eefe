# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs on the reacting host: from nothing to the specification, through a reboot, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import (
    HostError,
    RefusedError,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import AFTER_REBOOT, NOW
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import RUNTIME
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import run
from ansible_collections.baremetal.sriov.plugins.module_utils.pf.steps import PfStep
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.narrow import driver_goal
from ansible_collections.baremetal.sriov.plugins.module_utils.record import record
from support.fake_host import FakeHost
from support.node_runs import (
    DPDK,
    KERNEL,
    PF1,
    PF2,
    PLUGIN,
    absent,
    actions,
    drivers,
    make_host,
    present,
    snapshot,
)

SET_UP = {
    **KERNEL,
    "mtu": 2000,
    "vfs": [
        {"indices": 0, "mac": "02:11:22:33:44:55", "vlan": 100, "qos": 3},
        {"indices": "2-3", "trust": True, "max_tx_rate": 100},
    ],
}


def test_from_nothing_to_the_specification(host: FakeHost) -> None:
    """VFs, settings, drivers and files in one run; then nothing is left to do."""
    outcome = present(host, [SET_UP, DPDK])
    assert outcome.plan.pending and not outcome.plan.reboot_required
    assert drivers(host, PF1) == ["igbvf"] * 4
    assert drivers(host, PF2) == ["vfio-pci"] * 7
    first = host.pfs[PF1].settings[0]
    assert (first["mac"], first["vlan"], first["qos"]) == ("02:11:22:33:44:55", 100, 3)
    assert host.nets["enp1s0v0"].mac == "02:11:22:33:44:55", "its driver was bound again"
    assert [host.pfs[PF1].settings[i]["trust"] for i in range(4)] == [False, False, True, True]
    assert host.nets["enp1s0"].mtu == 2000 and host.nets["enp1s0v3"].mtu == 2000
    assert host.get(f"sys/bus/pci/devices/{PF2}/sriov_drivers_autoprobe").strip() == "1"
    assert json.loads(host.get("etc/pcidp/config.json")) == {
        "resourceList": [
            {
                "resourceName": "dpdk",
                "resourcePrefix": "baremetal.sriov",
                "selectors": [{"rootDevices": [PF2], "drivers": ["vfio-pci"]}],
            },
            {
                "resourceName": "kernel",
                "resourcePrefix": "baremetal.sriov",
                "selectors": [{"rootDevices": [PF1]}],
            },
        ]
    }
    writes = len(host.log)
    again = present(host, [SET_UP, DPDK])
    assert not again.plan.steps and not again.plan.pending and len(host.log) == writes


def test_a_check_changes_nothing_and_tells_what_the_run_does(host: FakeHost) -> None:
    """The plan of the check is the plan of the run."""
    before = snapshot(host)
    checked = present(host, [SET_UP, DPDK], check=True)
    assert snapshot(host) == before and not host.log and not host.exists("/run/baremetal-sriov")
    assert checked.plan == present(host, [SET_UP, DPDK]).plan


def test_the_order_of_a_pf(host: FakeHost) -> None:
    """PF up, autoprobe off, VFs, drivers, autoprobe back."""
    present(host, [DPDK])
    path = f"/sys/bus/pci/devices/{PF2}"
    order = [
        "ip link set dev enp2s0 up",
        f"{path}/sriov_drivers_autoprobe=0",
        f"{path}/sriov_numvfs=7",
        "/sys/bus/pci/drivers_probe=0000:02:10.0",
        f"{path}/sriov_drivers_autoprobe=1",
    ]
    assert [line for line in host.log if line in order] == order
    assert not any("unbind" in line for line in host.log), "the kernel's driver never probed them"


def foreign_host(root: Path) -> FakeHost:
    """Booted with intel_iommu=off, put there by somebody else in two places."""
    host = make_host(root, iommu=False)
    host.add_grub('GRUB_CMDLINE_LINUX="intel_iommu=off"\nGRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=off"\n')
    host.put("proc/cmdline", f"root=/dev/vda1 ro {host.grub_line()}\n")
    return host


def test_with_a_reboot_ahead_the_boot_service_does_what_was_planned(tmp_path: Path) -> None:
    """Arguments, files and the kernel's VFs now; those for vfio after the one reboot, by the boot service; then nothing
    is left.
    """
    host = foreign_host(tmp_path)
    outcome = present(host, [SET_UP, DPDK])
    assert outcome.plan.reboot_required
    now = [s for s in outcome.plan.steps if s.stage == NOW and not isinstance(s, PfStep)]
    assert {s.kind for s in now} == {"kernel_arguments", "module_boot_list", "file", "reboot"}
    assert {s.target.address for s in outcome.plan.pending if isinstance(s, PfStep)} == {PF1}
    reason = outcome.plan.steps[0].reason
    assert "intel_iommu=off" in reason and "overridden" in reason
    assert (host.numvfs(PF1), host.numvfs(PF2)) == (4, 0), "the IOMMU is nothing to the kernel's driver"
    waiting = present(host, [SET_UP, DPDK])
    assert waiting.plan.reboot_required and not waiting.plan.pending
    expected = [s for s in outcome.plan.steps if s.stage == AFTER_REBOOT]
    assert [s for s in waiting.plan.steps if s.stage == AFTER_REBOOT] == expected

    host.reboot()
    assert boot.main(host) == 0
    assert drivers(host, PF1) == ["igbvf"] * 4 and drivers(host, PF2) == ["vfio-pci"] * 7
    host.run(["modprobe", "--", "vfio-pci"])  # what systemd-modules-load does from our list
    after = present(host, [SET_UP, DPDK])
    assert not after.plan.steps and not after.plan.reboot_required


def test_teardown_gives_everything_back(tmp_path: Path) -> None:
    """Every file and PF as it was, through the reboot, the foreign arguments included."""
    host = foreign_host(tmp_path)
    before = snapshot(host)
    present(host, [SET_UP, DPDK])
    host.reboot()
    assert boot.main(host) == 0
    outcome = absent(host)
    assert outcome.plan.reboot_required and outcome.plan.pending
    assert snapshot(host) == before
    for folder in ("/etc/baremetal-sriov", "/etc/pcidp", "/var/lib/baremetal-sriov"):
        assert not host.exists(folder)
    (stale_arguments,) = absent(host).plan.steps  # until it has happened
    assert stale_arguments.kind == "reboot"
    host.reboot()
    assert not absent(host).plan.steps


def test_teardown_gives_back_the_vfs_that_were_there(host: FakeHost) -> None:
    """Three VFs of somebody else's, one of them tagged: replaced by seven, then three again."""
    host.nets["enp1s0"].up = True
    host.write_attribute(f"/sys/bus/pci/devices/{PF1}/sriov_numvfs", "3")
    host.pfs[PF1].settings[1].update(vlan=7, trust=True)
    before = snapshot(host)
    present(host, [{**KERNEL, "num_vfs": 7, "device_type": "vfio-pci"}])
    assert drivers(host, PF1) == ["vfio-pci"] * 7
    absent(host)
    assert snapshot(host) == before


def test_vfs_that_fit_are_adopted(host: FakeHost) -> None:
    """No reset of what is right already."""
    host.nets["enp1s0"].up = True
    host.write_attribute(f"/sys/bus/pci/devices/{PF1}/sriov_numvfs", "4")
    assert {step.kind for step in present(host, [KERNEL]).plan.steps} == {"file"}


def test_another_count_goes_through_zero(host: FakeHost) -> None:
    """7, then 3, then 7."""
    for count in (7, 3, 7):
        outcome = present(host, [{**KERNEL, "num_vfs": count}])
        assert host.numvfs(PF1) == count
    assert actions(outcome)[:2] == [f"{PF1}: remove 3 VFs", f"{PF1}: create 7 VFs"]


def test_vfio_and_back(host: FakeHost) -> None:
    """A VF's driver changes without new VFs."""
    present(host, [KERNEL])
    host.probing_time = 2
    for vf in range(4):
        host.probing[host.vf_address(PF1, vf)] = 2
    present(host, [{**KERNEL, "device_type": "vfio-pci"}])
    assert drivers(host, PF1) == ["vfio-pci"] * 4
    outcome = present(host, [KERNEL])
    assert drivers(host, PF1) == ["igbvf"] * 4
    assert {step.kind for step in outcome.plan.steps} == {"driver", "file", "module_boot_list"}
    assert all(host.override(host.vf_address(PF1, i)) == "" for i in range(4))


def test_jumbo_frames_for_userspace_need_the_pfs_mtu(host: FakeHost) -> None:
    """The PF's is raised, never lowered; a VF under vfio-pci has no interface to set."""
    assert f"{PF2}: set the PF's MTU to 9000" in actions(present(host, [{**DPDK, "mtu": 9000}]))
    assert not any(step.kind.endswith("mtu") for step in present(host, [{**DPDK, "mtu": 1500}]).plan.steps)
    assert host.nets["enp2s0"].mtu == 9000


def test_a_new_mac_address_keeps_the_mtu(host: FakeHost) -> None:
    """The VF's driver is bound again for the address, and starts with an MTU of its own."""
    first, second = "02:00:00:00:aa:00", "02:00:00:00:aa:01"
    present(host, [{**KERNEL, "mtu": 2000, "allow_in_use": True, "vfs": [{"indices": 0, "mac": first}]}])
    outcome = present(host, [{**KERNEL, "mtu": 2000, "allow_in_use": True, "vfs": [{"indices": 0, "mac": second}]}])
    assert f"{PF1} vf 0: set its MTU to 2000" in actions(outcome)
    assert [host.nets[name].mtu for name in host.nets if name.startswith("enp1s0v")] == [2000] * 4


def test_teardown_leaves_what_only_the_administrator_changed(host: FakeHost) -> None:
    """We brought the PF up, and somebody gave it an MTU later: only the former is taken back."""
    present(host, [KERNEL])
    host.nets["enp1s0"].mtu = 9000
    told = actions(absent(host))
    assert f"{PF1}: bring the PF down" in told
    assert host.nets["enp1s0"].mtu == 9000


def test_teardown_leaves_a_pf_up_that_we_did_not_bring_up(host: FakeHost) -> None:
    host.nets["enp1s0"].up = True
    present(host, [KERNEL])
    absent(host)
    assert host.nets["enp1s0"].up


def test_a_vlan_taken_away_takes_its_priority_along(host: FakeHost) -> None:
    """The kernel knows no priority without a VLAN."""
    present(host, [{**KERNEL, "vfs": [{"indices": 0, "vlan": 5, "qos": 3}]}])
    present(host, [{**KERNEL, "vfs": [{"indices": 0, "vlan": 0}]}])
    assert (host.pfs[PF1].settings[0]["vlan"], host.pfs[PF1].settings[0]["qos"]) == (0, 0)


def test_a_rate_is_tried_until_the_link_is_up(host: FakeHost) -> None:
    """igb answers EINVAL before."""
    host.faults["ip link set dev enp1s0 vf 0 max_tx_rate 100"] = 22
    present(host, [{**KERNEL, "vfs": [{"indices": 0, "max_tx_rate": 100}]}])
    assert host.pfs[PF1].settings[0]["max_tx_rate"] == 100


def test_drift_is_repaired(host: FakeHost) -> None:
    """What somebody changed by hand is found and put right, and nothing else is touched."""
    present(host, [SET_UP, DPDK])
    host._unbind(host.vf_address(PF2, 3))
    host.pfs[PF1].settings[0]["vlan"] = 5
    host.nets["enp1s0v2"].mtu = 1500
    assert actions(present(host, [SET_UP, DPDK])) == [
        f"{PF1} vf 0: set vlan 100, qos 3",
        f"{PF1} vf 2: set its MTU to 2000",
        f"{PF2} vf 3: bind vfio-pci",
    ]


def test_two_policies_on_one_pf(host: FakeHost) -> None:
    """Ranges with gaps; the device plugin gets them as they are."""
    kernel = {**KERNEL, "nic_selector": {"pf_names": ["enp1s0#0,3-4"]}, "num_vfs": 6}
    dpdk = {**DPDK, "nic_selector": {"pf_names": ["enp1s0#1-2"]}, "num_vfs": 6}
    outcome = present(host, [kernel, dpdk])
    assert drivers(host, PF1) == ["igbvf", "vfio-pci", "vfio-pci", "igbvf", "igbvf", "igbvf"]
    assert outcome.facts()["resources"] == {"baremetal.sriov/dpdk": 2, "baremetal.sriov/kernel": 3}
    assert outcome.facts()["managed"] == [host.vf_address(PF1, index) for index in range(5)]
    pools = json.loads(host.get("etc/pcidp/config.json"))["resourceList"]
    assert [p["selectors"][0]["rootDevices"] for p in pools] == [[f"{PF1}#1-2"], [f"{PF1}#0,3-4"]]


def test_the_lower_priority_wins(host: FakeHost) -> None:
    """The other policy is dropped as a whole, and the plan says so."""
    outcome = present(
        host,
        [
            {**KERNEL, "num_vfs": 6},
            {**DPDK, "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 2, "priority": 10},
        ],
    )
    assert drivers(host, PF1) == ["vfio-pci"] * 2
    assert "replaces kernel" in outcome.plan.warnings[0]


def test_a_removed_policy_is_taken_back(host: FakeHost) -> None:
    """Its PF is as before; the other stays. Later VFs of somebody else's on that PF are not ours."""
    present(host, [SET_UP, DPDK])
    present(host, [DPDK])
    assert host.numvfs(PF1) == 0 and host.nets["enp1s0"].mtu == 1500 and host.numvfs(PF2) == 7
    host.nets["enp1s0"].up = True
    host.write_attribute(f"/sys/bus/pci/devices/{PF1}/sriov_numvfs", "2")
    assert not present(host, [DPDK]).plan.steps


def test_the_device_plugin_is_reloaded_once(host: FakeHost) -> None:
    """Where it runs, and only when something changed; also when an earlier run was killed before it."""
    host.active.add(PLUGIN)
    present(host, [KERNEL])
    present(host, [KERNEL])
    assert host.verbs == [f"reload-or-restart {PLUGIN}"]
    record.write_journal(host, [f"reload {PLUGIN}"])
    present(host, [KERNEL])
    assert host.verbs == [f"reload-or-restart {PLUGIN}"] * 2
    assert not present(host, [KERNEL]).plan.steps


def test_a_failed_step_is_named_and_undone(host: FakeHost) -> None:
    """The error says what failed, why, and what is left; autoprobe is not left off; a rerun goes on."""
    host.faults[f"/sys/bus/pci/devices/{PF2}/sriov_numvfs=7"] = 12
    with pytest.raises(
        HostError, match=r"create 7 VFs.*Cannot allocate memory.*pci=realloc.*not done: .*bind vfio-pci"
    ):
        present(host, [DPDK])
    assert host.get(f"sys/bus/pci/devices/{PF2}/sriov_drivers_autoprobe").strip() == "1"
    present(host, [DPDK])
    assert drivers(host, PF2) == ["vfio-pci"] * 7


@pytest.mark.parametrize("late", [False, True])
def test_a_driver_that_fails_gives_way_to_the_earlier_one(host: FakeHost, late: bool) -> None:
    """A VF is not left without a driver, wherever the change failed."""
    present(host, [KERNEL])
    if late:
        host.run(["modprobe", "--", "vfio-pci"])
        host.faults["/drivers_probe=0000:01:10.0"] = 22
    else:
        host.available.clear()
    goal = driver_goal([{"address": "0000:01:10.0", "driver": "vfio-pci"}])
    with pytest.raises(HostError, match=r"0000:01:00.0 vf 0: bind vfio-pci"):
        run(host, lambda state: goal, RUNTIME, check=False)
    assert drivers(host, PF1) == ["igbvf"] * 4 and host.override("0000:01:10.0") == ""


def test_a_lock_that_is_held_is_waited_for_in_vain(host: FakeHost) -> None:
    """The error names the process that holds it."""
    import os

    with host.lock(record.LOCK), pytest.raises(HostError, match=rf"process {os.getpid()} holds it"):
        present(host, [KERNEL])
    assert host.numvfs(PF1) == 0


def test_adopted_configuration_is_put_back(host: FakeHost) -> None:
    """Somebody else's config.json is replaced only when asked, and teardown restores it."""
    theirs = '{"resourceList": []}\n'
    host.put("etc/pcidp/config.json", theirs)
    with pytest.raises(RefusedError, match=r"config.json.*adopt"):
        present(host, [KERNEL])
    present(host, [KERNEL], adopt=True)
    assert host.get("etc/pcidp/config.json") != theirs
    present(host, [KERNEL])
    absent(host)
    assert host.get("etc/pcidp/config.json") == theirs


def test_modules_are_told_apart_from_the_rest(host: FakeHost) -> None:
    """Options of the user's go to modprobe.d; vfio-pci is added where a policy needs it."""
    options: dict[str, Any] = {"kernel_modules": [{"name": "vfio-pci", "options": {"disable_idle_d3": 1}}]}
    present(host, [DPDK], **options)
    assert "options vfio-pci disable_idle_d3=1" in host.get("etc/modprobe.d/baremetal-sriov.conf")

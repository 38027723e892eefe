# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on hosts whose PFs answer as the drivers of real NICs do (`support.zoo`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError, RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.pf.drivers import errno_of
from support import zoo
from support.fake_zoo import zoo_host
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present, snapshot

SET_UP: dict[str, Any] = {
    **KERNEL,
    "mtu": 2000,
    "vfs": [
        {"indices": 0, "mac": "02:11:22:33:44:55", "vlan": 100, "qos": 3, "trust": True, "spoofchk": False},
        {"indices": "2-3", "trust": True, "max_tx_rate": 100},
    ],
}
BUSY = [name for name in zoo.names() if zoo.nic(name).busy_answer]


@pytest.mark.parametrize("driver", zoo.names())
def test_each_fact_has_a_name_that_is_known_and_a_source(driver: str) -> None:
    facts = zoo.facts(driver)
    assert facts and set(facts) <= set(zoo.NAMES)
    assert not [name for name, fact in facts.items() if len(str(fact.get("source", "")).strip()) < 20]
    assert all({*fact} == {"value", "source"} for fact in facts.values())


@pytest.mark.parametrize("driver", zoo.names())
def test_from_nothing_to_the_specification_and_back(driver: str, tmp_path: Path) -> None:
    """On each of them: reached, the rerun is empty, made again at boot, and given back."""
    host = zoo_host(tmp_path, driver)
    before = snapshot(host)
    for pf in (PF1, PF2):
        host.nets[host.pfs[pf].name].up = driver != "igb"
    policies = [SET_UP, DPDK]
    if "trust" not in zoo.nic(driver).settings:
        policies = [{**SET_UP, "vfs": [{"indices": 0, "vlan": 7}]}, DPDK]
    present(host, policies)
    writes = len(host.log)
    assert drivers(host, PF1) == [zoo.nic(driver).vf_driver] * 4 and drivers(host, PF2) == ["vfio-pci"] * 7
    again = present(host, policies)
    assert not again.plan.steps and len(host.log) == writes
    host.reboot()
    assert boot.main(host) == 0
    assert not present(host, policies).plan.pending
    absent(host)
    for pf in (PF1, PF2):
        host.nets[host.pfs[pf].name].up = False
    assert snapshot(host) == before


@pytest.mark.parametrize("driver", [pytest.param(name, id=f"finding-node-12-{name}") for name in BUSY])
@pytest.mark.parametrize("value", [{"vlan": 7}, {"trust": True}, {"spoofchk": False}, {"max_tx_rate": 10}])
def test_a_vf_that_is_being_reset(driver: str, value: dict[str, Any], tmp_path: Path) -> None:
    """A setting that comes while the one before it still resets the VF is made all the same, and each just once."""
    host = zoo_host(tmp_path, driver)
    present(host, [{**KERNEL, "vfs": [{"indices": 1, "mac": "02:11:22:33:44:55", **value}]}])
    assert host.pfs[PF1].settings[1].items() >= value.items()
    assert sum(" vf 1 mac " in line for line in host.log) == 1


@pytest.mark.parametrize("code", [
    pytest.param(11, id="finding-node-12-EAGAIN"),
    pytest.param(16, id="finding-node-12-EBUSY"),
])  # fmt: skip
def test_a_vf_that_stays_busy_ends_in_words(code: int, tmp_path: Path) -> None:
    """After a bounded time; the other VFs and the other PF have what they should."""
    host = zoo_host(tmp_path, "i40e")
    host.refusals = {"vf 1 vlan": code}
    with pytest.raises(HostError, match=rf"{PF1} vf 1: set vlan 9"):
        present(host, [{**KERNEL, "vfs": [{"indices": "0-3", "vlan": 9}]}, DPDK])
    assert [host.pfs[PF1].settings[i]["vlan"] for i in range(4)] == [9, 0, 9, 9]
    assert drivers(host, PF2) == ["vfio-pci"] * 7 and host.clock < 120


MODE = {**KERNEL, "eswitch_mode": "switchdev"}


@pytest.mark.parametrize("code", [11, 16])
@pytest.mark.parametrize(("what", "policy"), [
    # Linux drivers/net/ethernet/intel/ice/ice_main.c, ice_open: EBUSY while the PF is reset.
    pytest.param("dev enp1s0 up", KERNEL, id="finding-node-12-link"),
    # drivers/net/ethernet/mellanox/mlx5/core/eswitch_offloads.c, mlx5_devlink_eswitch_mode_set: EBUSY while it changes.
    pytest.param("eswitch set", MODE, id="finding-node-12-mode"),
    pytest.param("ethtool -K", MODE, id="finding-node-12-offload"),
])  # fmt: skip
def test_a_pf_that_is_busy_is_asked_again(code: int, what: str, policy: dict[str, Any], tmp_path: Path) -> None:
    """Whatever it is asked for."""
    host = make_host(tmp_path, "ice")
    host.faults = {what: code}
    present(host, [policy])
    assert host.numvfs(PF1) == 4 and not present(host, [policy]).plan.steps and not host.faults


@pytest.mark.parametrize("what", [pytest.param("dev enp1s0 down", id="finding-node-12-down")])
def test_a_pf_that_is_busy_as_it_is_given_back(what: str, tmp_path: Path) -> None:
    host = make_host(tmp_path, "ice")
    before = snapshot(host)
    present(host, [KERNEL])
    host.faults = {what: 16}
    absent(host)
    assert snapshot(host) == before


@pytest.mark.parametrize("said", [
    # iproute2 lib/libnetlink.c, devlink/mnlg.c; ethtool netlink/nlsock.c, ethtool.c
    pytest.param("RTNETLINK answers: Device or resource busy", id="finding-node-12-said-by-ip"),
    pytest.param("Error: busy.\nkernel answers: Device or resource busy", id="finding-node-12-said-by-devlink"),
    pytest.param("netlink error: Device or resource busy", id="finding-node-12-said-by-ethtool"),
    pytest.param("Cannot set device feature settings: Device or resource busy", id="finding-node-12-said-by-ioctl"),
])  # fmt: skip
def test_the_answers_of_programs_are_known(said: str) -> None:
    assert errno_of(HostError("x", "exit status 0", f"2; it said: {said}\n")) == 16


@pytest.mark.parametrize("setting", [
    pytest.param({"trust": True}, id="finding-node-17-trust"),
    pytest.param({"spoofchk": False}, id="finding-node-17-spoofchk"),
    pytest.param({"max_tx_rate": 50}, id="finding-node-17-max_tx_rate"),
    pytest.param({"mac": "02:00:00:00:aa:01"}, id="finding-node-17-mac"),
])  # fmt: skip
def test_a_setting_that_the_driver_does_not_report(setting: dict[str, Any], tmp_path: Path) -> None:
    """Set once, said to be unknown; the rerun changes nothing; new VFs get it again."""
    (name,) = setting
    host = zoo_host(tmp_path, "i40e")
    host.own[PF1] = replace(zoo.nic("i40e"), settings=tuple(n for n in zoo.nic("i40e").settings if n != name))
    policy = {**KERNEL, "vfs": [{"indices": 1, **setting}]}
    done = present(host, [policy])
    assert any(f"does not report {name}" in warning for warning in done.warnings)
    writes = len(host.log)
    again = present(host, [policy])
    assert not again.plan.steps and len(host.log) == writes
    assert any(f"does not report {name}" in warning for warning in again.warnings)
    host.reboot()
    assert boot.main(host) == 0
    assert host.pfs[PF1].settings[1].items() >= setting.items()
    assert not present(host, [policy]).plan.steps


@pytest.mark.parametrize("change", [pytest.param(False, id="finding-node-17-another-value")])
def test_another_value_of_what_is_not_reported(change: bool, tmp_path: Path) -> None:
    host = zoo_host(tmp_path, "i40e")
    host.own[PF1] = replace(zoo.nic("i40e"), settings=("mac", "vlan", "qos"))
    present(host, [{**KERNEL, "vfs": [{"indices": 0, "trust": True}]}])
    outcome = present(host, [{**KERNEL, "vfs": [{"indices": 0, "trust": change}]}])
    assert [step.kind for step in outcome.plan.steps if step.kind != "file"] == ["vf_attributes"]
    assert host.pfs[PF1].settings[0]["trust"] is change


@pytest.mark.parametrize("count", [
    pytest.param(64, id="finding-node-14-64-vfs"),
    pytest.param(1, id="finding-node-14-one-vf"),
])  # fmt: skip
def test_vfs_that_get_no_interface(count: int, tmp_path: Path) -> None:
    """They are waited for at once, under one limit, and named for what they are; the rest of the node is set up."""
    host = zoo_host(tmp_path, "ice")
    host.silent = {host.vf_address(PF1, index) for index in range(count)}
    total = max(count, 6)
    policies = [{**KERNEL, "num_vfs": total, "mtu": 2000}, DPDK]
    with pytest.raises(HostError) as caught:
        present(host, policies)
    assert "no network interface" in str(caught.value) and "namespace" not in str(caught.value)
    assert host.vf_address(PF1, 0) in str(caught.value)
    assert host.clock < 120
    assert drivers(host, PF2) == ["vfio-pci"] * 7 and host.exists("/etc/baremetal-sriov/node.json")
    assert [host.nets[f"enp1s0v{i}"].mtu for i in range(count, total)] == [2000] * (total - count)
    told = present(host, policies, check=True).plan
    assert f"{PF1} vf 0: bind its driver again" in [f"{step.target}: {step.action}" for step in told.steps]
    assert not told.drain_required
    host.reboot()
    host.clock = 0.0
    assert boot.main(host, [boot.EARLY]) == 1 and host.clock < 300


@pytest.mark.parametrize("driver", [pytest.param(name, id=f"finding-node-14-lost-{name}") for name in zoo.names()])
def test_a_vf_that_has_lost_its_interface(driver: str, tmp_path: Path) -> None:
    """A plan says so, and a run brings it back; one that a pod has is left alone."""
    host = zoo_host(tmp_path, driver)
    present(host, [KERNEL])
    vf = host.vf_address(PF1, 2)
    host.move_away(vf)
    assert not present(host, [KERNEL], check=True).plan.steps, "a pod has it"
    host.real(f"sys/bus/pci/devices/{vf}/net").rmdir()
    assert [f"{s.target}: {s.action}" for s in present(host, [KERNEL]).plan.steps] == [
        f"{PF1} vf 2: bind its driver again"
    ]
    host.sleep(5)
    assert "enp1s0v2" in host.nets


@pytest.mark.parametrize("driver", [pytest.param(name, id=f"finding-node-15-{name}") for name in zoo.names()])
def test_a_pf_whose_driver_has_given_up(driver: str, tmp_path: Path) -> None:
    """A driver without an interface makes no VFs: refused in words, also at boot, where nothing is written to it."""
    host = zoo_host(tmp_path, driver)
    policy = {**KERNEL, "nic_selector": {"root_devices": [PF1]}}
    present(host, [policy])
    host.reboot()
    host.move_away(PF1)
    host.real(f"sys/bus/pci/devices/{PF1}/net").rmdir()
    with pytest.raises(RefusedError, match=rf"driver {driver} shows no network interface"):
        present(host, [policy])
    writes = len(host.log)
    assert boot.main(host) == 1
    assert not [line for line in host.log[writes:] if PF1 in line]


@pytest.mark.parametrize("there", [
    pytest.param(False, id="finding-node-16-new-vfs"), pytest.param(True, id="finding-node-16-vfs-that-are-there"),
])  # fmt: skip
def test_a_group_shared_with_the_pf(there: bool, tmp_path: Path) -> None:
    """Nothing is left on vfio-pci, the second run says what the first did, and nobody is told to give the PF away."""
    host = zoo_host(tmp_path, "igb")
    create = host._create_vf

    def without_acs(pf: Any, index: int) -> None:
        create(pf, index)
        vf = host.vf_address(pf.address, index)
        group = (host.read_link(f"/sys/bus/pci/devices/{vf}/iommu_group") or "").rpartition("/")[2]
        for member in (vf, pf.address):
            host.symlink(f"sys/kernel/iommu_groups/{group}/devices/{member}", f"../../../../bus/pci/devices/{member}")

    host._create_vf = without_acs  # type: ignore[method-assign]
    if there:
        present(host, [{**DPDK, "device_type": "netdevice"}])
    said = []
    for _time in range(2):
        with pytest.raises((HostError, RefusedError)) as caught:
            present(host, [DPDK])
        said.append(str(caught.value))
        assert "vfio-pci" not in drivers(host, PF2)
    for text in said:
        assert f"shares one with {PF2} (igb)" in text and "ACS" in text
        assert "other functions to vfio-pci" not in text


@pytest.mark.parametrize("there", [pytest.param(False, id="finding-node-16-no-group")])
def test_a_vfio_driver_without_an_iommu_group(there: bool, tmp_path: Path) -> None:
    """A kernel answers EINVAL: said at once, not after a wait for each VF."""
    host = zoo_host(tmp_path, "igb", iommu=there)
    host.put("sys/class/iommu/dmar0/device", "")
    with pytest.raises((HostError, RefusedError), match="IOMMU"):
        present(host, [DPDK])
    assert host.clock < 60 and "vfio-pci" not in drivers(host, PF2)

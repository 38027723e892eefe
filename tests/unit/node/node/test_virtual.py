# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines: passthrough VFs, which can be bound and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host import machine
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot, preflight
from support.fake_host import FakeHost
from support.node_runs import absent, actions, make_host, present, snapshot

FIRST, SECOND = "0000:00:05.0", "0000:00:06.0"
FAST: dict[str, Any] = {
    "name": "fast",
    "resource_name": "fast",
    "nic_selector": {"root_devices": [FIRST]},
    "num_vfs": 1,
    "device_type": "vfio-pci",
}
FLAGS = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vme{}\n\n"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A virtual machine with two NICs, and an IOMMU only where a test says so."""
    found = FakeHost(tmp_path, iommu=False)
    found.put("proc/cpuinfo", FLAGS.format(" hypervisor"))
    found.add_lone_vf(FIRST, "ens5")
    found.add_lone_vf(SECOND, "ens6")
    found.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    found.put("sys/module/vfio/initstate", "live\n")
    found.put("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
    return found


def test_bound_offered_at_each_boot_and_given_back(host: FakeHost) -> None:
    host.nets["ens5"].mtu = 1400
    before = snapshot(host)
    checked = present(host, [FAST], no_iommu=True, check=True)
    done = present(host, [FAST], no_iommu=True)
    assert checked.plan == done.plan and not done.plan.reboot_required
    assert f"{FIRST} vf 0: bind vfio-pci" in actions(done)
    assert {step.kind for step in done.plan.steps if str(step.target).startswith(FIRST)} == {"driver"}
    assert (host.driver(FIRST), host.driver(SECOND)) == ("vfio-pci", "igbvf")
    (pool,) = json.loads(host.get("etc/pcidp/config.json"))["resourceList"]
    assert pool["selectors"] == [{"pciAddresses": [FIRST], "drivers": ["vfio-pci"]}]
    assert done.facts()["resources"] == {"baremetal.sriov/fast": 1}
    assert not present(host, [FAST], no_iommu=True).plan.steps
    host.reboot()
    assert host.driver(FIRST) == "igbvf"
    start = host.clock
    assert boot.main(host, [boot.EARLY]) == 0 and boot.main(host) == 0
    assert host.driver(FIRST) == "vfio-pci" and host.clock - start < 5.0
    absent(host)
    assert snapshot(host) == before
    assert (host.driver(FIRST), host.nets["ens5"].mtu) == ("igbvf", 1400)


def test_a_vf_that_carries_the_host_is_not_taken(host: FakeHost) -> None:
    """Its address, and the SSH connection; all NICs of one kind look alike."""
    host.nets["ens6"].addresses.append("192.0.2.7")
    every = {**FAST, "nic_selector": {"vendor": "8086"}}
    with pytest.raises(RefusedError, match=r"VF 0 \(0000:00:06.0\) by the address 192\.0\.2\.7"):
        present(host, [every], no_iommu=True)
    assert host.driver(FIRST) == "igbvf"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"num_vfs": 2}, "ens5.: expected a PF, for 2 VFs; found a NIC without SR-IOV in a virtual machine"),
        ({"device_type": "netdevice", "mtu": 9000}, "expected a PF, for mtu; found a passthrough VF"),
        ({"vfs": [{"indices": 0, "vlan": 5, "trust": True}]}, "Take trust, vlan out of the policy, and set it there"),
        ({"eswitch_mode": "switchdev"}, "expected a PF, for eswitch_mode"),
        ({"nic_selector": {"pf_names": ["ens9"]}}, r"0000:00:05\.0 \(ens5\) 8086:10ca without a PF, 0000:00:06"),
    ],
)
def test_what_needs_a_pf(host: FakeHost, more: dict[str, Any], text: str) -> None:
    with pytest.raises(RefusedError, match=text):
        present(host, [{**FAST, **more}], no_iommu=True)


def test_without_an_iommu_only_on_the_users_word(host: FakeHost) -> None:
    """The firmware of a virtual machine has no switch for one."""
    host.put("sys/firmware/acpi/tables/FACP", "")
    with pytest.raises(RefusedError, match="virtual IOMMU, or accept running without an IOMMU"):
        present(host, [FAST])


def test_the_kernels_driver_needs_nothing(host: FakeHost) -> None:
    """The VF is offered as it is."""
    done = present(host, [{**FAST, "device_type": "netdevice"}])
    assert not any(str(step.target).startswith(FIRST) for step in done.plan.steps)
    (pool,) = json.loads(host.get("etc/pcidp/config.json"))["resourceList"]
    assert pool["selectors"] == [{"pciAddresses": [FIRST]}]


def test_bare_metal_and_machines_with_pfs_are_as_they_were(tmp_path: Path, host: FakeHost) -> None:
    """A NIC without SR-IOV is no VF there."""
    host.put("proc/cpuinfo", FLAGS.format(""))
    with pytest.raises(RefusedError, match="shows no sriov_totalvfs"):
        present(host, [FAST], no_iommu=True)
    other = make_host(tmp_path / "other")
    other.put("proc/cpuinfo", FLAGS.format(" hypervisor"))
    other.add_lone_vf(FIRST, "ens5")
    with pytest.raises(RefusedError, match="shows no sriov_totalvfs"):
        present(other, [FAST])


def test_preflight_tells(host: FakeHost) -> None:
    rows = {row.item: row for row in preflight.checks(host)}
    assert rows[f"{FIRST} (ens5)"].found == "a passthrough VF (its PF belongs to the hypervisor)"


@pytest.mark.parametrize(
    ("cpu", "vendor", "virtual"),
    [
        ("flags\t: fpu hypervisor\n", "Acme", True),
        ("flags\t: fpu\n", "QEMU", False),
        ("Features\t: fp asimd\n", "QEMU", True),
        ("Features\t: fp asimd\n", "Ampere", False),
        ("", "", False),
    ],
)
def test_a_virtual_machine_is_told_by_its_cpu_or_its_firmware(
    host: FakeHost, cpu: str, vendor: str, virtual: bool
) -> None:
    host.put("proc/cpuinfo", cpu)
    host.put("sys/class/dmi/id/sys_vendor", f"{vendor}\n")
    assert machine.is_virtual(host) is virtual

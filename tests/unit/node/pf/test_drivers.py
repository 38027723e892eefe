# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies with other drivers than the kernel's and vfio-pci, and why a driver could not serve."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import (
    HostError,
    InvalidSpecError,
    RefusedError,
    SlowError,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present, snapshot, somebody_makes

UIO = {**KERNEL, "device_type": "uio_pci_generic"}


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """Two PFs without VFs, the IOMMU on, and these drivers to be had."""
    host = make_host(tmp_path)
    host.available |= {"uio_pci_generic", "igb_uio", "mlx5_vfio_pci", "acme-net"}
    return host


def selectors(host: FakeHost) -> Any:
    return json.loads(host.get("etc/pcidp/config.json"))["resourceList"][0]["selectors"]


def test_kernel_vfio_uio_kernel(host: FakeHost) -> None:
    """The VFs stay, their drivers change; the module is loaded at boot; each run is the last of its kind."""
    before = snapshot(host)
    ways = [KERNEL, {**KERNEL, "device_type": "vfio-pci"}, UIO, {**KERNEL, "device_type": "igb_uio"}, KERNEL]
    for policy in ways:
        there = host.numvfs(PF1)
        outcome = present(host, [policy])
        kind = policy.get("device_type")
        assert drivers(host, PF1) == [kind or "igbvf"] * 4
        assert selectors(host)[0].get("drivers") == ([kind] if kind else None)
        assert any(step.kind == "num_vfs" for step in outcome.plan.steps) == (there == 0)
        assert (f"\n{kind}\n" in host.get("etc/modules-load.d/baremetal-sriov.conf")) if kind else True
        assert not present(host, [policy]).plan.steps
    absent(host)
    assert snapshot(host) == before


@pytest.mark.parametrize("driver", ["mlx5_vfio_pci", "acme-net"])
def test_any_driver_that_is_named(host: FakeHost, driver: str) -> None:
    """Bound, offered to pods under its name, and given back."""
    policy = {**KERNEL, "driver": driver}
    present(host, [policy])
    assert drivers(host, PF1) == [driver] * 4 and selectors(host)[0]["drivers"] == [driver]
    assert not present(host, [policy]).plan.steps
    present(host, [KERNEL])
    assert drivers(host, PF1) == ["igbvf"] * 4


def test_a_driver_that_somebody_had_chosen_comes_back(host: FakeHost) -> None:
    """An override is no choice of the kernel's."""
    somebody_makes(host, 2)
    for vf in range(2):
        host.run(["modprobe", "--", "acme-net"])
        base = f"/sys/bus/pci/devices/{host.vf_address(PF1, vf)}"
        host.write_attribute(f"{base}/driver/unbind", host.vf_address(PF1, vf))
        host.write_attribute(f"{base}/driver_override", "acme-net")
        host.write_attribute("/sys/bus/pci/drivers_probe", host.vf_address(PF1, vf))
    assert drivers(host, PF1) == ["acme-net"] * 2
    present(host, [{**KERNEL, "num_vfs": 2, "device_type": "vfio-pci"}])
    absent(host)
    assert drivers(host, PF1) == ["acme-net"] * 2


def test_uio_needs_no_iommu(tmp_path: Path) -> None:
    """No kernel arguments and no reboot for it; a vendor's vfio driver needs one."""
    host = make_host(tmp_path, iommu=False)
    host.available |= {"uio_pci_generic"}
    host.put("proc/cmdline", "quiet\n")
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    assert not present(host, [UIO]).plan.reboot_required
    assert drivers(host, PF1) == ["uio_pci_generic"] * 4
    assert present(host, [{**KERNEL, "driver": "mlx5_vfio_pci"}], check=True).plan.reboot_required


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"driver": "a", "device_type": "vfio-pci"}, "driver: contradicts device_type vfio-pci"),
        ({"driver": "../x"}, "driver: expected the name of a kernel driver"),
        ({"driver": "default"}, "driver: expected a driver's name; leave it out"),
        ({"driver": "mlx5_vfio_pci", "is_rdma": True}, "is_rdma: an RDMA VF needs the kernel's driver"),
        ({"device_type": "uio"}, "device_type: expected one of netdevice, vfio-pci, uio_pci_generic, igb_uio"),
    ],
)
def test_mistakes(policy: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        node_spec([{**KERNEL, **policy}])
    assert text in str(caught.value)


def test_a_kernel_that_is_locked_down(host: FakeHost) -> None:
    """UIO would be bound and useless; vfio works; what is bound already is given back."""
    host.put("sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
    present(host, [UIO])
    host.put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    with pytest.raises(RefusedError, match=r"uio_pci_generic is for; found it is locked down \(integrity"):
        present(host, [UIO])
    present(host, [{**KERNEL, "device_type": "vfio-pci"}])
    absent(host)


@pytest.mark.parametrize(
    ("said", "secure", "text"),
    [
        ("modprobe: ERROR: could not insert 'acme_net': Key was rejected by service", True, "Secure Boot is on"),
        ("modprobe: ERROR: could not insert 'acme_net': Required key not available", False, "see dmesg"),
        ("modprobe: FATAL: Module acme-net not found", True, "Install the kernel's module package"),
    ],
)
def test_a_module_that_the_kernel_does_not_take(host: FakeHost, said: str, secure: bool, text: str) -> None:
    """Each cause has its own remedy."""
    host.available -= {"acme-net"}
    host.complaint = said
    variable = host.base / "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    variable.parent.mkdir(parents=True)
    variable.write_bytes(bytes([6, 0, 0, 0, int(secure)]))
    with pytest.raises(HostError) as caught:
        present(host, [{**KERNEL, "driver": "acme-net"}])
    assert said in str(caught.value) and text in str(caught.value)
    assert ("mokutil" in str(caught.value)) == (text != "Install the kernel's module package")


def share_group(host: FakeHost, vf: str, other: str) -> None:
    """Both are in the VF's IOMMU group."""
    group = os.path.basename(os.readlink(host.base / f"sys/bus/pci/devices/{vf}/iommu_group"))
    for member in (vf, other):
        link = host.base / f"sys/kernel/iommu_groups/{group}/devices/{member}"
        link.symlink_to(f"../../../../bus/pci/devices/{member}")


def test_a_group_that_is_shared_with_a_function_of_the_host(host: FakeHost) -> None:
    """Refused where the VFs are there; nobody could open the VF."""
    present(host, [{**DPDK, "device_type": "netdevice"}])
    share_group(host, "0000:02:10.4", PF1)
    with pytest.raises(RefusedError, match=r"vf 2: expected an IOMMU group .* shares one with 0000:01:00\.0 \(igb\)"):
        present(host, [DPDK])
    assert drivers(host, PF2) == ["igbvf"] * 7


def test_a_group_that_turns_out_to_be_shared(host: FakeHost) -> None:
    """Where the VFs are new: the step fails, and the VF has no driver that it should not have."""
    create = host._create_vf

    def shared(pf: Any, index: int) -> None:
        create(pf, index)
        if pf.address == PF2 and index == 1:
            share_group(host, "0000:02:10.2", PF1)

    host._create_vf = shared  # type: ignore[method-assign]
    with pytest.raises(HostError, match=r"0000:02:00\.0 vf 1: bind vfio-pci.*shares one with 0000:01:00\.0 \(igb\)"):
        present(host, [DPDK])


def test_vfs_of_one_pf_that_share_a_group(host: FakeHost) -> None:
    """They are all ours to bind."""
    present(host, [{**DPDK, "device_type": "netdevice"}])
    share_group(host, "0000:02:10.4", "0000:02:10.2")
    present(host, [DPDK])
    assert drivers(host, PF2) == ["vfio-pci"] * 7


@pytest.mark.parametrize(
    ("code", "text"),
    [(2, "sriov_configure"), (5, "link up"), (13, "SRIOV_EN"), (95, "present mode"), (110, "firmware did not answer")],
)
def test_why_vfs_could_not_be_created(host: FakeHost, code: int, text: str) -> None:
    """The errno tells, and the message says what to do."""
    host.faults["sriov_numvfs=4"] = code
    with pytest.raises(HostError) as caught:
        present(host, [KERNEL])
    assert text in str(caught.value) and f"errno {code}" in str(caught.value)


@pytest.mark.parametrize("code", [11, 16])
def test_a_pf_that_is_still_being_probed(host: FakeHost, code: int) -> None:
    """Tried again, for a bounded time."""
    host.faults["sriov_numvfs=4"] = code
    present(host, [KERNEL])
    assert host.numvfs(PF1) == 4
    host.refusals = {f"{PF2}/sriov_numvfs=7": code}
    with pytest.raises(HostError, match=r"run this again|see who holds them"):
        present(host, [KERNEL, DPDK])
    assert host.clock < 60


@pytest.mark.parametrize("part", [
    pytest.param("/drivers_probe=", id="finding-node-18-probe"),
    pytest.param("/unbind=", id="finding-node-18-unbind"),
    pytest.param("/driver_override=", id="finding-node-18-override"),
])  # fmt: skip
def test_a_binding_that_the_kernel_is_still_at_work_on(host: FakeHost, part: str) -> None:
    """That function is left alone: each write to it would hang behind the first. The others are bound, and the next run
    goes on from what the kernel made of it.
    """
    netdevices = {**DPDK, "device_type": "netdevice"}
    present(host, [netdevices])
    write = host.write_attribute
    slow: list[str] = []

    def hangs(path: str, value: str, seconds: float = 60.0) -> None:
        if not slow and part in f"{path}={value}":
            slow.append(path)
            raise SlowError(path, f"{value!r} written within {seconds:g} s", "the write hangs in the kernel", "")
        assert not slow or host.vf_address(PF2, 0) not in f"{path}={value}", f"{path}={value} after {slow}"
        write(path, value, seconds)

    host.write_attribute = hangs  # type: ignore[method-assign]
    with pytest.raises(SlowError, match="vf 0: bind vfio-pci"):
        present(host, [DPDK])
    assert drivers(host, PF2)[1:] == ["vfio-pci"] * 6 and slow
    host.write_attribute = write  # type: ignore[method-assign]
    present(host, [DPDK])
    assert drivers(host, PF2) == ["vfio-pci"] * 7

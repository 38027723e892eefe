# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VF is in use where the host's network, a pod or a program has it; whoever that is, is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from support.fake_host import FakeHost
from support.fake_pci import Net
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, actions, drivers, make_host, present

VF = "enp1s0v1"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """Two PFs, the first with four VFs under the kernel's driver."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    return host


def address(host: FakeHost) -> None:
    """Somebody's service listens there."""
    host.nets[VF].addresses += ["fe80::1%link", "192.0.2.7"]


def route(host: FakeHost) -> None:
    host.routes.append({"dst": "default", "dev": VF})


def macvtap(host: FakeHost) -> None:
    """As libvirt makes it for a VM."""
    host.add_net(Net("macvtap0", "52:54:00:00:00:33", kind="macvtap", lower=VF))


def bridge(host: FakeHost) -> None:
    host.add_net(Net("br7", "52:54:00:00:00:34", kind="bridge"))
    host.nets[VF].master = "br7"


def upper_that_ip_does_not_tell(host: FakeHost) -> None:
    """sysfs has a link to each."""
    (host.base / f"sys/class/net/{VF}/upper_team0").mkdir()


def route_above(host: FakeHost) -> None:
    """A VLAN on the VF."""
    host.add_net(Net("vf1.9", "52:54:00:00:00:35", kind="vlan", lower=VF))
    host.routes.append({"dst": "default", "dev": "vf1.9"})


USES: list[tuple[Callable[[FakeHost], None], str]] = [
    (address, "the address 192.0.2.7/24"),
    (route, "the default route"),
    (macvtap, "the macvtap macvtap0 on it"),
    (bridge, "a port of the bridge br7"),
    (upper_that_ip_does_not_tell, "the interface team0 on it"),
    (route_above, "the default route through vf1.9, the vlan vf1.9 on it"),
]


@pytest.mark.parametrize(("use", "words"), USES)
def test_what_the_host_does_with_a_vf(host: FakeHost, use: Callable[[FakeHost], None], words: str) -> None:
    """A new count, another driver and teardown are refused and name it; other VFs and PFs are free."""
    use(host)
    for act in (
        lambda: present(host, [{**KERNEL, "num_vfs": 2}]),
        lambda: present(host, [{**KERNEL, "device_type": "vfio-pci"}]),
        lambda: absent(host),
    ):
        with pytest.raises(RefusedError) as caught:
            act()
        assert f"needs drain: VF 1 (0000:01:10.2) by {words}. " in str(caught.value)
    assert drivers(host, PF1) == ["igbvf"] * 4
    assert not present(host, [KERNEL]).plan.steps
    other = {**DPDK, "nic_selector": {"pf_names": ["enp1s0#2-3"]}, "num_vfs": 4}
    present(host, [{**KERNEL, "nic_selector": {"pf_names": ["enp1s0#0-1"]}}, other])
    assert drivers(host, PF1) == ["igbvf", "igbvf", "vfio-pci", "vfio-pci"]


def test_an_address_that_every_interface_has_is_no_use(host: FakeHost) -> None:
    """A link-local one appears with the link."""
    host.nets[VF].addresses.append("fe80::1%link")
    present(host, [{**KERNEL, "num_vfs": 2}])
    assert host.numvfs(PF1) == 2


def test_settings_of_a_vf_that_the_host_uses(host: FakeHost) -> None:
    """Those that disturb nobody are made; a new MAC address or VLAN is not; a bond's own address is no drift."""
    address(host)
    trusted = {**KERNEL, "vfs": [{"indices": 1, "trust": True, "max_tx_rate": 50}]}
    assert actions(present(host, [trusted]))[0] == f"{PF1} vf 1: set trust on, max_tx_rate 50"
    for change in ({"vlan": 5}, {"mac": "02:00:00:00:00:09"}):
        with pytest.raises(RefusedError, match=r"VF 1 .* by the address 192\.0\.2\.7/24"):
            present(host, [{**trusted, "vfs": [{"indices": 1, **change}]}])
    host.nets[VF].addresses.clear()
    named = {**trusted, "vfs": [{"indices": 1, "mac": "02:00:00:00:00:09"}]}
    present(host, [named])
    bridge(host)
    host.nets[VF].mac = "02:00:00:00:00:aa"
    assert not present(host, [named]).plan.steps


def opened(host: FakeHost, path: str) -> None:
    """A process has a device file open."""
    host.put("proc/99/comm", "dpdk-testpmd\n")
    (host.base / "proc/99/fd").mkdir()
    os.symlink(path, host.base / "proc/99/fd/17")


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("vfio-dev/vfio5", "/dev/vfio/devices/vfio5"),
        ("uio/uio3", "/dev/uio3"),
        ("infiniband_verbs/uverbs1", "/dev/infiniband/uverbs1"),
        ("uio/uio3", "/dev/uio3 (deleted)"),
        ("", "/dev/vfio/noiommu-{group}"),
    ],
)
def test_a_program_that_has_a_vf_open(host: FakeHost, folder: str, path: str) -> None:
    """Named by process id and name."""
    present(host, [DPDK])
    vf = host.base / "sys/bus/pci/devices/0000:02:10.4"
    (vf / folder).mkdir(parents=True, exist_ok=True)
    group = os.path.basename(os.readlink(vf / "iommu_group"))
    opened(host, path.format(group=group))
    free: Any = {**DPDK, "device_type": "netdevice", "nic_selector": {"root_devices": [f"{PF2}#0-1,3-6"]}}
    present(host, [free])
    assert drivers(host, PF2) == ["igbvf", "igbvf", "vfio-pci", *["igbvf"] * 4]
    with pytest.raises(RefusedError, match=r"VF 2 \(0000:02:10\.4\) by process 99 \(dpdk-testpmd\), which has /dev/"):
        absent(host)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused, with nothing changed, and what the user can allow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from support.fake_host import FakeHost
from support.fake_pci import Net
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present


def refusal(host: FakeHost, policies: list[dict[str, Any]], **options: Any) -> str:
    """The text of the refusal; a check refuses alike, and nothing changes."""
    writes = len(host.log)
    for check in (True, False):
        with pytest.raises(RefusedError) as caught:
            present(host, policies, check=check, **options)
    assert len(host.log) == writes and not host.exists("/var/lib/baremetal-sriov")
    return str(caught.value)


def sshd_on(host: FakeHost, address_hex: str, table: str = "tcp", state: str = "01") -> None:
    """A server process with a socket of this local address (as /proc prints it)."""
    host.put("proc/812/comm", "sshd\n")
    (host.base / "proc/812/fd").mkdir()
    os.symlink("socket:[4711]", host.base / "proc/812/fd/4")
    host.put(
        f"proc/net/{table}",
        "  sl  local_address rem_address   st\n"
        f"   0: {address_hex}:0016 0201000A:D431 {state} 00000000:00000000 02:000A 00000000 0 0 4711 4 0 20 4\n",
    )


def default_route(host: FakeHost) -> None:
    """On the PF itself."""
    host.routes.append({"dst": "default", "dev": "enp1s0"})


def ssh_socket(host: FakeHost) -> None:
    """An established sshd socket on the PF's address 10.0.1.1."""
    host.nets["enp1s0"].addresses.append("10.0.1.1")
    sshd_on(host, "0101000A")


def ssh_socket_v6(host: FakeHost) -> None:
    """The same address, mapped into IPv6."""
    host.nets["enp1s0"].addresses.append("10.0.1.1")
    sshd_on(host, "0000000000000000FFFF00000101000A", "tcp6")


def bridge(host: FakeHost) -> None:
    """The PF is a port of a bridge."""
    host.add_net(Net("br0", "52:54:00:00:00:aa", kind="bridge"))
    host.nets["enp1s0"].master = "br0"


def route_over_vlan_of_bond(host: FakeHost) -> None:
    """The PF in a bond, a VLAN on that, the default route there."""
    host.add_net(Net("bond0", "52:54:00:00:00:ab", kind="bond"))
    host.add_net(Net("bond0.5", "52:54:00:00:00:ab", kind="vlan", lower="bond0"))
    host.nets["enp1s0"].master = "bond0"
    host.routes.append({"dst": "default", "dev": "bond0.5"})


USES: list[tuple[Callable[[FakeHost], None], str]] = [
    (default_route, "the default route"),
    (ssh_socket, "an SSH connection to 10.0.1.1 and the address 10.0.1.1/24"),
    (ssh_socket_v6, "an SSH connection to 10.0.1.1 and the address 10.0.1.1/24"),
    (bridge, "a port of the bridge br0"),
    (route_over_vlan_of_bond, "the default route through bond0.5 and a port of the bond bond0"),
]


@pytest.mark.parametrize(("use", "text"), USES)
def test_a_pf_that_the_host_needs(host: FakeHost, use: Callable[[FakeHost], None], text: str) -> None:
    """First VFs need allow_in_use; a new count is refused in any case; the other PF is free."""
    use(host)
    found = refusal(host, [KERNEL])
    assert PF1 in found and f"it carries {text}" in found and "allow_in_use" in found
    present(host, [{**DPDK, "num_vfs": 2}])
    absent(host)
    host.nets["enp1s0"].up = True
    allowed = {**KERNEL, "allow_in_use": True}
    present(host, [allowed])
    assert host.numvfs(PF1) == 4
    with pytest.raises(RefusedError, match="made anew"):
        present(host, [{**allowed, "num_vfs": 5}])
    assert host.numvfs(PF1) == 4
    absent(host)
    assert host.numvfs(PF1) == 0 and host.nets["enp1s0"].up, "what we made is given back, the link stays"


def test_a_socket_that_is_not_established_does_not_count(host: FakeHost) -> None:
    """A listening sshd is no connection."""
    host.nets["enp1s0"].addresses.append("10.0.1.1")
    sshd_on(host, "0101000A", state="0A")
    found = refusal(host, [KERNEL])
    assert "it carries the address 10.0.1.1/24. " in found, "the address alone, and no connection"


def test_the_environment_is_a_hint(host: FakeHost) -> None:
    """SSH_CONNECTION where sudo keeps it."""
    host.nets["enp1s0"].addresses.append("fe80::1")
    assert "SSH connection" in refusal(host, [KERNEL], ssh_connection="fe80::9 4000 fe80::1%enp1s0 22")


def test_a_new_mtu_needs_the_users_word(host: FakeHost) -> None:
    """Also where the VFs are there already."""
    present(host, [KERNEL])
    default_route(host)
    with pytest.raises(RefusedError, match="allow_in_use"):
        present(host, [{**KERNEL, "mtu": 9000}])
    assert host.nets["enp1s0"].mtu == 1500
    present(host, [{**KERNEL, "mtu": 9000, "allow_in_use": True}])
    assert host.nets["enp1s0"].mtu == 9000


def test_everything_is_refused_at_once(host: FakeHost) -> None:
    """Selectors, counts, uses and files in one message."""
    default_route(host)
    host.put("etc/pcidp/config.json", "{}")
    found = refusal(
        host,
        [
            KERNEL,
            {**DPDK, "num_vfs": 8},
            {**KERNEL, "name": "x", "resource_name": "x", "nic_selector": {"pf_names": ["ens9"]}},
        ],
    )
    for text in (
        "ens9",
        "this host has 0000:01:00.0 (enp1s0) 8086:10c9 up to 7 VFs",
        "at most 7 VFs",
        "8 asked for",
        "the default route",
        "config.json",
    ):
        assert text in found


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"pf_names": ["enp9s0"]}, r"a PF enp9s0 \(nic_selector.pf_names\); found none; this host has"),
        ({"root_devices": ["0000:09:00.0"]}, "a PF 0000:09:00.0"),
        ({"mac_addresses": ["52:54:00:00:00:77"]}, "a PF 52:54:00:00:00:77"),
        ({"vendor": "15b3"}, r"a PF 15b3:\* with SR-IOV"),
        ({"pf_names": ["enp1s0"], "vendor": "15b3"}, r"enp1s0\) is 8086:10c9"),
        (
            {"pf_names": ["enp1s0"], "root_devices": [PF2]},
            "of nic_selector selects; found pf_names selects 0000:01:00.0; root_devices selects 0000:02:00.0",
        ),
        (
            {"pf_names": ["enp1s0"], "mac_addresses": ["52:54:00:00:00:02"]},
            "pf_names selects 0000:01:00.0; mac_addresses selects 0000:02:00.0",
        ),
        ({"pf_names": ["enp1s0#0-1"], "root_devices": [f"{PF1}#2"]}, "both select; found different ranges"),
    ],
)
def test_a_selector_that_fits_nothing(host: FakeHost, selector: dict[str, Any], text: str) -> None:
    """Names what is there."""
    with pytest.raises(RefusedError, match=text):
        present(host, [{**KERNEL, "nic_selector": selector}])


def test_an_ambiguous_mac_address(host: FakeHost) -> None:
    """The ports of a bond share one."""
    host.nets["enp2s0"].mac = host.nets["enp1s0"].mac
    assert "several: 0000:01:00.0 (enp1s0), 0000:02:00.0 (enp2s0)" in refusal(
        host, [{**KERNEL, "nic_selector": {"mac_addresses": [host.nets["enp1s0"].mac]}}]
    )


def test_one_mac_address_for_two_pfs(host: FakeHost) -> None:
    """A policy for several PFs can't give a VF its address."""
    found = refusal(
        host,
        [{**KERNEL, "nic_selector": {"vendor": "8086"}, "vfs": [{"indices": 0, "mac": "02:00:00:00:00:01"}]}],
    )
    assert "one PF, since its vfs have MAC addresses" in found


def test_equal_priorities_that_overlap(host: FakeHost) -> None:
    """Nobody could say which one wins."""
    found = refusal(host, [KERNEL, {**DPDK, "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 2}])
    assert "both have priority 99 and VFs 0-1" in found


@pytest.mark.parametrize(
    ("total", "text"),
    [("0", "sriov_totalvfs is 0"), (None, "shows no sriov_totalvfs"), ("3", "at most 3 VFs")],
)
def test_a_pf_that_can_not(host: FakeHost, total: str | None, text: str) -> None:
    """Each cause has its own words."""
    path = f"sys/bus/pci/devices/{PF1}/sriov_totalvfs"
    if total is None:
        (host.base / path).unlink()
    else:
        host.put(path, total + "\n")
    assert text in refusal(host, [KERNEL])


def test_a_pf_without_a_driver(host: FakeHost) -> None:
    """The kernel creates VFs through it."""
    host._unbind(PF1)
    assert "no driver is bound" in refusal(host, [{**KERNEL, "nic_selector": {"root_devices": [PF1]}}])


def test_no_iommu_groups_on_a_kernel_that_was_asked_for_them(tmp_path: Path) -> None:
    """No reboot would help: the firmware is named."""
    host = make_host(tmp_path, iommu=False)
    assert "DMAR" in refusal(host, [DPDK])


def test_vfs_that_pods_hold_need_a_drain(host: FakeHost) -> None:
    """A check says so; a run refuses and names the VF."""
    present(host, [KERNEL])
    host.move_away("0000:01:10.2")
    changed = [{**KERNEL, "num_vfs": 2}]
    checked = present(host, changed, check=True)
    assert checked.plan.drain_required
    assert "VF 1 (0000:01:10.2) by another network namespace" in str(checked.plan.held[0])
    with pytest.raises(RefusedError, match="needs drain"):
        present(host, changed)
    assert host.numvfs(PF1) == 4
    with pytest.raises(RefusedError, match="needs drain"):
        absent(host)


def test_vfs_that_a_vm_holds_need_a_drain(host: FakeHost) -> None:
    """A VFIO group that is open."""
    present(host, [DPDK])
    group = os.path.basename(os.readlink(host.base / "sys/bus/pci/devices/0000:02:10.4/iommu_group"))
    host.put("proc/99/comm", "qemu-system-x86\n")
    (host.base / "proc/99/fd").mkdir()
    os.symlink(f"/dev/vfio/{group}", host.base / "proc/99/fd/17")
    with pytest.raises(RefusedError, match=r"0000:02:00.0 vf 2: .*process 99 \(qemu-system-x86\)"):
        present(host, [{**DPDK, "device_type": "netdevice"}])
    assert drivers(host, PF2) == ["vfio-pci"] * 7


def test_what_a_pod_set_on_its_vf_is_no_drift(host: FakeHost) -> None:
    """The CNI plugin changes a VF's settings while it is in a pod."""
    policy = {**KERNEL, "mtu": 1500, "vfs": [{"indices": "0-3", "vlan": 5}]}
    present(host, [policy])
    host.move_away("0000:01:10.0")
    host.pfs[PF1].settings[0].update(vlan=77, mac="02:00:00:00:00:77")
    assert not present(host, [policy]).plan.steps

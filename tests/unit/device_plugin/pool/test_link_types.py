# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health by link type and port: InfiniBand by the state of its ports, each VF by its own port, each pool by its word.

Sources: Linux Documentation/ABI/stable/sysfs-class-infiniband (state), Documentation/ABI/testing/sysfs-class-net
(dev_port, operstate, phys_port_name).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from sriov_device_plugin.host.discovery import Scanner
from sriov_device_plugin.pool import config, health, pools
from support.dp_daemon import Daemon
from support.dp_host import NET, FakeHost
from support.fake_kubelet import FakeKubelet
from support.processes import eventually

PF = "0000:03:00.0"
POOL = {"resourceName": "vf", "selectors": {"drivers": ["mlx5_core", "mlx4_core", "vfio-pci", "igbvf"]}}


def judged(host: FakeHost, **more: Any) -> list[str]:
    """What is said of each VF at first sight, in the pool's order."""
    (loaded,) = config.parse(json.dumps({"resourceList": [{**POOL, **more}]}).encode(), "a.b").pools
    members = pools.assign([loaded], pools.scan([loaded], Scanner(str(host.root))))["a.b/vf"].members
    links = health.Links(str(host.root), 0, 0, 0)
    links.observe([member.device for member in members.values()], 0)
    devices = {device_id: member.device for device_id, member in members.items()}
    found = health.problems(devices, links, loaded.link_health)
    return [found.get(device_id, "") for device_id in members]


@pytest.fixture
def ib(host: FakeHost) -> FakeHost:
    """An InfiniBand PF with an interface for IP, and two VFs."""
    host.add(PF, name="ib0", totalvfs=4, klass="0x020700", driver="mlx5_core")
    host.lay(NET, {"ib0/type": 32})
    host.rdma(PF, "mlx5_0", 0)
    host.add_vfs(PF, 2, driver="mlx5_core")
    for name in ("ib0v0", "ib0v1"):
        host.lay(NET, {f"{name}/type": 32})
    return host


def port(host: FakeHost, state: str, number: int = 1, name: str = "mlx5_0") -> None:
    for place in (f"sys/bus/pci/devices/{PF}/infiniband/{name}", f"sys/class/infiniband/{name}"):
        host.put(f"{place}/ports/{number}/state", f"{state}\n")


NO_LINK = "no link on its PF mlx5_0 port 1"


@pytest.mark.parametrize(
    ("state", "interface", "wanted"),
    [
        pytest.param("4: ACTIVE", ("down", False), "", id="finding-dp-03-interface-off"),
        pytest.param("4: ACTIVE", ("down", True), "", id="finding-dp-03-interface-without-link"),
        pytest.param("4: ACTIVE", None, "", id="finding-dp-03-no-interface"),
        pytest.param("5: ACTIVE_DEFER", ("down", False), "", id="finding-dp-03-active-defer"),
        pytest.param("1: DOWN", ("up", True), NO_LINK, id="finding-dp-03-port-down"),
        pytest.param("2: INIT", ("down", True), NO_LINK, id="finding-dp-03-port-init"),
        pytest.param("1: DOWN", None, NO_LINK, id="finding-dp-03-port-down-no-interface"),
        pytest.param("0: NOP", ("down", False), "", id="finding-dp-03-port-says-nothing"),
        pytest.param("junk", ("down", False), "", id="finding-dp-03-port-says-junk"),
    ],
)
def test_infiniband_is_judged_by_its_port(
    ib: FakeHost, state: str, interface: tuple[str, bool] | None, wanted: str
) -> None:
    port(ib, state)
    if interface is None:
        ib.netdev_to_pod(PF)
    else:
        ib.link("ib0", *interface)
    assert judged(ib) == [wanted, wanted]


@pytest.mark.parametrize("case", ["finding-dp-03-vfs-own-interface"])
def test_a_vfs_own_interface_for_ip_says_nothing(ib: FakeHost, case: str) -> None:
    port(ib, "4: ACTIVE")
    ib.link("ib0v0", "down", True)
    assert judged(ib) == ["", ""]


@pytest.mark.parametrize("case", ["finding-dp-03-no-rdma-device"])
def test_an_infiniband_pf_whose_port_is_not_visible_is_no_fault(ib: FakeHost, case: str) -> None:
    """A pod's network namespace has it."""
    ib.link("ib0", "down", False)
    assert judged(ib) == ["", ""]


@pytest.mark.parametrize("case", ["finding-dp-03-two-ports-of-one-device"])
def test_infiniband_with_two_ports_needs_one(ib: FakeHost, case: str) -> None:
    port(ib, "1: DOWN")
    port(ib, "4: ACTIVE", 2)
    assert judged(ib) == ["", ""]
    port(ib, "1: DOWN", 2)
    assert judged(ib) == ["no link on its PF mlx5_0 port 1 and mlx5_0 port 2"] * 2
    for name, number in (("ib0v0", 0), ("ib0v1", 1)):
        ib.lay(NET, {f"{name}/dev_port": number})
    port(ib, "4: ACTIVE", 2)
    assert judged(ib) == [NO_LINK, ""]


@pytest.fixture
def dual(host: FakeHost) -> FakeHost:
    """A function with two Ethernet ports, as ConnectX-3 has: each VF is on one of them; of the third it is not seen."""
    host.add(PF, name="eth0", totalvfs=8, driver="mlx4_core")
    host.netdev(PF, "eth1")
    host.lay(NET, {"eth0/dev_port": 0, "eth1/dev_port": 1})
    vfs = host.add_vfs(PF, 3, driver="mlx4_core")
    for number, name in enumerate(sorted(path.name for vf in vfs for path in host.pci(vf).glob("net/*"))):
        host.lay(NET, {f"{name}/dev_port": number % 2})
    host.bind(vfs[2], "vfio-pci", 9)
    host.netdev_to_pod(vfs[2])
    return host


@pytest.mark.parametrize(
    ("down", "wanted"),
    [
        pytest.param((), ["", "", ""], id="finding-dp-03-both-ports-up"),
        pytest.param(("eth0",), ["no link on its PF eth0", "", ""], id="finding-dp-03-first-port-down"),
        pytest.param(("eth1",), ["", "no link on its PF eth1", ""], id="finding-dp-03-second-port-down"),
        pytest.param(
            ("eth0", "eth1"),
            ["no link on its PF eth0", "no link on its PF eth1", "no link on its PF eth0 and eth1"],
            id="finding-dp-03-no-port-up",
        ),
    ],
)
def test_each_vf_is_judged_by_its_own_port(dual: FakeHost, down: tuple[str, ...], wanted: list[str]) -> None:
    for name in ("eth0", "eth1"):
        dual.link(name, "down" if name in down else "up")
    assert judged(dual) == wanted


@pytest.mark.parametrize("case", ["finding-dp-03-representors"])
def test_a_representor_is_no_port(host: FakeHost, case: str) -> None:
    host.add(PF, name="eth0", totalvfs=8, driver="mlx5_core", phys_port_name="p0")
    host.add_vfs(PF, 1, driver="mlx5_core")
    host.netdev(PF, "eth0_0", phys_port_name="pf0vf0")
    host.link("eth0", "down")
    host.link("eth0_0", "up")
    assert judged(host) == ["no link on its PF eth0"]


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        pytest.param({"linkHealth": False}, "", id="finding-dp-03-pool-says-no"),
        pytest.param({"linkHealth": True}, "no link on its PF eth0", id="finding-dp-03-pool-says-yes"),
        pytest.param({"linkhealth": False}, "", id="finding-dp-03-pool-in-another-case"),
        pytest.param({}, "no link on its PF eth0", id="finding-dp-03-pool-says-nothing"),
    ],
)
def test_each_pool_says_whether_links_count(host: FakeHost, more: dict[str, Any], wanted: str) -> None:
    host.add(PF, name="eth0", totalvfs=8, driver="igb")
    host.add_vfs(PF, 1)
    host.link("eth0", "down")
    assert judged(host, **more) == [wanted]


@pytest.mark.parametrize("value", [pytest.param("no", id="finding-dp-03-text"), pytest.param(0, id="finding-dp-03-0")])
def test_link_health_is_true_or_false(value: Any) -> None:
    from sriov_device_plugin.errors import ConfigError

    with pytest.raises(ConfigError, match="linkHealth: expected true or false"):
        config.parse(json.dumps({"resourceList": [{**POOL, "linkHealth": value}]}).encode(), "a.b")


@pytest.mark.parametrize("case", ["finding-dp-03-served"])
def test_a_port_that_goes_down_is_told_to_the_kubelet(ib: FakeHost, daemon: Daemon, case: str) -> None:
    """The kernel sends no message of it."""
    port(ib, "4: ACTIVE")
    ib.link("ib0", "down", False)
    daemon.configure(POOL)
    with FakeKubelet(daemon.kubelet_root) as kubelet:
        daemon.start("--rescan-interval", "3600", "--link-first-after", "0")
        with kubelet.plugin(kubelet.registered().endpoint) as plugin:
            stream = plugin.watch()
            assert [device.health for device in next(stream).devices] == ["Healthy"] * 2
            port(ib, "1: DOWN")
            assert [device.health for device in next(stream).devices] == ["Unhealthy"] * 2
            eventually(lambda: f"2 unhealthy: {NO_LINK}" in daemon.logged(), "the reason")


@pytest.mark.parametrize("case", ["finding-dp-19"])
def test_a_link_that_is_known_to_be_down_stays_so_while_vfs_are_remade(host: FakeHost, case: str) -> None:
    host.add(PF, name="eth0", totalvfs=8, driver="igb")
    host.add_vfs(PF, 2)
    host.link("eth0", "down")
    scanner, links = Scanner(str(host.root)), health.Links(str(host.root), 1, 1, 20)

    def see(now: float) -> list[str]:
        devices = [device for device in scanner.scan(["02"]) if device.pf_address]
        links.observe(devices, now)
        return [health.problem(device, links) for device in devices]

    see(0)
    assert see(21) == ["no link on its PF eth0"] * 2
    for address in ("0000:03:10.0", "0000:03:10.2"):
        host.remove(address)
    assert see(30) == []
    host.add_vfs(PF, 2)
    assert see(31) == ["no link on its PF eth0"] * 2
    host.link("eth0")
    see(32)
    assert see(33) == ["", ""]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pass over sysfs finds, and that nothing on the bus can break it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sriov_device_plugin.host.discovery import Device, Scanner
from sriov_device_plugin.pool.device_types import TYPES
from support.dp_host import ANY, FakeHost
from support.drawn import examples
from support.vector_ids import vectors

PF = "0000:01:00.0"
VF0, VF1, VF2 = "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"


def scan(host: FakeHost) -> dict[str, Device]:
    return {device.id: device for device in Scanner(str(host.root)).scan(["02"])}


def withheld(device: Device) -> str | None:
    return TYPES["netDevice"].withheld(device)


@pytest.fixture
def igb(host: FakeHost) -> FakeHost:
    host.add(PF, name="enp1s0", totalvfs=7, numa=1)
    host.add_vfs(PF, 3)
    return host


def test_a_vf_with_all_that_is_known(igb: FakeHost) -> None:
    igb.bind(VF1, "vfio-pci", group=12)
    (igb.pci(VF1) / "acpi_index").write_text("101\n")
    assert scan(igb)[VF1] == Device(
        id=VF1, class_id="020000", vendor="8086", device="10ca", driver="vfio-pci", acpi_index="101",
        numa_node=1, pf_address=PF, pf_name="enp1s0", net_name="enp1s0v1", vf_index=1,
        link_type="ether", iommu_group="12",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("links", "wanted"),
    [((), 0), (("virtfn", "virtfnx", "virtfn123456"), 0), (tuple(f"virtfn{n}" for n in range(32)), 32)],
    ids=["dp-vector-42-absent", "dp-vector-42-junk", "dp-vector-42-32"],
)
def test_configured_vfs(host: FakeHost, links: tuple[str, ...], wanted: int) -> None:
    """Counted, where the Go plugin reads sriov_numvfs: the kernel holds that while it makes VFs."""
    host.add(PF, totalvfs=64)
    (host.pci(PF) / "sriov_numvfs").write_text("64")
    for name in links:
        (host.pci(PF) / name).symlink_to("../0000:01:10.0")
    assert scan(host)[PF].num_vfs == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(None, -1), ("junk", -1), ("1", 1), ("0", 0), ("-1", -1)],
    ids=[f"dp-vector-46-{n}" for n in ("missing", "junk", "1", "0", "minus-1")],
)
def test_numa_nodes(host: FakeHost, text: str | None, wanted: int) -> None:
    host.add(PF)
    (host.pci(PF) / "numa_node").unlink()
    if text is not None:
        (host.pci(PF) / "numa_node").write_text(text)
    assert scan(host)[PF].numa_node == wanted


@pytest.mark.parametrize("kind", ["dp-vector-39-absent", "dp-vector-39-file", "dp-vector-39-link"])
def test_pf_addresses(igb: FakeHost, kind: str) -> None:
    link = igb.pci(VF0) / "physfn"
    if kind != "dp-vector-39-link":
        link.unlink()
    if kind == "dp-vector-39-file":
        link.write_text(PF)
    assert scan(igb)[VF0].pf_address == (PF if kind == "dp-vector-39-link" else "")


@pytest.mark.parametrize("case", ["dp-vector-56-no-physfn", "dp-vector-56-not-listed", "dp-vector-56-third"])
def test_vf_indexes(igb: FakeHost, case: str) -> None:
    if case == "dp-vector-56-no-physfn":
        (igb.pci(VF2) / "physfn").unlink()
    if case == "dp-vector-56-not-listed":
        (igb.pci(PF) / "virtfn2").unlink()
    assert scan(igb)[VF2].vf_index == (2 if case == "dp-vector-56-third" else -1)


def test_vf_indexes_are_the_numbers_of_the_links_also_with_gaps(igb: FakeHost) -> None:
    igb.remove(VF0)
    assert scan(igb)[VF2].vf_index == 2


@pytest.mark.parametrize("case", ["dp-vector-52-none", "dp-vector-52-file"])
def test_without_a_driver_a_device_is_known_and_not_offered(igb: FakeHost, case: str) -> None:
    (igb.pci(VF0) / "driver").unlink()
    if case == "dp-vector-52-file":
        (igb.pci(VF0) / "driver").write_text("igbvf")
    assert withheld(scan(igb)[VF0]) == "no driver is bound to it"


@vectors("dp", 55)
def test_names_of_pfs(host: FakeHost) -> None:
    """Of two interfaces below a PF in switchdev mode, the uplink is its name, not the first."""
    host.add(PF, name="eth0", totalvfs=7, phys_port_name="pf0vf1")
    host.netdev(PF, "eth1", phys_port_name="p0")
    host.add_vfs(PF, 1)
    assert scan(host)[VF0].pf_name == "eth1"


@vectors("dp", 65)
def test_a_pf_without_an_interface_still_has_vfs(host: FakeHost) -> None:
    host.add(PF, totalvfs=7, driver="vfio-pci")
    host.add_vfs(PF, 1)
    device = scan(host)[VF0]
    assert (device.pf_name, device.pf_address, withheld(device)) == ("", PF, None)


@vectors("dp", 66)
def test_link_type_is_the_pfs_where_the_own_interface_is_not_seen(igb: FakeHost) -> None:
    """Also for a VF in a pod."""
    (igb.root / "sys/class/net/enp1s0/type").write_text("32\n")
    igb.netdev_to_pod(VF0)
    found = scan(igb)
    assert (found[VF0].link_type, found[VF1].link_type) == ("infiniband", "ether")


@pytest.mark.parametrize(("klass", "wanted"), [("0x020000", "ether"), ("0x020700", "infiniband"), ("0x028000", "")])
def test_link_type_is_the_classs_where_no_interface_is_seen_at_all(host: FakeHost, klass: str, wanted: str) -> None:
    host.add(PF, klass=klass, driver="vfio-pci")
    assert scan(host)[PF].link_type == wanted


def test_a_pf_that_moves_to_a_pod_keeps_its_vfs_named(igb: FakeHost) -> None:
    scanner = Scanner(str(igb.root))
    before = scanner.scan(["02"])
    igb.netdev_to_pod(PF)
    after = scanner.scan(["02"])
    assert [d for d in after if d.pf_address] == [d for d in before if d.pf_address]


@vectors("dp", 62)
def test_pfs_with_vfs_are_withheld_and_without_are_not(igb: FakeHost) -> None:
    igb.add("0000:02:00.0", name="enp2s0", totalvfs=7)
    igb.add("0000:00:02.0", klass="0x030000")
    found = scan(igb)
    assert "0000:00:02.0" not in found
    assert withheld(found[PF]) == "it is a PF with 3 VFs"
    assert withheld(found["0000:02:00.0"]) is None


@pytest.mark.parametrize(
    ("v4", "v6", "wanted"),
    [
        pytest.param((), (), None, id="dp-vector-57-none"),
        pytest.param(("eth7",), (), None, id="dp-vector-57-elsewhere"),
        pytest.param(("enp2s0",), (), "the default route", id="dp-vector-57-default"),
        pytest.param((), ("enp2s0",), "the default route", id="ipv6"),
        pytest.param(("br0",), (), "the default route through br0", id="below-a-vlan-on-a-bridge"),
    ],
)
def test_a_default_route_withholds(host: FakeHost, v4: tuple[str, ...], v6: tuple[str, ...], wanted: str) -> None:
    host.add(PF, name="enp2s0")
    if "br0" in v4:
        host.interface("br0", "bond0.5")
        host.interface("bond0.5", "bond0")
        host.interface("bond0", "enp2s0", "br0")  # and a loop, which the kernel would not make
    with open(host.root / "proc/net/route", "a") as routes:
        routes.writelines(f"{n}\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" for n in v4)
    with open(host.root / "proc/net/ipv6_route", "a") as routes:
        routes.writelines(f"{ANY} 00 {ANY} 00 {ANY} 00000400 1 0 00000003     {n}\n" for n in v6)
    reason = withheld(scan(host)[PF])
    assert (reason or "").startswith(f"the host uses its interface enp2s0 ({wanted}") if wanted else reason is None


@pytest.mark.parametrize(
    ("name", "target", "mask", "uses"),
    [
        ("enp2s0", "000200C0", "00FFFFFF", "the route to 192.0.2.0/24"),  # the net of its own address
        ("enp2s0", "0A0200C0", "FFFFFFFF", "the route to 192.0.2.10/32"),  # such as one to an API server
        ("enp2s0", "000000C0", "000000FF", "the route to 192.0.0.0/8"),
        ("vlan7", "000200C0", "00FFFFFF", "the vlan vlan7 on it"),
    ],
)
def test_a_route_withholds(host: FakeHost, name: str, target: str, mask: str, uses: str) -> None:
    host.add(PF, name="enp2s0")
    host.add("0000:03:00.0", name="enp3s0")
    if name == "vlan7":
        host.interface("vlan7", "enp2s0")
        (host.root / "sys/class/net/vlan7/uevent").write_text("DEVTYPE=vlan\nINTERFACE=vlan7\n")
    with open(host.root / "proc/net/route", "a") as routes:
        routes.write(f"{name}\t{target}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n")
        routes.write("enp3s0\tjunk\n")
    found = scan(host)
    assert withheld(found[PF]) == f"the host uses its interface enp2s0 ({uses})"
    assert withheld(found["0000:03:00.0"]) is None


@pytest.mark.parametrize(("address", "offered"), [("2001:db8::7", False), ("fe80::7", True)])
def test_a_vf_with_an_address_is_withheld(igb: FakeHost, address: str, offered: bool) -> None:
    igb.addresses(("enp1s0v1", address))
    found = scan(igb)
    told = None if offered else f"the host uses its interface enp1s0v1 (the address {address}/64)"
    assert [withheld(found[vf]) for vf in (VF0, VF1, VF2)] == [None, told, None]


RA = "00450003"  # RTF_UP, RTF_GATEWAY, RTF_DEFAULT, RTF_ADDRCONF: Linux include/uapi/linux/ipv6_route.h


@pytest.mark.parametrize(
    ("name", "flags", "offered"),
    [
        pytest.param("enp1s0v1", RA, True, id="finding-dp-08-advertised-over-a-vf"),
        pytest.param("enp1s0v1", "00000003", False, id="finding-dp-08-made-over-a-vf"),
        pytest.param("br0", RA, False, id="finding-dp-08-advertised-over-a-bridge-on-a-vf"),
    ],
)
def test_what_a_router_advertises_over_a_vf_is_no_use(igb: FakeHost, name: str, flags: str, offered: bool) -> None:
    """The host does not come to depend on it because the VF was up for a moment."""
    if name == "br0":
        igb.interface("br0", "enp1s0v1")
    with open(igb.root / "proc/net/ipv6_route", "a") as routes:
        routes.write(f"{ANY} 00 {ANY} 00 {ANY} 00000400 1 0 {flags}     {name}\n")
    assert (withheld(scan(igb)[VF1]) is None) is offered


@pytest.mark.parametrize("case", ["finding-dp-08-advertised-over-a-pf"])
def test_what_a_router_advertises_over_a_pf_is_a_use(host: FakeHost, case: str) -> None:
    host.add(PF, name="enp2s0")
    with open(host.root / "proc/net/ipv6_route", "a") as routes:
        routes.write(f"{ANY} 00 {ANY} 00 {ANY} 00000400 1 0 {RA}     enp2s0\n")
    assert withheld(scan(host)[PF]) == "the host uses its interface enp2s0 (the default route)"


def test_a_port_of_a_bridge_is_withheld(host: FakeHost) -> None:
    host.add(PF, name="enp2s0")
    host.symlink("sys/class/net/enp2s0/master", "../br0")
    assert withheld(scan(host)[PF]) == "the host uses its interface enp2s0 (a port of the interface br0)"


@pytest.mark.parametrize("upper", ["macvlan0", "enp2s0.7", "bond0"])
def test_what_stands_on_an_interface_withholds_it(host: FakeHost, upper: str) -> None:
    host.add(PF, name="enp2s0")
    host.interface(upper, "enp2s0")
    assert withheld(scan(host)[PF]) == f"the host uses its interface enp2s0 (the interface {upper} on it)"


def test_no_routes_file_is_no_reason_to_fail(host: FakeHost) -> None:
    host.add(PF, name="enp2s0")
    (host.root / "proc/net/ipv6_route").unlink()
    (host.root / "proc/net/route").write_bytes(b"\xff\x00 \n" * 5)
    assert withheld(scan(host)[PF]) is None


@pytest.mark.parametrize("case", ["dp-vector-64-empty", "dp-vector-64-no-driver", "dp-vector-64-igb_uio", "odd-names"])
def test_odd_trees_do_not_fail(tmp_path: Path, case: str) -> None:
    host = FakeHost(tmp_path)
    if case == "dp-vector-64-empty":
        assert scan(host) == {}
        return
    host.add(PF, totalvfs=7, driver="")
    host.add_vfs(PF, 2, driver="igb_uio")
    if case == "odd-names":
        for name in ("junk", "10000:e1:00.0", "0000:ff:1f.7"):
            (host.pci(name) / "net").mkdir(parents=True)
        (host.pci("0000:ff:1f.7") / "class").write_bytes(b"\x80\x81")
        (host.pci("0000:ff:1f.6")).symlink_to("0000:ff:1f.6")
    assert sorted(scan(host)) == [PF, VF0, VF1]


def test_vmd_domains_have_five_digits(host: FakeHost) -> None:
    host.add("10000:e1:00.0", name="eth0")
    assert withheld(scan(host)["10000:e1:00.0"]) is None


ATTRIBUTES = [
    "vendor",
    "device",
    "class",
    "numa_node",
    "sriov_numvfs",
    "sriov_totalvfs",
    "acpi_index",
    "driver",
    "net",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(20), deadline=None)
@given(st.dictionaries(st.sampled_from(ATTRIBUTES), st.binary(max_size=60), max_size=5))
def test_no_content_of_an_attribute_breaks_a_pass(igb: FakeHost, contents: dict[str, bytes]) -> None:
    victim = igb.pci("0000:09:00.0")
    if victim.exists():
        igb.remove("0000:09:00.0")
    igb.add("0000:09:00.0", driver="")
    for name, content in contents.items():
        (victim / name).write_bytes(content)
    found = scan(igb)
    assert {PF, VF0, VF1, VF2} <= set(found)
    if (victim / "net").exists():
        (victim / "net").unlink()

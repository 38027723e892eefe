# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod's interface beyond its addresses: announcements as the neighbours see them, detection, flags, and devices
that have no PF.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

import pytest

from sriov_cni.pod import announce
from support.cni_world import PF, VF, VF_MAC, VF_NAME, VF_VFIO, Refusal, WorldHost, run
from support.vector_ids import vectors

V4, V6 = "10.9.0.5", "fd09::5"
_MAC = bytes.fromhex(VF_MAC.replace(":", ""))
_ARP_REQUEST = bytes.fromhex("0001080006040001")
# Sender and target are the same address; nobody reads the target's MAC in a request.
GARP = b"\xff" * 6 + _MAC + b"\x08\x06" + _ARP_REQUEST + _MAC + socket.inet_aton(V4)
NA = bytes.fromhex("333300000001") + _MAC + b"\x86\xdd" + announce.unsolicited_na(_MAC, socket.inet_pton(10, V6))


@contextlib.contextmanager
def wire():
    """The other end of the VF's cable; gives a function that waits for a frame, unless it has come already."""
    came: list[bytes] = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as listening:
        listening.bind(("wire", 3))
        listening.settimeout(0.1)

        def seen(frame: bytes, seconds: float = 10.0) -> bool:
            end = time.monotonic() + seconds
            while not any(got.startswith(frame) for got in came):
                if time.monotonic() > end:
                    return False
                with contextlib.suppress(OSError):  # nothing came, or the cable is still down
                    came.append(listening.recv(2048))
            return True

        yield seen


def in_child(later) -> int:
    """Run what main runs in a child once it has answered; the child's process id."""
    child = os.fork()
    if child == 0:
        try:
            later()
        finally:
            os._exit(0)
    return child


def test_ipv4_is_announced(world):
    with wire() as seen:
        world.call("ADD", {**world.conf, "ipam": world.ipam(f"{V4}/24")})
        assert seen(GARP)


@pytest.mark.parametrize("dad", ["wait", "off"])
def test_ipv6_is_announced(world, dad):
    """By the kernel after detection, by us without: the same packet, to all nodes of this link."""
    host = WorldHost(world)
    with wire() as seen:
        world.call("ADD", {**world.conf, "ipv6_dad": dad, "ipam": world.ipam(f"{V6}/64")}, host)
        assert (host.later is not None) == (dad == "off")
        if host.later is not None:
            os.waitpid(in_child(host.later), 0)
        assert seen(NA)
    (address,) = [a for a in world.pod("addr", "show", "dev", "net1")[0]["addr_info"] if a["local"] == V6]
    assert "tentative" not in address
    assert address.get("nodad", False) == (dad == "off")


def test_optimistic_addresses_need_no_wait(world):
    world.call("ADD", {**world.conf, "ipv6_dad": "optimistic", "ipam": world.ipam(f"{V6}/64")})
    (address,) = [a for a in world.pod("addr", "show", "dev", "net1")[0]["addr_info"] if a["local"] == V6]
    assert address.get("optimistic") or not address.get("tentative")


@vectors("cni", 62)
def test_announced_once_there_is_carrier(world):
    """A VF has none for a moment: ADD does not wait for it, what it left to do does."""
    run("ip", "link", "set", "wire", "down")
    host = WorldHost(world)
    conf = {**world.conf, "ipv6_dad": "off", "ipam": world.ipam(f"{V4}/24", f"{V6}/64")}
    world.call("ADD", conf, host)
    child = in_child(host.later)
    with wire() as seen:
        assert not seen(GARP, 0.2)
        assert not seen(NA, 0.2)
        run("ip", "link", "set", "wire", "up")
        assert seen(NA)
        assert seen(GARP)
    os.waitpid(child, 0)


def test_what_waits_for_carrier_ends_with_the_interface(world):
    run("ip", "link", "set", "wire", "down")
    host = WorldHost(world)
    conf = {**world.conf, "ipv6_dad": "off", "ipam": world.ipam(f"{V6}/64")}
    world.call("ADD", conf, host)
    world.call("DEL", conf)
    started = time.monotonic()
    host.later()
    assert time.monotonic() - started < announce._CARRIER_SECONDS


def test_no_child_without_need(world):
    host = WorldHost(world)
    world.call("ADD", {**world.conf, "ipv6_dad": "off", "ipam": world.ipam(f"{V4}/24")}, host)
    assert host.later is None


def test_promisc_and_allmulticast(world):
    before = world.snapshot()
    conf = {**world.conf, "trust": "on", "promisc": "on", "allmulticast": "on"}
    answer = world.call("ADD", conf)
    assert {"PROMISC", "ALLMULTI"} <= set(world.pod_link()["flags"])
    world.call("CHECK", {**conf, "prevResult": answer})
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "promisc", "off")
    with pytest.raises(Refusal, match="expected promisc on"):
        world.call("CHECK", {**conf, "prevResult": answer})
    world.call("DEL", conf)
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"promisc": "on"}, "is not trusted"),
        ({"promisc": "on", "trust": "off"}, "need a trusted VF"),
        ({"allmulticast": "yes"}, "allmulticast: expected on or off, found 'yes'"),
        ({"ipv6_dad": "no"}, "ipv6_dad: expected wait, optimistic or off"),
        ({"promisc": "on", "trust": "on", "deviceID": VF_VFIO}, "and so no interface"),
    ],
)
def test_flags_that_cannot_be(world, keys, words):
    before = world.snapshot()
    with pytest.raises(Refusal, match=words) as refused:
        world.call("ADD", {**world.conf, **keys})
    assert refused.value.code == 7
    assert world.snapshot() == before


def lone(world) -> None:
    """What a virtual node has: the VF without its PF."""
    (world.device(VF) / "physfn").unlink()
    (world.device(PF) / "virtfn0").unlink()


def test_device_without_a_pf(world):
    lone(world)
    before = world.snapshot()
    conf = {**world.conf, "mac": "02:00:00:00:0a:e1", "mtu": 1400, "ipam": world.ipam(f"{V4}/24")}
    answer = world.call("ADD", conf)
    assert (world.pod_link()["address"], world.pod_link()["mtu"]) == ("02:00:00:00:0a:e1", 1400)
    world.call("CHECK", {**conf, "prevResult": answer})
    world.call("DEL", conf)
    assert (world.snapshot(), world.pf["sent"]) == (before, [])


def test_device_without_a_pf_is_repaired_as_well(world):
    lone(world)
    conf = {**world.conf, "mac": "02:00:00:00:0a:e1", "mtu": 1400, "ipam": world.ipam(f"{V4}/24")}
    before = world.snapshot()
    at = 0
    while world.call_and_die("ADD", conf, at):
        world.call("DEL", conf)
        assert world.snapshot() == before, f"killed before change {at}"
        at += 1
    assert at >= 5


def test_settings_of_a_pf_that_is_not_there(world):
    lone(world)
    with pytest.raises(Refusal, match=r"vlan, trust: PCI function 0000:01:10\.0 has no PF on this node") as refused:
        world.call("ADD", {**world.conf, "vlan": 5, "trust": "on", "mac": "02:00:00:00:0a:e1"})
    assert refused.value.code == 7


def test_device_that_the_host_uses(world):
    lone(world)
    run("ip", "addr", "add", "192.0.2.9/24", "dev", VF_NAME)
    with pytest.raises(Refusal, match=r"PCI function .*: the host uses its interface .*\(the address 192") as refused:
        world.call("ADD")
    assert refused.value.code == 100


def test_pf_with_vfs_is_not_given_away(world):
    (world.device(PF) / "sriov_numvfs").write_text("2\n")
    with pytest.raises(Refusal, match="found a PF with 2 VFs, which would lose their network") as refused:
        world.call("ADD", {**world.conf, "deviceID": PF})
    assert refused.value.code == 100


def test_result_of_earlier_plugins_is_passed_on(world):
    """In a chain (CNI specification, section 2): theirs first, ours behind it, each address with its own interface."""
    theirs = {
        "cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/x"}],
        "ips": [{"address": "192.0.2.9/24", "interface": 0}], "routes": [{"dst": "192.0.2.0/24"}],
        "dns": {"domain": "example.org"},
    }  # fmt: skip
    ipam = world.ipam(f"{V4}/24", result={"routes": [{"dst": "10.8.0.0/16"}]})
    conf = {**world.conf, "prevResult": theirs, "ipam": ipam}
    run("ip", "-n", world.pod_ns, "link", "set", "lo", "up")
    run("ip", "-n", world.pod_ns, "route", "add", "192.0.2.0/24", "dev", "lo")
    answer = world.call("ADD", conf)
    assert [entry["name"] for entry in answer["interfaces"]] == ["eth0", "net1"]
    assert [(ip["address"], ip["interface"]) for ip in answer["ips"]] == [("192.0.2.9/24", 0), (f"{V4}/24", 1)]
    assert [route["dst"] for route in answer["routes"]] == ["192.0.2.0/24", "10.8.0.0/16"]
    assert answer["dns"] == {"domain": "example.org"}
    assert [r["dst"] for r in world.pod("route", "show", "dev", "net1")] == ["10.8.0.0/16", "10.9.0.0/24"]
    world.call("CHECK", {**conf, "prevResult": answer})
    run("ip", "-n", world.pod_ns, "route", "del", "10.8.0.0/16")
    with pytest.raises(Refusal, match=r"net1: the route to 10\.8\.0\.0/16 is missing"):
        world.call("CHECK", {**conf, "prevResult": answer})


def test_earlier_result_that_is_none(world):
    with pytest.raises(Refusal, match="prevResult: ips") as refused:
        world.call("ADD", {**world.conf, "prevResult": {"ips": [{}]}})
    assert refused.value.code == 7


def test_the_child_holds_nothing_of_the_runtime(world):
    """A runtime reads to the end of the pipe: it must not wait for the child that announces."""
    reading, writing = os.pipe()
    host = WorldHost(world)
    host.later = lambda: time.sleep(6)
    caller = os.fork()
    if caller == 0:
        try:
            os.close(reading)
            os.dup2(writing, 1)
            os.close(writing)
            announce.run_later(host.later)
        finally:
            os._exit(0)
    os.close(writing)
    started = time.monotonic()
    assert os.read(reading, 1) == b""
    os.waitpid(caller, 0)
    os.close(reading)
    assert time.monotonic() - started < 5


def test_userspace_device_without_a_pf(world):
    (world.device(VF_VFIO) / "physfn").unlink()
    (world.device(PF) / "virtfn1").unlink()
    before = world.snapshot()
    conf = {**world.conf, "deviceID": VF_VFIO, "ipam": world.ipam(f"{V4}/24")}
    answer = world.call("ADD", conf)
    assert [ip["address"] for ip in answer["ips"]] == [f"{V4}/24"]
    world.call("CHECK", {**conf, "prevResult": answer})
    world.call("DEL", conf)
    assert (world.snapshot(), world.pf["sent"]) == (before, [])
    with pytest.raises(Refusal, match=r"mac: PCI function .* has no PF on this node"):
        world.call("ADD", {**conf, "mac": "02:00:00:00:00:01"})

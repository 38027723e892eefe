# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ADD, DEL and CHECK on real namespaces and links."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest

from support.cni_world import VF, VF_MAC, VF_NAME, VF_VFIO, Refusal, run
from support.needs import missing
from support.vector_ids import vectors

EVERYTHING = {
    "mac": "02:00:00:00:0A:E1", "vlan": 100, "vlanQoS": 3, "vlanProto": "802.1ad", "spoofchk": "off",
    "trust": "on", "link_state": "enable", "min_tx_rate": 10, "max_tx_rate": 200, "mtu": 1400,
}  # fmt: skip


def everything(world) -> dict:
    result = {
        "ips": [
            {"address": "10.9.0.5/24", "gateway": "10.9.0.1"},
            {"address": "fd09::5/64", "gateway": "fd09::1"},
        ],
        "routes": [
            {"dst": "10.50.0.0/16"},
            {"dst": "fd50::/32", "gw": "fd09::2"},
            {"dst": "10.60.0.0/16", "priority": 7},
        ],
        "dns": {"nameservers": ["10.9.0.53"]},
    }
    return {**world.conf, **EVERYTHING, "ipam": world.ipam(result=result)}


@vectors("cni", 40, 45, 55, 64)
def test_kernel_vf_with_everything(world):
    before = world.snapshot()
    conf = everything(world)
    answer = world.call("ADD", conf)
    sandbox = f"/run/netns/{world.pod_ns}"
    mac = "02:00:00:00:0a:e1"
    assert answer["interfaces"] == [
        {"name": "net1", "mac": mac, "mtu": 1400, "sandbox": sandbox, "pciID": VF}
    ]
    assert [ip["interface"] for ip in answer["ips"]] == [0, 0]
    assert answer["dns"] == {"nameservers": ["10.9.0.53"]}
    link = world.pod_link()
    assert (link["address"], link["mtu"], "UP" in link["flags"]) == (mac, 1400, True)
    for name in ("ipv4/conf/net1/arp_notify", "ipv6/conf/net1/ndisc_notify"):
        assert run("ip", "netns", "exec", world.pod_ns, "cat", f"/proc/sys/net/{name}") == "1\n"
    addresses = {
        f"{a['local']}/{a['prefixlen']}" for a in world.pod("addr", "show", "dev", "net1")[0]["addr_info"]
    }
    assert {"10.9.0.5/24", "fd09::5/64"} <= addresses
    routes = {
        (r["dst"], r.get("gateway"), r.get("metric")) for r in world.pod("route", "show", "dev", "net1")
    }
    assert {("10.50.0.0/16", "10.9.0.1", None), ("10.60.0.0/16", "10.9.0.1", 7)} <= routes
    assert [r["gateway"] for r in world.pod("-6", "route", "show", "fd50::/32")] == ["fd09::2"]
    assert world.pf["vfs"][0] == {
        "mac": mac, "vlan": 100, "qos": 3, "proto": 0x88A8, "spoofchk": 0, "trust": 1, "link_state": 1,
        "min_rate": 10, "max_rate": 200,
    }  # fmt: skip
    world.call("CHECK", {**conf, "prevResult": answer})
    assert world.call("DEL", conf) is None
    assert world.snapshot() == before
    assert world.ipam_calls == ["ADD", "CHECK", "DEL"]


@vectors("cni", 52)
def test_nothing_asked_nothing_set(world):
    world.call("ADD")
    world.call("DEL")
    assert world.pf["sent"] == []


@pytest.mark.parametrize(
    ("conf", "sent"),
    [
        pytest.param({"vlan": 0}, [["vlan", 0, 0, 0x8100]], id="cni-vector-54"),
        pytest.param({"min_tx_rate": 5}, [["rate", 5, 0]], id="cni-vector-87"),
        pytest.param({"spoofchk": "yes"}, [["spoofchk", 0]], id="cni-vector-22-set"),
        pytest.param({"vlan": 1234}, [["vlan", 1234, 0, 0x8100]], id="cni-vector-65"),
    ],
)
def test_what_is_sent_to_the_pf(world, conf, sent):
    before = world.snapshot()
    world.call("ADD", {**world.conf, **conf})
    assert world.pf["sent"] == sent
    world.call("DEL")
    assert world.snapshot() == before


@vectors("cni", 53)
def test_everything_is_sent_once(world):
    world.call("ADD", {**world.conf, **EVERYTHING})
    assert sorted(entry[0] for entry in world.pf["sent"]) == [
        "link_state", "mac", "rate", "spoofchk", "trust", "vlan",
    ]  # fmt: skip


def test_vfio_vf(world):
    before = world.snapshot()
    conf = {**world.conf, "deviceID": VF_VFIO, "mac": "02:00:00:00:00:77", "vlan": 5}
    conf["ipam"] = world.ipam("10.9.0.6/24")
    answer = world.call("ADD", conf)
    interface = answer["interfaces"][0]
    assert (interface["name"], interface["mac"], interface["sandbox"]) == (
        "net1", "02:00:00:00:00:77", f"/run/netns/{world.pod_ns}",
    )  # fmt: skip
    assert answer["ips"] == [{"address": "10.9.0.6/24", "interface": 0}]
    assert [link["ifname"] for link in world.pod("link")] == ["lo"]
    world.call("CHECK", {**conf, "prevResult": answer})
    world.call("DEL", conf)
    assert world.snapshot() == before


@pytest.mark.parametrize("admin", [pytest.param("00:00:00:00:00:00", id="cni-vector-43"),
                                   pytest.param("02:00:00:00:00:99", id="cni-vector-42")])  # fmt: skip
def test_mac_of_a_vfio_vf_in_the_result(world, admin):
    vfs = world.pf["vfs"]
    vfs[1]["mac"] = admin
    world.set_pf(vfs=vfs)
    answer = world.call("ADD", {**world.conf, "deviceID": VF_VFIO})
    assert answer["interfaces"][0].get("mac", "") == ("" if admin.startswith("00") else admin)


def test_what_a_guest_told_the_pf_does_not_stay(world):
    conf = {**world.conf, "deviceID": VF_VFIO}
    before = world.snapshot()
    world.call("ADD", conf)
    vfs = world.pf["vfs"]
    vfs[1]["mac"] = "02:00:00:00:00:ab"
    world.set_pf(vfs=vfs)
    world.call("DEL", conf)
    assert world.snapshot() == before


@vectors("cni", 41, 44, 57, 58, 66)
def test_what_the_pod_changed_is_undone(world):
    run("ip", "link", "set", VF_NAME, "mtu", "3333")
    before = world.snapshot()
    answer = world.call("ADD")
    assert (world.pod_link()["mtu"], answer["interfaces"][0]["mac"]) == (3333, VF_MAC)
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "down")
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "mtu", "4444", "address", "02:00:00:00:0f:ff")
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "promisc", "on", "allmulticast", "on")
    run("ip", "-n", world.pod_ns, "link", "property", "add", "dev", "net1", "altname", "mine")
    run("ip", "-n", world.pod_ns, "link", "property", "del", "dev", "net1", "altname", "enp1s0f0v0")
    world.call("DEL")
    assert world.snapshot() == before


@vectors("cni", )
def test_host_name_is_that_of_an_interface_in_the_pod(world):
    """A VF called eth0 on the host, beside the pod's own eth0."""
    run("ip", "link", "set", VF_NAME, "name", "eth0")
    world.add_link("eth0", world.pod_ns)
    before = world.snapshot()
    world.call("ADD")
    assert {"eth0", "net1"} <= {link["ifname"] for link in world.pod("link")}
    world.add_link("net1", world.host_ns)  # and the pod's name is taken on the host by now
    world.call("DEL")
    assert world.snapshot() == before


@vectors("cni", 47)
def test_the_pods_name_is_an_alternative_name_on_the_host(world):
    run("ip", "link", "property", "add", "dev", VF_NAME, "altname", "net1")
    before = world.snapshot()
    world.call("ADD")
    assert world.pod_link()["ifname"] == "net1"
    world.call("DEL")
    assert world.snapshot() == before


def test_the_host_name_was_taken_meanwhile(world, capfd):
    world.call("ADD")
    world.add_link(VF_NAME, world.host_ns)
    world.call("DEL")
    assert "that name is in use now" in capfd.readouterr().err
    snapshot = world.snapshot()
    assert (snapshot["journal"], snapshot["vf"][0]["address"]) == ([], VF_MAC)


@pytest.mark.parametrize("netns", ["/run/netns/nobody", "/etc/hostname", "own"])
def test_netns_that_is_none(world, netns):
    path = f"/run/netns/{world.host_ns}" if netns == "own" else netns
    with pytest.raises(Refusal) as refused:
        world.call("ADD", CNI_NETNS=path)
    assert refused.value.code == (8 if netns == "own" else 4)


@pytest.mark.parametrize(
    ("given", "conf"),
    [
        pytest.param(lambda world: run("ip", "link", "set", VF_NAME, "up"), {}, id="the interface was up"),
        pytest.param(
            lambda world: world.set_pf(refuse=["link_state", "rate", "trust"]), {"vlan": 7},
            id="what is not asked for may be unsupported-cni-vector-59",
        ),
    ],
)  # fmt: skip
def test_add_and_del_leave_all_as_it_was(world, given, conf):
    given(world)
    before = world.snapshot()
    world.call("ADD", {**world.conf, **conf})
    world.call("DEL")
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("given", "conf", "code", "words"),
    [
        pytest.param(
            lambda world: world.add_link("net1", world.pod_ns), lambda world: world.conf, 4,
            "has an interface net1 already", id="the pod has the interface's name already",
        ),
        pytest.param(
            lambda world: world.set_pf(refuse=["link_state"]), everything, 101,
            r"PF enp1s0 \(0000:01:00.0, driver ixgbe\) refused link_state", id="a refused setting is named",
        ),
        pytest.param(
            lambda world: world.set_pf(ignore=["mac"]), lambda world: {**world.conf, "mac": "02:00:00:00:00:55"}, 101,
            "but still reports 02:00:00:00:00:10", id="the PF does not keep the MAC-cni-vector-33",
        ),
    ],
)  # fmt: skip
def test_a_refused_add_is_told_and_all_is_undone(world, given, conf, code, words):
    given(world)
    before = world.snapshot()
    with pytest.raises(Refusal, match=words) as refused:
        world.call("ADD", conf(world))
    assert (refused.value.code, world.snapshot()) == (code, before)


def test_a_zero_mac_that_the_driver_refuses(world):
    world.set_pf(refuse=["zero mac"])
    conf = {**world.conf, "deviceID": VF_VFIO, "mac": "02:00:00:00:00:55"}
    world.call("ADD", conf)
    world.call("DEL", conf)
    assert world.snapshot()["journal"] == []


def test_mtu_that_the_driver_refuses(world):
    before = world.snapshot()
    with pytest.raises(
        Refusal, match=r"mtu: interface enp1s0v0 \(driver igbvf\) refused 65536|mtu: expected"
    ):
        world.call("ADD", {**world.conf, "mtu": 65536})
    with pytest.raises(Refusal, match="so no interface to set it on") as refused:
        world.call("ADD", {**world.conf, "mtu": 1400, "deviceID": VF_VFIO})
    assert refused.value.code == 7
    assert world.snapshot() == before


def test_pf_that_tells_nothing_of_its_vfs(world):
    """As some do in switchdev mode: fine while nothing is asked of it."""
    world.set_pf(vfs=[])
    before = world.snapshot()
    result = world.call("ADD")
    world.call("CHECK", {**world.conf, "prevResult": result})
    world.call("DEL")
    with pytest.raises(Refusal, match="expected VF 0 among its VFs") as refused:
        world.call("ADD", {**world.conf, "vlan": 5})
    assert refused.value.code == 100
    assert world.snapshot() == before


def test_vf_of_a_bridge_is_left_alone(world):
    run("ip", "link", "add", "br0", "type", "bridge")
    run("ip", "link", "set", VF_NAME, "master", "br0")
    with pytest.raises(Refusal, match=r"the host uses its interface enp1s0v0 \(a port of the bridge br0\)") as refused:
        world.call("ADD")
    assert refused.value.code == 100
    assert json.loads(run("ip", "-j", "link", "show", VF_NAME))[0]["master"] == "br0"


@pytest.mark.parametrize(("commands", "text"), [
    (["addr add 192.0.2.9/24 dev enp1s0v0"], r"the address 192.0.2.9/24"),
    (["addr add 2001:db8::9/64 dev enp1s0v0"], r"the address 2001:db8::9/64"),
    (["link set enp1s0v0 up", "route add default dev enp1s0v0"], "the default route"),
    (["link set enp1s0v0 up", "-6 route add default dev enp1s0v0"], "the default route"),
    (["link set enp1s0v0 up", "link add link enp1s0v0 name mac7 type macvlan"], "the macvlan mac7 on it"),
])
def test_vf_that_the_host_uses_is_refused(world, commands, text):
    for command in commands:
        run("ip", *command.split())
    before = world.snapshot()
    with pytest.raises(Refusal, match=f"the host uses its interface enp1s0v0 .*{text}") as refused:
        world.call("ADD")
    assert refused.value.code == 100
    assert world.snapshot() == before


def test_vf_that_is_up_with_the_kernels_own_address_is_free(world):
    run("ip", "link", "set", VF_NAME, "up")
    for _turn in range(50):
        if "fe80:" in run("ip", "addr", "show", VF_NAME):
            break
        time.sleep(0.05)
    before = world.snapshot()
    world.call("ADD")
    world.call("DEL")
    assert world.snapshot() == before


def test_check_finds_each_difference(world):
    conf = everything(world)
    answer = world.call("ADD", conf)
    vfs = world.pf["vfs"]
    vfs[0].update(vlan=0, trust=0)
    world.set_pf(vfs=vfs)
    run("ip", "-n", world.pod_ns, "addr", "del", "10.9.0.5/24", "dev", "net1")
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "down")
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "mtu", "1300", "address", "02:00:00:00:0f:ff")
    with pytest.raises(Refusal) as refused:
        world.call("CHECK", {**conf, "prevResult": answer})
    assert refused.value.code == 102
    for text in (
        "vlan: expected 100, found 0", "trust: expected 1, found 0", "10.9.0.5/24 is missing",
        "found it down",
        "expected MTU 1400, found 1300", "found 02:00:00:00:0f:ff", "route to 10.50.0.0/16 is missing",
    ):  # fmt: skip
        assert text in refused.value.answer["msg"]


def test_check_without_add_or_result(world):
    with pytest.raises(Refusal, match="prevResult") as refused:
        world.call("CHECK")
    assert refused.value.code == 7
    previous = {"cniVersion": "1.1.0", "interfaces": [{"name": "net1", "sandbox": "/x"}]}
    with pytest.raises(Refusal, match="no journal of its ADD"):
        world.call("CHECK", {**world.conf, "prevResult": previous})


def test_host_local(world):
    """Debian's IPAM plugin, a program of somebody else."""
    if not os.path.exists("/usr/lib/cni/host-local"):
        missing("Debian's containernetworking-plugins")
    ipam = {
        "type": "host-local", "dataDir": str(world.root / "hl"), "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": "10.77.0.0/24"}], [{"subnet": "fd77::/64"}]],
    }  # fmt: skip
    conf = {**world.conf, "cniVersion": "0.4.0", "ipam": ipam}
    answer = world.call("ADD", conf)
    assert [ip["version"] for ip in answer["ips"]] == ["4", "6"]
    world.call("CHECK", {**conf, "prevResult": answer})
    world.call("DEL", conf)
    assert [n for n in os.listdir(world.root / "hl" / "net") if n[0].isdigit()] == []
    with pytest.raises(Refusal, match="IPAM plugin host-local") as refused:
        world.call("ADD", {**conf, "ipam": {**ipam, "ranges": [[{"subnet": "nonsense"}]]}})
    assert refused.value.code != 0
    assert subprocess.run(["ip", "link", "show", VF_NAME], capture_output=True, check=False).returncode == 0
    assert json.loads(run("ip", "-j", "link", "show", VF_NAME))[0]["address"] == VF_MAC

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As new means as new: all that root in a pod with CAP_NET_ADMIN can change on its interface, before and after.

# source: ip-link(8), ip-address(8), ip-maddress(8), ip-neighbour(8), tc(8), ethtool(8), bpf(2): what each can set on a
# network interface; Linux, net/core/dev.c, dev_change_net_namespace: what a move to another namespace takes away.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from pyroute2 import NetNS
from pyroute2.ethtool.ioctl import IoctlEthtool

from sriov_cni.netlink import messages, socket
from sriov_cni.pod.netns import Inside, open_netns
from support import bpf_programs as bpf
from support.cni_world import VF, VF_NAME, Refusal, WorldHost, run

# May differ: the kernel gives the index anew where the old one is taken, and counts what happened.
ALLOWED = {"ifindex", "link_index", "operstate", "flags"}
# `flags` has LOWER_UP and NO-CARRIER beside those that can be set, which `settable` has.
SETTABLE = {"UP", "NOARP", "MULTICAST", "ALLMULTI", "PROMISC", "DEBUG", "DYNAMIC", "NOTRAILERS"}

IN_THE_POD = """
link set net1 txqueuelen 77
link set net1 group 9
link set net1 mtu 1280
link set net1 alias mine
link set net1 arp off
link set net1 multicast off
link set net1 allmulticast on
link set net1 promisc on
link set net1 dynamic on
link set net1 gso_max_size 30000
link set net1 gso_max_segs 7
link set net1 gro_max_size 30000
link set net1 broadcast 02:00:00:00:00:01
link set net1 mode dormant
link set net1 address 02:00:00:00:0b:ad
link set net1 addrgenmode none
link property add dev net1 altname another
link property add dev net1 altname second
addr add 192.0.2.7/24 dev net1
addr add 2001:db8::7/64 dev net1
neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev net1
route add 198.51.100.0/24 via 192.0.2.1 dev net1
maddr add 01:00:5e:00:00:42 dev net1
link add link net1 name macvlan0 type macvlan
"""
WITH_TC = """
qdisc replace dev net1 root handle 1: tbf rate 1mbit burst 10kb latency 10ms
qdisc add dev net1 clsact
filter add dev net1 ingress protocol ip u32 match u32 0 0 flowid 1:1
"""
FEATURES = {"tx-scatter-gather": False, "rx-gro": True, "tx-tcp-segmentation": False, "tx-checksum-ip-generic": False}
# Attributes of links that this iproute2 may not know: gso_ipv4_max_size, gro_ipv4_max_size (linux/if_link.h).
NUMBERS = {63: 30000, 64: 30000}
SOLICITED = "33:33:ff"  # the group of an IPv6 address: RFC 4291, 2.7.1
SYSCTLS = {"ipv4/conf/{}/rp_filter": "2", "ipv4/conf/{}/proxy_arp": "1", "ipv6/conf/{}/accept_ra": "0"}


def features(name: str) -> dict[str, bool]:
    """By another implementation."""
    with contextlib.closing(IoctlEthtool(name)) as ethtool:
        found = ethtool.get_features()
        return {feature: active for feature, active, available, _block, _bit in found if available}


def sysctls(name: str) -> dict[str, str]:
    """All that can be read of the interface."""
    found = {}
    for family in ("ipv4", "ipv6"):
        for file in Path(f"/proc/sys/net/{family}/conf/{name}").glob("*"):
            with contextlib.suppress(OSError):
                found[f"{family}/{file.name}"] = file.read_text()
    return found


def everything() -> dict:
    """What a host shows of the VF."""
    (link,) = json.loads(run("ip", "-j", "-d", "link", "show", "dev", VF_NAME))
    answer = messages.Interface(socket.Socket().get(messages.get_link(name=VF_NAME)))
    return {
        "numbers": {kind: answer.attributes.get(kind) for kind in NUMBERS},
        "link": {key: value for key, value in link.items() if key not in ALLOWED},
        "settable": sorted({*link["flags"]} & SETTABLE),
        "features": features(VF_NAME),
        "qdiscs": run("tc", "-j", "qdisc", "show", "dev", VF_NAME),
        "filters": run("tc", "filter", "show", "dev", VF_NAME, "ingress"),
        "maddr": json.loads(run("ip", "-j", "maddr", "show", "dev", VF_NAME)),
        "addresses": run("ip", "-o", "addr", "show", "dev", VF_NAME),
        "neighbours": run("ip", "neigh", "show", "dev", VF_NAME),
        "sysctls": sysctls(VF_NAME),
        "tcx": bpf.tcx_programs(link["ifindex"]),
    }


def _differences(before: dict, after: dict) -> dict:
    """Path of what differs: before and after."""
    found = {}
    for key in before.keys() | after.keys():
        one, other = before.get(key), after.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            found.update({f"{key} {inner}": pair for inner, pair in _differences(one, other).items()})
        elif one != other:
            found[str(key)] = one, other
    return found


def settled(before: dict) -> dict:
    """What differs still, once the kernel had time to join groups of its own, by work of its own."""
    for _again in range(50):
        if not (found := _differences(before, everything())):
            break
        time.sleep(0.1)
    return found


def change_all(world) -> None:
    for line in IN_THE_POD.strip().splitlines():
        run("ip", "-n", world.pod_ns, *line.split())
    for line in WITH_TC.strip().splitlines():
        run("tc", "-n", world.pod_ns, *line.split())
    with Inside(open_netns(f"/run/netns/{world.pod_ns}")):
        with contextlib.closing(IoctlEthtool("net1")) as ethtool:
            values = ethtool.get_features()
            for name, wanted in FEATURES.items():
                values[name] = wanted
            ethtool.set_features(values)
        for path, value in SYSCTLS.items():
            (Path("/proc/sys/net") / path.format("net1")).write_text(value)
        more = b"".join([socket.number(kind, value) for kind, value in NUMBERS.items()])
        socket.Socket().change(messages.set_link(veth_index(world), more=more))


def veth_index(world) -> int:
    with NetNS(world.pod_ns) as netns:
        return netns.link_lookup(ifname="net1")[0]


@pytest.fixture
def on_the_host(world):
    """A VF with settings of its owner's, to which it has to come back."""
    for line in (
        f"link set {VF_NAME} txqueuelen 500 group 3 gso_max_size 60000",
        f"link set {VF_NAME} multicast on",
        f"link set {VF_NAME} up",
    ):
        run("ip", *line.split())
    for path in ("ipv4/conf/{}/rp_filter", "ipv4/conf/{}/arp_ignore", "ipv6/conf/{}/accept_ra"):
        (Path("/proc/sys/net") / path.format(VF_NAME)).write_text("1")
    while SOLICITED not in run("ip", "maddr", "show", "dev", VF_NAME):  # joined by work of the kernel's own
        time.sleep(0.05)
    return world


class NamedHost(WorldHost):
    """Here the alias, by which others know the VF, is one of the things that change."""

    def net_names(self, address: str) -> list[str]:
        names = [messages.Interface(link).name for link in self.socket.dump(messages.get_link())]
        return [name for name in names if name in (VF_NAME, "net1")]


@pytest.mark.parametrize("case", ["finding-cni-04-everything"])
def test_all_that_a_pod_can_change(on_the_host, case):
    world = on_the_host
    before, at_the_pf = everything(), world.pf["vfs"]
    conf = {**world.conf, "trust": "on", "vlan": 7}
    world.call("ADD", conf, host=NamedHost(world))
    change_all(world)
    told = {**world.pf["vfs"][0], "mac": "02:00:00:00:0b:ad"}  # as the driver of a trusted VF does
    world.set_pf(vfs=[told, world.pf["vfs"][1]])
    world.call("DEL", conf, host=NamedHost(world))
    assert settled(before) == {} and world.pf["vfs"] == at_the_pf
    assert not (world.root / "state" / "withheld" / VF).exists()


def attach_xdp(world, mode: int) -> None:
    program = bpf.load(bpf.XDP)
    with Inside(open_netns(f"/run/netns/{world.pod_ns}")):
        inner = socket.number(1, program) + socket.number(3, mode)
        socket.Socket().change(messages.set_link(veth_index(world), more=socket.nested(43, inner)))
    os.close(program)


def _xdp(mode: int):
    return lambda world, stack: attach_xdp(world, mode)


def _link(place: int):
    def attach(world, stack) -> None:
        index = veth_index(world)
        with Inside(open_netns(f"/run/netns/{world.pod_ns}")):
            stack.callback(os.close, bpf.link(index, place))

    return attach


def _tcx(place: int):
    def attach(world, stack) -> None:
        index = veth_index(world)
        with Inside(open_netns(f"/run/netns/{world.pod_ns}")):
            bpf.attach_tcx(index, place)

    return attach


PROGRAMS = {
    "xdp-generic": _xdp(bpf.SKB_MODE), "xdp-native": _xdp(bpf.DRV_MODE), "xdp-link": _link(bpf.XDP_PLACE),
    "tcx-ingress": _tcx(bpf.TCX_INGRESS), "tcx-egress": _tcx(bpf.TCX_EGRESS), "tcx-link": _link(bpf.TCX_INGRESS),
}  # fmt: skip


@pytest.mark.parametrize("how", [pytest.param(name, id=f"finding-cni-04-{name}") for name in PROGRAMS])
def test_a_program_that_drops_all_packets_is_taken_off(world, how):
    before = everything()
    with contextlib.ExitStack() as stack:
        world.call("ADD")
        PROGRAMS[how](world, stack)
        world.call("DEL")
        assert everything() == before
    world.call("ADD", CNI_CONTAINERID="c2")
    world.call("DEL", CNI_CONTAINERID="c2")


def channels() -> tuple[int, ...]:
    with contextlib.closing(IoctlEthtool(VF_NAME)) as ethtool:
        found = ethtool.get_channels()
        return found.rx_count, found.tx_count, found.combined_count


@pytest.mark.parametrize("case", ["finding-cni-04-channels-of-a-driver"])
def test_channels_come_back(world, case):
    """Of a veth with several queues, by another implementation."""
    run("ip", "link", "del", VF_NAME)
    queues = "numtxqueues", "4", "numrxqueues", "4"
    run("ip", "link", "add", VF_NAME, *queues, "type", "veth", "peer", "name", "wire", *queues)
    run("ip", "link", "set", VF_NAME, "alias", VF)
    before = channels()
    world.call("ADD")
    with Inside(open_netns(f"/run/netns/{world.pod_ns}")), contextlib.closing(IoctlEthtool("net1")) as ethtool:
        wanted = ethtool.get_channels()
        wanted.rx_count = wanted.tx_count = 2
        ethtool.set_channels(wanted)
    world.call("DEL")
    assert (channels(), before[:2]) == (before, (4, 4))


@pytest.mark.parametrize("case", ["finding-cni-04-refused-at-add"])
def test_a_vf_with_a_program_of_the_hosts_is_refused(world, case):
    """It may be the administrator's own: nothing is taken away."""
    index = messages.Interface(socket.Socket().get(messages.get_link(name=VF_NAME))).index
    program = bpf.load(bpf.XDP)
    inner = socket.number(1, program) + socket.number(3, bpf.SKB_MODE)
    socket.Socket().change(messages.set_link(index, more=socket.nested(43, inner)))
    before = everything()
    with pytest.raises(Refusal, match=f"interface {VF_NAME} has an XDP program.*ip link set dev {VF_NAME} xdp") as told:
        world.call("ADD")
    assert (told.value.code, everything()) == (100, before)
    os.close(program)


HOSTS = {"ingress": bpf.TCX_INGRESS, "egress": bpf.TCX_EGRESS}


@pytest.mark.parametrize("held", ["program", "link"])
@pytest.mark.parametrize("place", [pytest.param(name, id=f"finding-cni-04-refused-at-add-{name}") for name in HOSTS])
def test_a_vf_with_a_program_of_the_hosts_beside_tc_is_refused(world, place, held):
    """It would go with the VF, and DEL could not tell it from a pod's."""
    index = messages.Interface(socket.Socket().get(messages.get_link(name=VF_NAME))).index
    with contextlib.ExitStack() as stack:
        if held == "link":
            stack.callback(os.close, bpf.link(index, HOSTS[place]))
        else:
            bpf.attach_tcx(index, HOSTS[place])
        before = everything()
        assert before["tcx"] == 1
        for command, code in (("ADD", 100), ("STATUS", 50)):
            with pytest.raises(Refusal, match=f"interface {VF_NAME} has an eBPF program beside tc") as told:
                world.call(command)
            assert (told.value.code, everything()) == (code, before)


@pytest.mark.parametrize("case", ["finding-cni-04-journal-of-before"])
def test_a_journal_of_before_that_was_kept(world, case):
    """It tells of three flags and nothing else: the others stay as they are."""
    world.call("ADD")
    file = world.root / "state" / "journal" / f"{VF}@c1@net1"
    raw = json.loads(file.read_text())
    assert raw.pop("link")["txqlen"]
    raw["flags"] &= 0x301
    file.write_text(json.dumps(raw))
    world.call("DEL", host=WorldHost(world))
    assert "MULTICAST" in everything()["settable"]

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One situation of a VF's interface, three programs, one answer: the node library, the device plugin, the CNI plugin.

The node library is asked of a fake host; the other two of a real kernel, and of sysfs trees for interfaces that stand
on the VF's, since not every kernel makes each kind.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.shared import host_uses
from sriov_cni.netlink.socket import NetlinkError, Socket
from sriov_device_plugin.host import discovery, network
from sriov_device_plugin.pool import explain, pools
from sriov_device_plugin.pool.config import parse
from support.cni_world import Refusal, World
from support.cni_world import run as command
from support.dp_daemon import PLUGIN, SHARED
from support.dp_host import FakeHost as PluginHost
from support.fake_host import FakeHost as NodeHost
from support.host_uses_table import DEVTYPES, OTHERS, PROC, SITUATIONS, VF, Situation
from support.interface_uses import USES as DO
from support.node_runs import KERNEL, make_host, present

PF, ADDRESS = "0000:01:00.0", "0000:01:10.0"
READ = """
import json, sys
sys.path[:0] = sys.argv[1:]
from sriov_device_plugin.host import network
print(json.dumps(network.read("")))
"""
CONFIG = json.dumps({"resourceList": [{"resourceName": "vf", "selectors": {"pfNames": ["enp1s0"]}}]}).encode()


FINDINGS = {"advertised_default_route": "dp-08"}  # those of another finding than the rest


def rows(table: dict[str, Any]) -> list[Any]:
    return [pytest.param(row, id=f"finding-{FINDINGS.get(what, 'cni-16')}-{what}") for what, row in table.items()]


def in_sysfs(root: Path, row: Situation) -> None:
    """What the kernel shows of the interface up9."""
    net = root / "sys/class/net"
    for name in (VF, "up9"):
        (net / name).mkdir(parents=True, exist_ok=True)
    (net / VF / "upper_up9").symlink_to("../up9")
    if row.is_port:
        (net / VF / "master").symlink_to("../up9")
    kind = f"DEVTYPE={row.upper}\n" if row.upper in DEVTYPES else ""
    (net / "up9/uevent").write_text(f"{kind}INTERFACE=up9\nIFINDEX=9\n")


# The node library: what a drain alone may take away.


def taken_away(host: NodeHost) -> str:
    """Why a VF is not taken away; "" where it is."""
    try:
        present(host, [{**KERNEL, "num_vfs": 1}])
    except RefusedError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("row", rows(SITUATIONS))
def test_node_library(tmp_path: Path, row: Situation) -> None:
    host = make_host(tmp_path)
    present(host, [KERNEL])
    if row.use:
        DO[row.use](host, "enp1s0v1")
    told = taken_away(host)
    assert row.words in told if row.words else not told


def of_node_library(host: NodeHost, what: str) -> None:
    vf = "0000:01:10.2"
    if what == "other_namespace":
        host.move_away(vf)
    elif what == "vfio":
        host._unbind(vf)
        host._driver_dir("vfio-pci")
        host._bind(vf, "vfio-pci")
    else:
        DO["not_told_by_ip_addr"](host, "enp1s0v1")


@pytest.mark.parametrize("what", rows({what: what for what in OTHERS}))
def test_node_library_without_an_interface_to_ask(tmp_path: Path, what: str) -> None:
    host = make_host(tmp_path)
    present(host, [KERNEL])
    of_node_library(host, what)
    told = taken_away(host)
    words = OTHERS[what][0]
    assert words in told if words else not told


# The device plugin: what it offers, and what it says of the rest.


@pytest.fixture
def plugin_host(tmp_path: Path) -> PluginHost:
    host = PluginHost(tmp_path / "host")
    host.add(PF, name="enp1s0", totalvfs=7)
    host.add_vfs(PF, 2)
    return host


def read_in_a_new_namespace(*commands: str) -> list[dict[str, list[str]]]:
    """What the device plugin's reader tells there after these words for `ip`."""
    setup = (f"link add {VF} type veth peer name wire", "link set wire up")
    script = "".join(f"ip {words} && " for words in (*setup, *commands)) + 'exec "$@"'
    program = [sys.executable, "-I", "-c", READ, str(PLUGIN), str(SHARED.parent)]
    unshare = ["unshare", "--user", "--map-root-user", "--net", "sh", "-ec", script, "sh", *program]
    done = subprocess.run(unshare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, list[str]]] = json.loads(done.stdout)
    return found


def withheld(host: PluginHost) -> str:
    """Why the VF is not offered, "" where it is; the other VF always is. `--explain` says the same."""
    configs = parse(CONFIG, "intel.com").pools
    scanner = discovery.Scanner(str(host.root))
    share = pools.assign(configs, pools.scan(configs, scanner))["intel.com/vf"]
    told = share.in_use.get(ADDRESS, "")
    assert list(share.members) == ["0000:01:10.2"] if told else list(share.members) == [ADDRESS, "0000:01:10.2"]
    lines = list(explain.explain(configs, scanner))
    assert (f"    intel.com/vf: {told}" in lines) == bool(told)
    return told


@pytest.mark.parametrize("row", rows(SITUATIONS))
def test_device_plugin(plugin_host: PluginHost, row: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_in_a_new_namespace(*row.ip) if row.ip else [{}, {}]
    monkeypatch.setattr(network, "read", lambda root: found)
    if row.upper:
        in_sysfs(plugin_host.root, row)
    told = withheld(plugin_host)
    assert told == (f"the host uses its interface {VF} ({row.told})" if row.words else "")


@pytest.mark.parametrize("what", rows({what: what for what in OTHERS}))
def test_device_plugin_without_an_interface_to_ask(plugin_host: PluginHost, what: str) -> None:
    if what == "other_namespace":
        plugin_host.netdev_to_pod(ADDRESS)
    elif what == "vfio":
        plugin_host.netdev_to_pod(ADDRESS)
        plugin_host.bind(ADDRESS, "vfio-pci", 20)
    else:
        with open(plugin_host.root / "proc/net/route", "a") as routes:
            routes.write(PROC["route-of-an-address"][1])
    told = withheld(plugin_host)
    words = OTHERS[what][1]
    assert words in told if words else not told


@pytest.mark.parametrize("row", rows(PROC))
def test_device_plugin_by_proc(plugin_host: PluginHost, row: tuple[str, str, str]) -> None:
    """Where netlink refuses, and for a folder of a test."""
    name, line, words = row
    with open(plugin_host.root / "proc" / name, "a") as file:
        file.write(line)
    assert withheld(plugin_host) == (f"the host uses its interface {VF} ({words})" if words else "")


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOBUFS, errno.ETIMEDOUT])
@pytest.mark.parametrize("dump", [1, 2, 3])
def test_device_plugin_reads_proc_where_netlink_refuses(
    monkeypatch: pytest.MonkeyPatch, number: int, dump: int
) -> None:
    """At any of its three dumps, of which half may have been read."""
    original, dumps = network._dump, [0]

    def refused(*arguments: Any) -> Iterator[bytes]:
        dumps[0] += 1
        if dumps[0] == dump:
            raise OSError(number, os.strerror(number))
        return original(*arguments)

    monkeypatch.setattr(network, "_dump", refused)
    monkeypatch.setattr(network, "_proc_addresses", lambda root: [("eth0", "2001:db8::7/64")])
    monkeypatch.setattr(network, "_proc_v4", lambda root: [("eth0", "192.0.2.0/24")])
    monkeypatch.setattr(network, "_proc_v6", lambda root: [])
    assert network.read("") == ({"eth0": ["2001:db8::7/64"]}, {"eth0": ["192.0.2.0/24"]})


# The CNI plugin: what an ADD gives to a pod.


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as made:
        yield made


def refused(world: World, **conf: str) -> str:
    """Why ADD refuses; "" where it does not. A refusal changes nothing."""
    before = world.snapshot()
    try:
        world.call("ADD", {**world.conf, **conf})
    except Refusal as refusal:
        assert refusal.code == 100 and world.snapshot() == before
        return str(refusal)
    return ""


@pytest.mark.parametrize("row", rows(SITUATIONS))
def test_cni_plugin(world: World, row: Situation) -> None:
    for words in row.ip:
        command("ip", *words.split())
    if row.upper:
        in_sysfs(world.root, row)
    told = refused(world)
    words = f"VF 0 of PF {PF} ({ADDRESS}): the host uses its interface {VF} ({row.told}); expected a VF that is free"
    assert words in told if row.words else not told


@pytest.mark.parametrize("what", rows({what: what for what in OTHERS}))
def test_cni_plugin_without_an_interface_to_ask(world: World, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = OTHERS[what][2]
    if what == "other_namespace":
        monkeypatch.setattr("sriov_cni.vf.vf._PROBE_SECONDS", 0.1)
        world.add_netns(other := f"{world.pod_ns}-other")
        command("ip", "link", "set", VF, "netns", other)
        told = refused(world)
    elif what == "vfio":
        told = refused(world, deviceID="0000:01:10.2")
    else:
        original = Socket.dump

        def dump(self: Socket, message: tuple[int, int, bytes]) -> list[bytes]:
            if message[0] == 22:  # RTM_GETADDR
                raise NetlinkError(errno.EPERM)
            return original(self, message)

        monkeypatch.setattr(Socket, "dump", dump)
        with pytest.raises(Refusal) as caught:
            world.call("ADD")
        told = str(caught.value)
    assert words in told if words else not told


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("link add up9 type bridge; link set VF master up9", "a port of the bridge up9"),
        ("link set VF up; link add link VF name up9 type macvlan", "the macvlan up9 on it"),
        ("link set VF up; link add link VF name up9 type macvtap", "the macvtap up9 on it"),
        ("link set VF up; addr add 192.0.2.7/24 dev VF; route add default dev VF",
         "the default route, the address 192.0.2.7/24"),
    ],
    ids=["finding-cni-16-bridge", "finding-cni-16-macvlan", "finding-cni-16-macvtap", "finding-cni-16-all"],
)  # fmt: skip
def test_cni_plugin_on_a_real_kernel(world: World, what: str, words: str) -> None:
    """By netlink alone: sysfs shows the namespace that it was mounted in."""
    for line in what.replace("VF", VF).split("; "):
        command("ip", *line.split())
    assert f"the host uses its interface {VF} ({words})" in refused(world)


# The definition itself.

EDGES = [
    "169.253.0.0", "169.254.0.0", "169.254.7.7", "169.255.0.0", "223.0.0.0", "224.0.0.0", "239.255.255.255",
    "240.0.0.1", "0.0.0.0", "fe7f::", "fe80::", "febf::1", "fec0::", "feff::", "ff00::", "ff02::1", "ff::1", "fe8::",
]  # fmt: skip
NETS = st.builds(
    lambda address, bits: ipaddress.ip_network((address, bits % (address.max_prefixlen + 1)), strict=False),
    st.one_of(st.ip_addresses(), st.sampled_from(EDGES).map(ipaddress.ip_address)),
    st.integers(0, 128),
)


@given(NETS, st.booleans())
def test_own_routes_are_those_that_the_standard_library_names(
    net: ipaddress.IPv4Network | ipaddress.IPv6Network, gateway: bool
) -> None:
    own = net.is_multicast or (net.is_link_local and not gateway)
    assert host_uses.is_own_route(str(net), "unicast", "static", gateway) == own
    assert host_uses.is_own_route(str(net), 1, 4, gateway) == own


@pytest.mark.parametrize("target", ["default", "junk", "?", "", "192.0.2.0/x", "1.2", "fe80", "ff"])
def test_a_destination_that_nobody_can_read_counts(target: str) -> None:
    assert not host_uses.is_own_route(target, None, None, False)


def test_every_row_has_its_source() -> None:
    assert all(row.source for row in SITUATIONS.values())

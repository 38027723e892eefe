# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our rtnetlink against pyroute2's, message by message: what we encode, byte for byte, and what we decode."""

from __future__ import annotations

import errno
import socket
import struct
from struct import pack
from types import SimpleNamespace

import pytest
from pyroute2 import IPRoute
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from sriov_cni.netlink import messages
from sriov_cni.netlink import socket as netlink
from sriov_cni.netlink.addresses import mac_bytes, mac_text
from sriov_cni.pod import announce
from sriov_cni.vf.pf_port import PfPort
from sriov_cni.vf.settings import SETTINGS, decode
from support.cni_world import VF_NAME, run

MAC = "02:00:00:00:0a:e1"


def oracle(kind, type_: int, flags: int, fields: dict, attrs: list) -> bytes:
    """pyroute2's bytes of a message."""
    message = kind()
    message["header"].update(type=type_, flags=flags, sequence_number=7, pid=0)
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = attrs
    message.encode()
    return bytes(message.data)


def ours(message) -> bytes:
    return netlink.encode(message, 7)


def same(message, kind, fields: dict, attrs: list) -> None:
    """Equal but for NLA_F_NESTED, which the kernel wants from new code and pyroute2 sets on some only."""
    assert _plain(ours(message)) == _plain(oracle(kind, message[0], message[1], fields, attrs))


def _plain(data: bytes) -> list:
    header = {messages.RTM_NEWADDR: 8, messages.RTM_NEWROUTE: 12}.get(int.from_bytes(data[4:6], "little"), 16)
    return [data[: 16 + header], _tree(data[16 + header :])]


def _tree(data: bytes) -> list:
    """Attributes as (type, bytes or tree); whatever parses fully as attributes is a tree."""
    found = []
    for kind, value in netlink.attributes(data):
        inner = list(netlink.attributes(value))
        whole = sum((len(v) + 7) & ~3 for _rest, v in inner) == (len(value) + 3) & ~3 and inner
        found.append((kind, _tree(value) if whole else value))
    return found


def test_link_messages():
    same(messages.get_link(5), ifinfmsg, {"index": 5}, [])
    same(
        messages.get_link(name="enp1s0", mask=9), ifinfmsg, {}, [["IFLA_IFNAME", "enp1s0"], ["IFLA_EXT_MASK", 9]]
    )
    same(
        messages.set_link(5, name="net1", mac=MAC, mtu=1400, netns_fd=9, flags=1, change=1),
        ifinfmsg,
        {"index": 5, "flags": 1, "change": 1},
        [["IFLA_NET_NS_FD", 9], ["IFLA_ADDRESS", MAC], ["IFLA_MTU", 1400], ["IFLA_IFNAME", "net1"]],
    )
    for add in (True, False):
        same(
            messages.set_altnames(5, ["a", "enp1s0f0v0"], add=add),
            ifinfmsg,
            {"index": 5},
            [["IFLA_PROP_LIST", {"attrs": [["IFLA_ALT_IFNAME", "a"], ["IFLA_ALT_IFNAME", "enp1s0f0v0"]]}]],
        )


@pytest.mark.parametrize(
    ("key", "attr"),
    [
        ("mac", ["IFLA_VF_MAC", {"vf": 3, "mac": MAC}]),
        ("rate", ["IFLA_VF_RATE", {"vf": 3, "min_tx_rate": 10, "max_tx_rate": 200}]),
        ("spoofchk", ["IFLA_VF_SPOOFCHK", {"vf": 3, "spoofchk": 1}]),
        ("trust", ["IFLA_VF_TRUST", {"vf": 3, "trust": 1}]),
        ("link_state", ["IFLA_VF_LINK_STATE", {"vf": 3, "link_state": 2}]),
        (
            "vlan",
            [
                "IFLA_VF_VLAN_LIST",
                {"attrs": [["IFLA_VF_VLAN_INFO", {"vf": 3, "vlan": 100, "qos": 5, "proto": 0x88A8}]]},
            ],
        ),
    ],
)
def test_vf_settings(key, attr):
    message = messages.set_vf(5, [SETTINGS[key].encode(3, wanted())])
    attrs = [["IFLA_VFINFO_LIST", {"attrs": [["IFLA_VF_INFO", {"attrs": [attr]}]]}]]
    theirs = oracle(ifinfmsg, message[0], message[1], {"index": 5}, attrs)
    mine = ours(message)
    if (
        key == "vlan"
    ):  # pyroute2 leaves out the two bytes that pad struct ifla_vf_vlan_info: 16 bytes in if_link.h
        [(_rest, vlan_list)] = [(k, v) for k, v in _vf_info(mine) if k == SETTINGS["vlan"].kind]
        [(_rest, entry)] = netlink.attributes(vlan_list)
        assert entry == pack("=III", 3, 100, 5) + b"\x88\xa8\0\0"
        [(_rest, their_list)] = [(k, v) for k, v in _vf_info(theirs) if k == SETTINGS["vlan"].kind]
        [(_rest, their_entry)] = netlink.attributes(their_list)
        assert entry[:14] == their_entry[:14]
        return
    assert _vf_info(mine) == _vf_info(theirs)


def _vf_info(data: bytes) -> list:
    [(kind, vfs)] = netlink.attributes(data[32:])
    assert kind == messages.IFLA_VFINFO_LIST
    [(kind, info)] = netlink.attributes(vfs)
    assert kind == messages.IFLA_VF_INFO
    return list(netlink.attributes(info))


TOLD = [name for name, setting in SETTINGS.items() if setting.kind]


def wanted() -> dict:
    return {
        "mac": MAC, "vlan": 100, "qos": 5, "proto": 0x88A8, "spoofchk": 1, "trust": 1, "link_state": 2,
        "min_rate": 10, "max_rate": 200,
    }  # fmt: skip


def test_address_and_route_messages():
    v4, v6 = socket.inet_aton("10.0.0.2"), socket.inet_pton(socket.AF_INET6, "fd00::2")
    same(
        messages.new_address(5, socket.AF_INET, v4, 24),
        ifaddrmsg,
        {"family": 2, "prefixlen": 24, "index": 5},
        [["IFA_LOCAL", "10.0.0.2"], ["IFA_ADDRESS", "10.0.0.2"]],
    )
    same(
        messages.new_address(5, socket.AF_INET6, v6, 64),
        ifaddrmsg,
        {"family": 10, "prefixlen": 64, "index": 5},
        [["IFA_ADDRESS", "fd00::2"]],
    )
    route = messages.Route(socket.AF_INET, socket.inet_aton("10.5.0.0"), 16, socket.inet_aton("10.0.0.1"))
    route.oif, route.priority, route.mtu, route.advmss, route.table = 5, 9, 1300, 1200, 1000
    same(
        messages.new_route(route),
        rtmsg,
        {"family": 2, "dst_len": 16, "table": 0, "proto": 3, "scope": 0, "type": 1},
        [
            ["RTA_TABLE", 1000],
            ["RTA_DST", "10.5.0.0"],
            ["RTA_GATEWAY", "10.0.0.1"],
            ["RTA_OIF", 5],
            ["RTA_PRIORITY", 9],
            ["RTA_METRICS", {"attrs": [["RTAX_MTU", 1300], ["RTAX_ADVMSS", 1200]]}],
        ],
    )
    default = messages.Route(socket.AF_INET6, bytes(16), 0, v6)
    default.oif = 5
    same(
        messages.new_route(default),
        rtmsg,
        {"family": 10, "dst_len": 0, "table": 254, "proto": 3, "scope": 0, "type": 1},
        [["RTA_TABLE", 254], ["RTA_GATEWAY", "fd00::2"], ["RTA_OIF", 5]],
    )


def vf_message(count: int) -> bytes:
    """A PF's answer with `count` VFs in pyroute2's encoding."""
    vfs = []
    for vf in range(count):
        attrs = [
            ["IFLA_VF_MAC", {"vf": vf, "mac": f"02:00:00:00:00:{vf % 256:02x}"}],
            ["IFLA_VF_VLAN", {"vf": vf, "vlan": vf, "qos": 1}],
            [
                "IFLA_VF_VLAN_LIST",
                {"attrs": [["IFLA_VF_VLAN_INFO", {"vf": vf, "vlan": vf, "qos": 1, "proto": 0x88A8}]]},
            ],
            ["IFLA_VF_RATE", {"vf": vf, "min_tx_rate": 1, "max_tx_rate": 2}],
            ["IFLA_VF_SPOOFCHK", {"vf": vf, "spoofchk": 1}],
            ["IFLA_VF_LINK_STATE", {"vf": vf, "link_state": 2}],
            ["IFLA_VF_TRUST", {"vf": vf, "trust": 0xFFFFFFFF}],
        ]
        vfs.append(["IFLA_VF_INFO", {"attrs": attrs}])
    vfs.reverse()  # by number, not by position
    attrs = [["IFLA_IFNAME", "enp1s0"], ["IFLA_MTU", 9000], ["IFLA_NUM_VF", count]]
    return oracle(ifinfmsg, 16, 0, {"index": 4}, [*attrs, ["IFLA_VFINFO_LIST", {"attrs": vfs}]])[16:]


def test_decode_vfs():
    link = messages.Interface(vf_message(120))
    assert (link.name, link.mtu, len(link.vfs)) == ("enp1s0", 9000, 120)
    assert decode(link.vfs[77]) == {
        "mac": "02:00:00:00:00:4d", "vlan": 77, "qos": 1, "proto": 0x88A8, "spoofchk": 1, "trust": -1,
        "link_state": 2, "min_rate": 1, "max_rate": 2,
    }  # fmt: skip


def test_what_we_set_is_what_we_read():
    state = wanted()
    info = netlink.nested(messages.IFLA_VF_INFO, *[SETTINGS[name].encode(3, state) for name in TOLD])
    assert decode(messages.parse_vfs(info)[3]) == state


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_cut_messages_do_not_break_decoding(cut):
    data = vf_message(2)
    link = messages.Interface(data[: max(16, len(data) - cut)])
    assert len(link.vfs) <= 2


class Recorder:
    """A socket that answers GETLINK with one VF, and refuses the attributes it is told to."""

    def __init__(self, refuse: set[int]) -> None:
        self.refuse = refuse
        self.sent: list[list[int]] = []

    def get(self, message) -> bytes:
        return vf_message(1)

    def change(self, message) -> None:
        kinds = [kind for kind, _rest in _vf_info(netlink.encode(message, 1))]
        self.sent.append(kinds)
        if self.refuse & set(kinds):
            raise netlink.NetlinkError(errno.EOPNOTSUPP, "no such thing here")


def test_settings_go_in_one_message_and_the_culprit_is_named():
    good = Recorder(set())
    port = PfPort(SimpleNamespace(socket=good), "enp1s0", "0000:01:00.0", "igb")
    assert port.read(0, [])["vlan"] == 0
    port.apply(0, wanted(), TOLD)
    assert len(good.sent) == 1
    assert len(good.sent[0]) == len(TOLD)
    bad = PfPort(SimpleNamespace(socket=Recorder({SETTINGS["rate"].kind})), "enp1s0", "0000:01:00.0", "igb")
    bad.read(0, [])
    with pytest.raises(Exception, match=r"driver igb\) refused min_tx_rate/max_tx_rate .*no such thing here"):
        bad.apply(0, wanted(), TOLD)
    with pytest.raises(Exception, match="expected VF 5 among its VFs, found 1"):
        bad.read(5, [])


def test_real_socket_against_pyroute2(world):
    """The kernel's own answers, decoded by both; its extended acknowledgement; and batches."""
    sock = netlink.Socket()
    links = {link.index: link for link in map(messages.Interface, sock.dump(messages.get_link()))}
    with IPRoute() as ipr:
        theirs = {link["index"]: link for link in ipr.get_links()}
        assert set(links) == set(theirs)
        for index, link in links.items():
            assert link.name == theirs[index].get("ifname")
            assert link.mtu == theirs[index].get("mtu")
            assert link.mac == theirs[index].get("address")
            assert link.flags == theirs[index]["flags"]
        run("ip", "link", "set", "lo", "up")
        mine = {(i, text) for i, text, _rest in map(messages.parse_address, sock.dump(messages.get_addresses()))}
        assert mine == {(a["index"], f"{a.get('address')}/{a['prefixlen']}") for a in ipr.get_addr()}
    index = next(link.index for link in links.values() if link.name == VF_NAME)
    with pytest.raises(netlink.NetlinkError) as caught:
        sock.change(
            messages.set_link(index, mtu=1400),
            messages.set_link(index, mtu=10_000_000),
            messages.set_link(index, mtu=1300),
        )
    assert (caught.value.index, caught.value.errno) == (1, errno.EINVAL)
    assert "mtu" in str(caught.value)  # the kernel's own words
    assert messages.Interface(sock.get(messages.get_link(name="enp1s0f0v0"))).mtu == 1300


def test_mac_text():
    assert mac_bytes(mac_text(bytes(range(6)))) == bytes(range(6))


def test_advertisement_on_the_wire():
    """Byte for byte, from the format of RFC 4861; with its checksum the packet sums up to all ones."""
    mac = bytes.fromhex("02000000000a")
    address = socket.inet_pton(socket.AF_INET6, "fd09::5")
    packet = announce.unsolicited_na(mac, address)
    assert (len(packet), packet[4:8].hex(), packet[8:24], packet[24:40].hex()) == (
        72, "00203aff", address, "ff020000000000000000000000000001",
    )  # fmt: skip
    assert packet[40:42].hex() + packet[44:].hex() == "8800" + "20000000" + address.hex() + "0201" + mac.hex()
    summed = sum(struct.unpack("!36H", packet[8:40] + struct.pack("!II", 32, 58) + packet[40:]))
    assert (summed >> 16) + (summed & 0xFFFF) == 0xFFFF


def test_use_neighbour():
    expected = oracle(
        ndmsg, messages.RTM_NEWNEIGH, netlink.NLM_F_CREATE,
        {"family": socket.AF_INET, "ifindex": 5, "state": 0, "flags": 1}, [("NDA_DST", "10.9.0.5")],
    )  # fmt: skip
    assert ours(messages.use_neighbour(5, socket.AF_INET, bytes([10, 9, 0, 5]))) == expected

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration, its mistakes, and the environment; each upstream vector that needs no machine."""

from __future__ import annotations

import json

import pytest

from sriov_cni import SUPPORTED, main
from sriov_cni.netlink.addresses import parse_mac
from sriov_cni.spec import json_text
from sriov_cni.spec.config import canonical
from sriov_cni.spec.errors import CniError
from sriov_cni.vf.config import parse
from support.cni_world import VF, VF_VFIO, Refusal, WorldHost
from support.vector_ids import vectors

BASE = {"cniVersion": "1.0.0", "name": "net", "type": "sriov", "deviceID": VF}


def v(number: str, *values):
    return pytest.param(*values, id=f"cni-vector-{number}")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        v("01", {"ipam": {"type": "host-local"}}, {"ipam_type": "host-local"}),
        v("04", {"vlan": 100}, {"target.vlan": 100, "target.qos": 0, "target.proto": 0x8100}),
        v("10", {"vlan": 100, "vlanProto": "802.1Q"}, {"target.proto": 0x8100}),
        v("11", {"vlan": 100, "vlanProto": "802.1ad"}, {"target.proto": 0x88A8}),
        v("14", {"vlan": 0, "vlanQoS": 0, "vlanProto": "802.1Q"}, {"target.vlan": 0, "asked": ["vlan"]}),
        v("17-4094", {"vlan": 4094}, {"target.vlan": 4094}),
        v("19", {"vlan": None}, {"asked": []}),
        v("20", {"VLAN": 7}, {"target.vlan": 7}),
        v("21-empty", {"link_state": ""}, {"asked": []}),
        v("22", {"spoofchk": "yes"}, {"target.spoofchk": 0}),
        v("80", {"mac": "AA-BB-CC-00-11-22"}, {"mac": "aa:bb:cc:00:11:22"}),
        pytest.param(
            {"spoofchk": "on", "trust": "on"}, {"target.spoofchk": 1, "target.trust": 1}, id="flags"
        ),
        pytest.param({"mtu": 9000}, {"mtu": 9000, "asked": []}, id="mtu"),
        pytest.param(
            {"max_tx_rate": 5}, {"target.max_rate": 5, "target.min_rate": 0, "asked": ["rate"]}, id="rate"
        ),
        pytest.param({"ipam": {"type": ""}}, {"ipam_type": ""}, id="danm-empty-ipam-type"),
        pytest.param({"vlanProto": ""}, {"asked": []}, id="empty-proto-is-absent"),
        pytest.param({"deviceID": VF.upper()}, {"device": VF}, id="upper-case-address"),
    ],
)
def test_good(keys, expected):
    config = parse(canonical({**BASE, **keys}))
    for path, value in expected.items():
        found = config
        for name in path.split("."):
            found = found[name] if isinstance(found, dict) else getattr(found, name)
        assert found == value


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        v("05", {"vlan": 5000}, "vlan: expected a number from 0 to 4094, found 5000"),
        v("06", {"vlan": 0, "vlanQoS": 1}, "vlanQoS: with vlan 0 expected 0, found 1"),
        v("07", {"vlan": 0, "vlanProto": "802.1ad"}, "vlanProto: 802.1ad needs a vlan other than 0"),
        v("08", {"vlan": 100, "vlanQoS": 10}, "vlanQoS: expected a number from 0 to 7, found 10"),
        v("09", {"vlan": 100, "vlanProto": "802"}, "vlanProto: expected 802.1q or 802.1ad, found '802'"),
        v("12", {"vlanQoS": 1}, "vlanQoS: needs vlan, which is absent"),
        v("13", {"vlanProto": "802.1ad"}, "vlanProto: needs vlan, which is absent"),
        v("15", {"vlanQoS": 0}, "vlanQoS: needs vlan, which is absent"),
        v("16", {"vlanProto": "802.1q"}, "vlanProto: needs vlan, which is absent"),
        v("17-below", {"vlan": -1}, "vlan: expected a number from 0 to 4094, found -1"),
        v("17-4095", {"vlan": 4095}, "vlan: expected a number from 0 to 4094, found 4095"),
        v(
            "18", {"vlan": "100"}, "vlan: expected a number from 0 to 4094, found '100'"
        ),  # upstream: a decode error
        v("21", {"link_state": "Enable"}, "link_state: expected auto, enable or disable, found 'Enable'"),
        v("23", {"deviceID": ""}, "network-resources-injector"),
        v("81", {"mac": "01:00:5e:00:00:01"}, "mac: '01:00:5e:00:00:01' is a multicast address"),
        pytest.param({"deviceID": None}, "resources.requests", id="no-device"),
        pytest.param({"deviceID": 5}, "deviceID: expected a string, found 5", id="device-number"),
        pytest.param({"deviceID": "../../etc"}, "deviceID: expected a PCI address", id="device-path"),
        pytest.param(
            {"min_tx_rate": 9, "max_tx_rate": 5}, "min_tx_rate: expected at most max_tx_rate", id="rates"
        ),
        pytest.param({"vlan": True}, "vlan: expected a number from 0 to 4094, found true", id="bool"),
        pytest.param({"vlan": 5.5}, "vlan: expected a number from 0 to 4094, found 5.5", id="float"),
        pytest.param({"mtu": 1}, "mtu: expected a number from 68", id="mtu"),
        pytest.param({"ipam": []}, "ipam: expected an object, found a list", id="ipam"),
        pytest.param({"ipam": {"type": "../sh"}}, "ipam.type: expected the name", id="ipam-type"),
        pytest.param({"mac": "00:00:00:00:00:00"}, "all-zero", id="zero-mac"),
        pytest.param({"runtimeConfig": {"mac": 5}}, "runtimeConfig.mac: 5 is not a string", id="runtime-mac"),
    ],
)
def test_bad(keys, words):
    with pytest.raises(CniError) as caught:
        parse(canonical({**BASE, **keys}))
    assert caught.value.code == 7
    assert words in caught.value.msg


def test_every_mistake_at_once():
    with pytest.raises(CniError) as caught:
        parse(
            canonical(
                {"name": "n", "vlan": 9999, "mac": "x", "trust": 1, "mtu": "big", "dns": 3, "link_state": "?"}
            )
        )
    for key in ("deviceID", "vlan", "mac", "trust", "mtu", "dns", "link_state"):
        assert f"{key}: " in caught.value.msg


@pytest.mark.parametrize(
    ("conf", "args", "expected"),
    [
        (
            {"mac": "02:00:00:00:00:01", "runtimeConfig": {"mac": "02:00:00:00:00:03"}},
            "MAC=02:00:00:00:00:02",
            "3",
        ),
        ({"mac": "02:00:00:00:00:01"}, "MAC=02:00:00:00:00:02", "2"),
        ({"mac": "02:00:00:00:00:01", "runtimeConfig": {"mac": ""}}, "", "1"),
    ],
)
def test_mac_precedence(conf, args, expected):
    assert parse(canonical({**BASE, **conf}), args).mac == "02:00:00:00:00:0" + expected


@pytest.mark.parametrize(
    ("args", "good"),
    [
        v("79-unknown", "FOO=1", False),
        v("79-ignored", "IgnoreUnknown=true;FOO=1", True),
        v("79-no-value", "MAC", False),
        v("79-two-equals", "A=b=c", False),
        pytest.param("IgnoreUnknown=1;K8S_POD_NAME=p;IP=10.0.0.1", True, id="multus"),
    ],
)
def test_args(args, good):
    if good:
        assert parse(dict(BASE), args).mac == ""
    else:
        with pytest.raises(CniError) as caught:
            parse(dict(BASE), args)
        assert caught.value.code == 4


def test_mac_forms():
    assert {parse_mac(t) for t in ("0200.0000.000A", "02:00:00:00:00:0a", "02-00-00-00-00-0A")} == {
        "02:00:00:00:00:0a"
    }
    for bad in (
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:0g",
        "020000000000",
        "02:00:00-00:00:00",
        "2:0:0:0:0:a",
    ):
        with pytest.raises(ValueError, match="not a MAC"):
            parse_mac(bad)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        v("69", {"CNI_CONTAINERID": "some-%%container-id"}, "CNI_CONTAINERID"),
        *[
            v(f"70-{i}", {"CNI_IFNAME": n}, "CNI_IFNAME")
            for i, n in enumerate(("a" * 16, ".", "..", "a/b", "a:b", "a b"))
        ],
        v(
            "71",
            {"CNI_CONTAINERID": "", "CNI_NETNS": "", "CNI_IFNAME": ""},
            "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME",
        ),
        v("76", {"CNI_COMMAND": "FROB"}, "CNI_COMMAND"),
        pytest.param({"CNI_COMMAND": ""}, "called by a container runtime", id="no-command"),
    ],
)
def test_environment(changes, words):
    environment = {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "c",
        "CNI_NETNS": "/n",
        "CNI_IFNAME": "net1",
        **changes,
    }
    with pytest.raises(CniError) as caught:
        main.check_environment(environment)
    assert caught.value.code == 4
    assert words in caught.value.msg


@pytest.mark.parametrize(
    ("command", "conf", "code"),
    [
        v("03", "ADD", b'{"name": ', 6),
        v("73", "ADD", {**BASE, "cniVersion": "9.0.0"}, 1),
        v("74", "CHECK", {**BASE, "cniVersion": "0.3.1"}, 1),
        v("78-missing", "ADD", {**BASE, "name": ""}, 7),
        v("78-characters", "ADD", {**BASE, "name": "a b"}, 7),
        v("02", "ADD", {**BASE, "deviceID": "0000:af:06.3"}, 100),
        pytest.param("ADD", b"", 6, id="empty"),
        pytest.param("ADD", b"[]", 6, id="list"),
        pytest.param("ADD", b"\xff\xfe", 6, id="not-utf8"),
        pytest.param("ADD", b"[" * 200000, 6, id="deep"),
        pytest.param("ADD", b'{"vlan": NaN}', 6, id="nan"),
        pytest.param("ADD", b'{"a": "' + b"x" * (1 << 20) + b'"}', 6, id="huge"),
        pytest.param("ADD", {**BASE, "cniVersion": 1}, 1, id="version-number"),
        pytest.param("ADD", {**BASE, "deviceID": "0000:01:00.0"}, 100, id="pf-instead-of-vf"),
    ],
)
def test_error_answers(world, command, conf, code):
    """One JSON document with code and msg, exit code 1, and nothing changed."""
    before = world.snapshot()
    exit_code, text = world.raw_call(command, conf)
    answer = json.loads(text)
    assert (exit_code, answer["code"]) == (1, code)
    assert answer["msg"]
    assert answer["cniVersion"] in SUPPORTED
    assert world.snapshot() == before
    if code == 1 and conf.get("cniVersion") == "9.0.0":
        assert "9.0.0" in answer["msg"]
        assert "0.3.1" in answer["details"]


@vectors("cni", 77)
def test_unexpected_errors_have_code_999(world, monkeypatch):
    def broken(self, address):
        raise RuntimeError("boom")

    monkeypatch.setattr(WorldHost, "net_names", broken)
    with pytest.raises(Refusal, match="unexpected RuntimeError: boom") as refused:
        world.call("ADD")
    assert refused.value.code == 999
    assert refused.value.answer["details"].startswith("at test_config.py:")


IPS = [
    {"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0},
    {"address": "fd00::2/64", "interface": 0},
]
RESULTS = {
    "1.1.0": {
        "interfaces": [{"name": "net1", "mtu": 1500, "sandbox": "S", "pciID": VF_VFIO}],
        "ips": IPS,
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1", "mtu": 1400}],
        "dns": {"domain": "d"},
    },
    "1.0.0": {
        "interfaces": [{"name": "net1", "mtu": 1500, "sandbox": "S"}],
        "ips": IPS,
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}],
        "dns": {"domain": "d"},
    },
    "0.3.1": {
        "interfaces": [{"name": "net1", "sandbox": "S"}],
        "ips": [
            {"version": "4", "address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0},
            {"version": "6", "address": "fd00::2/64", "interface": 0},
        ],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}],
        "dns": {"domain": "d"},
    },
    "0.2.0": {
        "ip4": {
            "ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}],
        },
        "ip6": {"ip": "fd00::2/64"},
        "dns": {"domain": "d"},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "version", [*RESULTS, "0.3.0", "0.4.0", "0.1.0", pytest.param("", id="cni-vector-72")]
)
def test_result_in_each_version(world, version):
    result = {
        "ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1"}, {"address": "fd00::2/64"}],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1", "mtu": 1400}], "dns": {"domain": "d"},
    }  # fmt: skip
    conf = {**BASE, "cniVersion": version, "deviceID": VF_VFIO, "ipam": world.ipam(result=result)}
    answer = world.call("ADD", conf)
    same = {"0.3.0": "0.3.1", "0.4.0": "0.3.1", "0.1.0": "0.2.0", "": "0.2.0"}
    text = json.dumps(RESULTS[same.get(version, version)]).replace('"S"', f'"/run/netns/{world.pod_ns}"')
    assert answer == {"cniVersion": version or "0.1.0", **json.loads(text)}
    world.call("DEL", conf)


@vectors("cni", 82)
def test_old_version_without_ipam(world):
    """Upstream fails after it has set everything up; ours answers without an address."""
    answer = world.call("ADD", {**BASE, "cniVersion": "0.2.0", "deviceID": VF_VFIO})
    assert answer == {"cniVersion": "0.2.0", "dns": {}}


def test_json_is_the_standard_librarys():
    samples = [
        '{"a": [1, -2, 3.5e3, true, false, null, "\\u00e9\\n\\ud83d\\ude00"], "": {}}',
        " [ ] \n",
        '"x"',
        "12",
    ]
    for text in samples:
        value = json_text.loads(text.encode())
        assert value == json.loads(text)
    for value in ({"k": ['\x00"\\\u2028', 5, True, None, {"z": {}}]}, [], "é"):
        assert json.loads(json_text.dumps(value)) == value
    for bad in (b"{", b"1 2", b"", b"nul", b"{'a': 1}", b"[1,]", b"\xff", b"Infinity"):
        with pytest.raises(ValueError):
            json_text.loads(bad)
    with pytest.raises(TypeError):
        json_text.dumps(1.5)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`check-config` and values that ADD takes and nobody means; and what the result of ADD tells of the MTU.

# source: sriov-cni, pkg/config: any text but "on" is off, an unknown logLevel is info; libcni, types.NetConf:
# capabilities are booleans; containernetworking/cni, pkg/types/100, Interface: mtu, also at 1.0.0.
"""

from __future__ import annotations

import json

import pytest

from sriov_cni import cli
from support.cni_world import Broken, Refusal

GOOD = {"cniVersion": "1.0.0", "name": "net", "type": "sriov"}
# Keys, and the beginning of the one mistake.
MISTAKES = {
    "spoofchk-true": ({"spoofchk": "true"}, "spoofchk: expected on or off, found 'true', which switches it off"),
    "spoofchk-On": ({"spoofchk": "On"}, "spoofchk: expected on or off, found 'On'"),
    "trust-yes": ({"trust": "yes"}, "trust: expected on or off, found 'yes'"),
    "trust-bool": ({"trust": True}, "trust: expected a string, found true"),
    "log-level": ({"logLevel": "debgu"}, "logLevel: expected panic, error, warning, info, debug, found 'debgu'"),
    "vlan-text": ({"vlan": "5"}, "vlan: expected a number from 0 to 4094, found '5'"),
    "mtu-bool": ({"mtu": True}, "mtu: expected a number"),
    "capabilities-list": ({"capabilities": ["mac"]}, "capabilities: expected an object of true and false"),
    "capabilities-yes": ({"capabilities": {"mac": "yes"}}, "capabilities: expected an object of true and false"),
    "ipam-text": ({"ipam": "host-local"}, "ipam: expected an object"),
    "ipam-type-list": ({"ipam": {"type": ["x"]}}, "ipam.type: expected the name of an IPAM plugin"),
    "name-with-a-blank": ({"name": "my net"}, "name: expected a letter or digit"),
    "name-as-number": ({"name": 5}, "name: expected a letter or digit"),
    "runtime-config": ({"runtimeConfig": []}, "runtimeConfig: expected an object"),
    "dns": ({"dns": {"nameservers": "x"}}, "dns.nameservers: expected a list of strings"),
    "device": ({"deviceID": "eth0"}, "deviceID: expected a PCI address"),
    "key-of-the-inventory": ({"spoof_chk": "on"}, "spoof_chk: expected spoofchk, found a key that is left alone"),
    "key-of-the-operator": ({"linkState": "enable"}, "linkState: expected link_state, found a key that is left alone"),
    "key-with-a-dash": ({"max-tx-rate": 5}, "max-tx-rate: expected max_tx_rate, found a key that is left alone"),
}
GOOD_ONES = {
    "plain": {}, "on": {"spoofchk": "on", "trust": "off"}, "empty": {"spoofchk": "", "trust": "", "logLevel": ""},
    "null": {"spoofchk": None}, "capabilities": {"capabilities": {"mac": True, "other": False}},
    "device": {"deviceID": "0000:3B:02.1"}, "no-ipam": {"ipam": {}}, "upper-case": {"SPOOFCHK": "on"},
    "others": {"args": {}, "isGateway": True, "rdma": True},
}  # fmt: skip


def judged(tmp_path, keys) -> tuple[int, list[str]]:
    file = tmp_path / "conf"
    file.write_text(json.dumps({**GOOD, **keys}))
    status, text = cli.run(["check-config", str(file)])
    return status, [line.removeprefix(f"{file}: ") for line in text.splitlines()]


@pytest.mark.parametrize("name", [pytest.param(name, id=f"finding-cni-03c-{name}") for name in MISTAKES])
def test_mistakes(tmp_path, name):
    keys, words = MISTAKES[name]
    status, lines = judged(tmp_path, keys)
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith(words)


@pytest.mark.parametrize("name", [pytest.param(name, id=f"finding-cni-03c-good-{name}") for name in GOOD_ONES])
def test_good_ones(tmp_path, name):
    assert judged(tmp_path, GOOD_ONES[name]) == (0, ["good"])


@pytest.mark.parametrize("case", ["finding-cni-03c-all-at-once"])
def test_all_are_told(tmp_path, case):
    status, lines = judged(tmp_path, {"spoofchk": "true", "vlan": 5000, "trust": "1", "ipam": {"type": "nowhere"}})
    assert (status, [line.split(":")[0] for line in lines]) == (1, ["vlan", "spoofchk", "trust", "ipam.type"])


@pytest.mark.parametrize("way", [pytest.param(way, id=f"finding-cni-03c-ipam-{way}") for way in ("none", "no-program")])
def test_an_ipam_plugin_that_is_not_there(tmp_path, monkeypatch, way):
    monkeypatch.setenv("CNI_PATH", f"{tmp_path}/a:{tmp_path}")
    status, lines = judged(tmp_path, {"ipam": {"type": "mine"}})
    assert (status, "expected an IPAM plugin in CNI_PATH" in lines[0], "'mine'" in lines[0]) == (1, True, True)
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    if way == "no-program":
        assert "cannot be executed" in judged(tmp_path, {"ipam": {"type": "mine"}})[1][0]
    (tmp_path / "mine").chmod(0o755)
    assert judged(tmp_path, {"ipam": {"type": "mine"}}) == (0, ["good"])


LISTS = {
    "two": ([GOOD, GOOD], "plugins: expected one of type sriov, found 2"),
    "none": ([{"type": "tuning"}], "plugins: expected one of type sriov, found none"),
    "missing": ([GOOD, {"type": "nowhere"}], "plugins: expected a plugin in CNI_PATH ("),
    "no-type": ([GOOD, {}], "plugins: expected a plugin in CNI_PATH ("),
    "good": ([{**GOOD, "vlan": 5}, {"type": "mine"}], "good"),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"finding-cni-03c-list-{name}") for name in LISTS])
def test_a_list_of_plugins(tmp_path, monkeypatch, name):
    plugins, words = LISTS[name]
    monkeypatch.setenv("CNI_PATH", str(tmp_path))
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    (tmp_path / "mine").chmod(0o755)
    status, lines = judged(tmp_path, {"plugins": plugins})
    assert (status, len(lines)) == (0 if name == "good" else 1, 1)
    assert lines[0].startswith(words)


@pytest.mark.parametrize("case", ["finding-cni-03c-add-warns"])
def test_add_tells_of_it(world, case, capfd):
    world.call("ADD", {**world.conf, "spoofchk": "true"})
    assert "spoofchk: expected on or off, found 'true', which switches it off" in capfd.readouterr().err
    assert world.pf["vfs"][0]["spoofchk"] == 0
    world.call("DEL")


@pytest.mark.parametrize(
    ("version", "has_mtu"),
    [
        pytest.param(version, version >= "1", id=f"finding-cni-03d-{version}")
        for version in ("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
    ],
)
def test_the_results_mtu(world, version, has_mtu):
    answer = world.call("ADD", {**world.conf, "cniVersion": version, "mtu": 1400})
    assert answer["interfaces"][0].get("mtu") == (1400 if has_mtu else None)
    assert ("pciID" in answer["interfaces"][0]) == (version == "1.1.0")
    world.call("DEL")


@pytest.mark.parametrize("kind", ["finding-cni-03a"])
def test_a_pod_whose_ipam_plugin_is_broken_goes(world, kind):
    """ADD fails for it, and so does the plugin's DEL: the pod goes, and nothing is left."""
    broken, before = Broken(world.root / "bin"), world.snapshot()
    broken.fails(ADD="its error", DEL="its error")
    conf = {**world.conf, "ipam": {"type": "broken"}}
    with pytest.raises(Refusal):
        world.call("ADD", conf)
    assert world.raw_call("DEL", conf) == (0, "")
    assert world.snapshot() == before


@pytest.mark.parametrize("kind", ["finding-cni-03b"])
def test_the_ipam_plugins_details_are_told_once(world, kind):
    broken = Broken(world.root / "bin")
    broken.fails(ADD="another version", DEL="another version")
    with pytest.raises(Refusal) as refused:
        world.call("ADD", {**world.conf, "ipam": {"type": "broken"}})
    text = json.dumps(refused.value.answer)
    assert text.count("incompatible CNI versions") == 1
    assert text.count("config is 1.1.0, plugin supports 1.0.0") == 1

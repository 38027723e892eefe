# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal file that cannot be used: it stands in nobody else's way, and not for ever in its own VF's.

# source: CNI specification 1.1.0, section 2, DEL (to complete without error as far as possible); a full disk, an
# editor, a newer version that was taken back, and hands other than ours.
"""

from __future__ import annotations

import json
import os

import pytest

from sriov_cni import cli
from sriov_cni.vf.journal import Attachment
from support.cni_world import VF, VF_VFIO, Refusal, WorldHost

OTHER = {"CNI_CONTAINERID": "c2"}


def of(**changes) -> str:
    """A good file's content with changes; None takes a key away."""
    original = {"mac": "02:00:00:00:00:10", "vlan": 0, "qos": 0, "proto": 0x8100, "spoofchk": 1, "trust": 0,
                "link_state": 0, "min_rate": 0, "max_rate": 0}  # fmt: skip
    good = {
        "format": 1, "container": "c1", "ifname": "net1", "network": "net", "address": VF, "pf": "0000:01:00.0",
        "driver": "igbvf", "kernel": True, "netns": "/run/netns/x", "netns_id": "4:1", "boot": "b",
        "host_name": "enp1s0v0", "altnames": [], "mac": "02:00:00:00:00:10", "mtu": 1500, "flags": 0, "asked": [],
        "trunk": [], "original": original, "link": {"txqlen": "e8030000", "rings": [1, 2]}, **changes,
    }  # fmt: skip
    return json.dumps({key: value for key, value in good.items() if value is not None})


BAD = {
    "empty": "", "half": of()[:200], "list": "[]", "null": "null", "binary": "\x7f\x00\x01",
    "huge": " " * 200000 + of(),
    "newer": of(format=2), "no-format": of(format=None), "other-vf": of(address=VF_VFIO),
    "other-container": of(container="c9"), "path-as-vf": of(address="../../etc"), "path-as-pf": of(pf="/etc/passwd"),
    "path-as-name": of(host_name="../x"), "path-as-driver": of(driver="a/b"), "long-name": of(host_name="x" * 16),
    "no-mac": of(mac="02:zz:00:00:00:10"), "mtu-below-zero": of(mtu=-1), "flags-too-great": of(flags=1 << 40),
    "mtu-true": of(mtu=True), "link-of-numbers": of(link=[1]), "link-no-hex": of(link={"txqlen": "zz"}),
    "link-negative": of(link={"rings": [-1]}), "link-deep": of(link={"rings": [[1]]}), "netns-id": of(netns_id="x"),
    "altname-too-long": of(altnames=["x" * 200]), "unknown-setting": of(asked=["colour"]),
    "original-too-great": of(original={**json.loads(of())["original"], "vlan": 1 << 50}),
}  # fmt: skip


def cases(table):
    return [pytest.param(name, id=f"finding-cni-07-{name}") for name in table]


def test_a_good_one_is_good():
    assert Attachment.from_dict(json.loads(of())).mtu == 1500


@pytest.mark.parametrize("name", cases(BAD))
def test_it_stands_in_nobody_elses_way(world, name, capfd):
    world.call("ADD", {**world.conf, "deviceID": VF_VFIO, "vlan": 9}, CNI_CONTAINERID="c2")
    file = world.root / "state" / "journal" / f"{VF}@c1@net1"
    file.write_text(BAD[name])
    status, text = cli._attachments(WorldHost(world))
    entries = {entry["vf"]: entry for entry in json.loads(text)}
    assert (status, entries[VF_VFIO]["in_use"], entries[VF_VFIO].get("error")) == (0, True, None)
    assert (entries[VF]["container"], entries[VF]["interface"], entries[VF]["in_use"]) == ("c1", "net1", True)
    assert f"{file} cannot be used" in entries[VF]["error"]
    assert world.raw_call("DEL", world.conf) == (0, "")  # the pod goes
    cause = json.loads((world.root / "state" / "withheld" / VF).read_text())["cause"]
    assert "cannot be used" in cause
    with pytest.raises(Refusal, match="cannot be used") as refused:
        world.call("ADD", CNI_CONTAINERID="c3")
    assert refused.value.code == 103
    world.call("DEL", {**world.conf, "deviceID": VF_VFIO}, CNI_CONTAINERID="c2")
    assert world.pf["vfs"][1]["vlan"] == 0
    status, text = cli._release(WorldHost(world))
    assert (status, f"VF {VF} of container c1 interface net1 is not back" in text) == (1, True)


def a_folder(file) -> None:
    file.mkdir()


def a_fifo(file) -> None:
    os.mkfifo(file)


def a_link_to_a_good_one(file) -> None:
    file.symlink_to(file.with_name(f"{VF_VFIO}@c2@net1"))


@pytest.mark.parametrize("make", [pytest.param(make, id=f"finding-cni-07-{make.__name__}") for make in (
    a_folder, a_fifo, a_link_to_a_good_one)])  # fmt: skip
def test_what_is_no_file(world, make):
    world.call("ADD", {**world.conf, "deviceID": VF_VFIO, "vlan": 9}, CNI_CONTAINERID="c2")
    make(world.root / "state" / "journal" / f"{VF}@c1@net1")
    entries = {entry["vf"]: entry for entry in json.loads(cli._attachments(WorldHost(world))[1])}
    assert ("cannot be used" in entries[VF]["error"], entries[VF_VFIO].get("error")) == (True, None)
    assert world.raw_call("DEL", world.conf) == (0, "")
    assert cli._set_aside(VF, WorldHost(world))[0] == 0
    world.call("ADD")
    world.call("DEL")
    world.call("DEL", {**world.conf, "deviceID": VF_VFIO}, CNI_CONTAINERID="c2")


@pytest.mark.parametrize("stray", [pytest.param(name, id=f"finding-cni-07-named-{name}") for name in (
    "notes", "..", f"{VF}.bak", VF.upper() + "x")])  # fmt: skip
def test_a_name_that_is_no_vfs(world, stray):
    """As of a copy that somebody made: it stands in no VF's way, is told, and can be moved away."""
    world.call("ADD")
    journal = world.root / "state" / "journal"
    (journal / f"{stray}@c9@net1").write_text((journal / f"{VF}@c1@net1").read_text())
    entries = {entry["vf"]: entry for entry in json.loads(cli._attachments(WorldHost(world))[1])}
    assert ("cannot be used" in entries[stray]["error"], entries[stray]["in_use"], entries[VF]["in_use"]) == (
        True, False, True)  # fmt: skip
    assert world.raw_call("DEL", world.conf, CNI_CONTAINERID="c9") == (0, "")
    assert not (world.root / "state" / "withheld").exists()
    world.call("DEL")
    world.call("ADD")
    world.call("DEL")
    assert cli._set_aside(stray, WorldHost(world))[0] == 0
    assert (os.listdir(journal), cli._release(WorldHost(world))) == ([], (0, ""))


@pytest.mark.parametrize("name", cases(["half", "newer"]))
def test_it_is_set_aside_after_a_reboot(world, name):
    world.call("ADD")
    world.call("DEL")
    file = world.root / "state" / "journal" / f"{VF}@c1@net1"
    file.write_text(BAD[name])
    os.utime(file, (1, 1))
    world.call("ADD", **OTHER)
    assert (world.root / "state" / "set-aside" / file.name).read_text() == BAD[name]
    assert world.snapshot()["journal"] == [f"{VF}@c2@net1"]
    world.call("DEL", **OTHER)


@pytest.mark.parametrize("name", cases(["half", "newer"]))
def test_it_is_set_aside_on_request(world, name):
    world.call("ADD")
    world.call("DEL")
    file = world.root / "state" / "journal" / f"adding-{VF}@c1@net1"
    file.write_text(BAD[name])
    with pytest.raises(Refusal):
        world.call("ADD", **OTHER)
    assert os.listdir(world.root / "state" / "withheld") == [VF]
    aside = f"{WorldHost(world).state}/set-aside/{file.name}"
    assert cli._set_aside(VF, WorldHost(world)) == (0, f"VF {VF}: {aside}\n")
    assert os.listdir(world.root / "state" / "withheld") == []
    world.call("ADD", **OTHER)
    status, text = cli._set_aside(VF, WorldHost(world))  # a good one stays
    assert (status, "found none" in text) == (1, True)
    world.call("DEL", **OTHER)
    assert cli._set_aside("../x", WorldHost(world))[0] == 1


@pytest.mark.parametrize("count", [pytest.param(70, id="finding-cni-07-bounded")])
def test_what_is_set_aside_does_not_grow(world, count):
    world.call("ADD")
    for number in range(count):
        file = world.root / "state" / "journal" / f"{VF_VFIO}@c{number}@net1"
        file.write_text("half")
        os.utime(file, (number + 1, number + 1))
    assert cli._attachments(WorldHost(world))[0] == 0
    left = os.listdir(world.root / "state" / "set-aside")
    assert 60 <= len(left) <= 65
    assert f"{VF_VFIO}@c{count - 1}@net1" in left

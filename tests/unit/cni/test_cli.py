# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`--version` and `check-config`, through the launcher; `attachments` and `release` in a world of their own."""

from __future__ import annotations

import json
import subprocess

import pytest

from sriov_cni import cli
from support.cni_world import VF, VF_VFIO, WorldHost, run

GOOD = {"cniVersion": "1.1.0", "name": "net", "type": "sriov", "vlan": 5, "ipam": {"type": "host-local"}}
BAD = {**GOOD, "vlan": 5000, "spoofchk": 1, "cniVersion": "9", "name": ""}


def call(program, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def test_version(program):
    status, out, err = call(program, "--version")
    assert (status, err) == (0, "")
    assert "CNI 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0" in out


@pytest.mark.parametrize("arguments", [["--help"], ["check-config"], ["check-config", "a", "b"]])
def test_wrong_use(program, arguments):
    status, out, err = call(program, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("usage: sriov --version")


@pytest.mark.parametrize("conf", [GOOD, {"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "tuning"}, GOOD]}])
def test_good(program, tmp_path, conf):
    file = tmp_path / "conf"
    file.write_text(json.dumps(conf))
    assert call(program, "check-config", str(file)) == (0, f"{file}: good\n", "")
    assert call(program, "check-config", "-", stdin=json.dumps(conf)) == (0, "-: good\n", "")


def test_every_mistake_is_listed(program):
    status, out, err = call(program, "check-config", "-", stdin=json.dumps(BAD))
    assert (status, out) == (1, "")
    assert [line.split(":")[1].strip() for line in err.splitlines()] == ["cniVersion", "name", "vlan", "spoofchk"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "-: "),
        ("[]", "expected a JSON object"),
        ('{"plugins": {}}', "expected a list of objects"),
        ('{"plugins": [{"type": "bridge"}]}', "expected one of type sriov, found none"),
        ("{}", "type: expected sriov"),
        pytest.param(" " * (1 << 20) + "{}", "found more", id="too much"),
    ],
)
def test_what_is_no_configuration(program, text, words):
    status, out, err = call(program, "check-config", "-", stdin=text)
    assert (status, out) == (1, "")
    assert words in err


def test_no_file(program):
    assert call(program, "check-config", "/nowhere")[::2] == (1, "/nowhere: No such file or directory\n")


def test_attachments_and_release(world):
    """Who has a VF keeps it; what was left behind comes back."""
    assert cli._attachments(WorldHost(world)) == (0, "[]\n")
    before = world.snapshot()
    world.call("ADD")
    vfio = {**world.conf, "deviceID": VF_VFIO, "vlan": 9}
    gone = world.add_netns(world.pod_ns + "x")
    world.call("ADD", vfio, CNI_CONTAINERID="c2", CNI_NETNS=gone)
    run("ip", "netns", "del", world.pod_ns + "x")
    status, out = cli._attachments(WorldHost(world))
    found = {entry["vf"]: entry for entry in json.loads(out)}
    assert (status, found[VF]["in_use"], found[VF_VFIO]["in_use"]) == (0, True, False)
    assert (found[VF]["container"], found[VF]["interface"], found[VF]["network"]) == ("c1", "net1", "net")
    assert {entry["made_by"] for entry in found.values()} == {"baremetal.sriov"}
    assert cli._release(WorldHost(world)) == (0, f"VF {VF_VFIO} of container c2 interface net1 is back\n")
    assert world.pod_link()["ifname"] == "net1"
    assert cli._release(WorldHost(world)) == (0, "")
    world.call("DEL")
    assert world.snapshot() == before


def test_release_tells_what_does_not_come_back(world):
    world.call("ADD")
    run("ip", "netns", "del", world.pod_ns)  # and the veth with it
    status, text = cli._release(WorldHost(world))
    assert status == 1
    assert text.startswith(f"VF {VF} of container c1 interface net1 is not back: ")
    assert "is not on the host" in text

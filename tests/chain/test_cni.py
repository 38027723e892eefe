# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin on the node's own VFs: called by containerd, and in the moments that are hard for it.

After each test the VF must be as it was, under its own name, and no journal and no lease be left.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import chain
import pytest
from plugin import JOURNAL, Attached, at_pf, files, leases
from pod import Pod

from sriovlab.guest import Lab

MAC = "02:00:00:00:cc:01"
SUBNET = "198.51.100.0/24"
BINARIES = "/opt/cni/bin"
KILLS = 5  # of ADD and of DEL each
SOAK = Path(__file__).resolve().parents[1] / "soak"
CONFLIST = "/etc/cni/net.d/00-chain.conflist"


@pytest.fixture
def attached(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Attached]:
    """A kernel VF (or, by parameter, a VF of another PF); it must be as it was at the end."""
    wanted = Attached(lab, getattr(request, "param", "enp1s0"), 1)
    before = wanted.view()
    lab.run(["ip", "netns", "add", wanted.netns])
    yield wanted
    lab.run(["ip", "netns", "del", wanted.netns], check=False)
    lab.wait_for("the VF as it was", lambda: wanted.view() == before, 30.0)
    # A DEL in whose middle somebody renames the VF may leave the rest to the service.
    lab.wait_for("the journal to be empty", lambda: files(lab, JOURNAL) == [], 60.0)
    assert leases(lab, "chain") == []


IPAM = {"type": "host-local", "subnet": SUBNET}


def test_network_namespace_that_went_first(lab: Lab, attached: Attached) -> None:
    """The kernel gives the VF back to the host by itself, under the name that it had in the pod."""
    attached.config = {"vlan": 100, "mac": MAC, "spoofchk": "off", "ipam": IPAM}
    attached.call("ADD")
    assert chain.vfs(lab, "enp1s0")[1]["net"] == ""
    lab.run(["ip", "netns", "del", attached.netns])
    lab.wait_for("the VF in the host", lambda: chain.vfs(lab, "enp1s0")[1]["net"] != "")
    attached.call("DEL")
    attached.call("DEL")  # a runtime may call it any number of times


def test_pf_renamed_between_add_and_del(lab: Lab, attached: Attached) -> None:
    attached.config = {"vlan": 100, "mac": MAC, "ipam": IPAM}
    attached.call("ADD")
    lab.run(["ip", "link", "set", "enp1s0", "down"])
    lab.run(["ip", "link", "set", "enp1s0", "name", "renamed0"])
    try:
        attached.call("DEL")
    finally:
        # udev keeps the name that it would have given as an alternative one.
        lab.run(["ip", "link", "property", "del", "dev", "renamed0", "altname", "enp1s0"], check=False)
        lab.run(["ip", "link", "set", "renamed0", "name", "enp1s0"])
        lab.run(["ip", "link", "set", "enp1s0", "up"])


@pytest.mark.parametrize("attached", ["enp2s0"], indirect=True)
def test_vfio_vf_gets_its_settings_at_the_pf(lab: Lab, attached: Attached) -> None:
    attached.config = {"vlan": 100, "mac": MAC, "trust": "on"}
    result = attached.call("ADD")
    assert [item["name"] for item in result["interfaces"] if item.get("sandbox")] == ["net1"]
    held = at_pf(lab, "enp2s0", 1)
    assert held["address"] == MAC
    assert held["vlan_list"][0]["vlan"] == 100
    assert held["trust"] is True
    attached.config["prevResult"] = result
    attached.call("CHECK")
    attached.call("DEL")


def test_missing_plugins_come_from_an_archive(lab: Lab, tmp_path: Path) -> None:
    """One that the node lacks; the others, which the node has, are left alone. The second run changes nothing."""
    content, archive = b"#!/bin/sh\nexit 1\n", tmp_path / "cni-plugins.tgz"
    names = ("loopback", "host-local", "static", "host-device")
    with tarfile.open(archive, "w:gz") as made:
        for name in names:
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    paths = [f"{BINARIES}/{name}" for name in names]
    before = lab.snapshot_files(paths)
    lab.run(["mv", f"{BINARIES}/static", "/run/chain-static"])
    try:
        for changed in (1, 0):
            run = chain.playbook("site", {"sriov_cni_plugins_source": str(archive)}, "--tags", "validate,cni")
            assert (run.status, run.recap["node1"]["changed"]) == (0, changed), run.output
        after = lab.snapshot_files(paths)
        static = f"{BINARIES}/static"
        assert lab.read(static).encode() == content
        assert {path for path in paths if before[path] != after[path]} == {static}
    finally:
        lab.run(["mv", "-f", "/run/chain-static", f"{BINARIES}/static"])


def test_del_in_parallel(lab: Lab, attached: Attached) -> None:
    """As a kubelet does that loses patience: several at once for one attachment."""
    attached.config = {"vlan": 100, "mac": MAC, "trust": "on", "ipam": IPAM}
    attached.call("ADD")
    chain.at_once(lab, [attached.command("DEL")] * 5)


RENAME_TRIES = 10
# Renames the VF whenever it is on the host, for as long as the plugin runs; tells how often. SIOCSIFNAME is faster than
# `ip`: a DEL has the VF on the host for a few moments only.
RENAMER = """\
import fcntl, os, socket, struct, subprocess, sys
device, own, *argv = sys.argv[1:]
folder = f"/sys/bus/pci/devices/{device}/net"
control = socket.socket()
def flip(wanted):
    done = 0
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        try:
            fcntl.ioctl(control, 0x8923, struct.pack("16s16s8x", name.encode(), wanted.encode()))
            done += 1
        except OSError:
            pass  # it went, or the other name is its own already
    return done
count = 0
plugin = subprocess.Popen(argv)
while plugin.poll() is None:
    count += flip("chainother") + flip(own)
print(f"renamed {count}")
sys.exit(plugin.returncode)
"""


def renamed_during(lab: Lab, attached: Attached, moment: str) -> int:
    """How often the VF was renamed during the ADD, or the DEL, of one attachment. It has its name again then."""
    own, count = chain.vfs(lab, attached.pf)[attached.index]["net"], 0
    for command in ("ADD", "DEL"):
        argv, config = attached.command(command)
        if command == moment:
            lab.run(["udevadm", "trigger", "--action=add", "--subsystem-match=net"])
            argv = ["python3", "-I", "-c", RENAMER, attached.device, own, *argv]
        told = lab.run(argv, input=config).stdout
        if command == moment:
            count = int(told.rpartition("renamed")[2])
    lab.run(["udevadm", "settle"])
    back = chain.vfs(lab, attached.pf)[attached.index]["net"]
    assert back in (own, "chainother")  # by the name that it had when the plugin, or the renamer, saw it last
    if back != own:
        # udev may have made it an alternative name of the interface while that was called otherwise
        lab.run(["ip", "link", "property", "del", "dev", back, "altname", own], check=False)
        lab.run(["ip", "link", "set", "dev", back, "name", own])
    return count


@pytest.mark.parametrize("moment", ["ADD", "DEL"])
def test_vf_renamed_while_the_plugin_runs(lab: Lab, attached: Attached, moment: str) -> None:
    """As udev does it with an interface that has just come; udev itself is asked to look at all of them again.

    A DEL may have the VF on the host for less time than the renamer is kept waiting for a CPU, so it has several tries.
    """
    attached.config = {"vlan": 100, "mac": MAC, "ipam": IPAM}
    assert any(renamed_during(lab, attached, moment) for _try in range(RENAME_TRIES))


def test_killed_at_system_calls_that_write(lab: Lab, attached: Attached) -> None:
    """A sample of all moments at which something has just been changed, or is about to be."""
    folder = "/run/chain-cni"
    lab.run(["mkdir", "-p", folder])
    for name in ("cni_calls.py", "cni_cycles.py"):
        lab.put((SOAK / name).read_bytes(), f"{folder}/{name}")
    config = {"cniVersion": "1.0.0", "name": "chain", "type": "sriov", "deviceID": attached.device, "vlan": 100,
              "mac": MAC, "ipam": IPAM}  # fmt: skip
    argv = ["python3", "-I", f"{folder}/cni_calls.py", attached.netns, str(KILLS)]
    found = json.loads(lab.run(argv, input=json.dumps(config), timeout=300.0).stdout)
    assert {command: sum(found[command]["killed"]) for command in found} == {"ADD": KILLS, "DEL": KILLS}


@pytest.fixture
def conflist(lab: Lab) -> Iterator[str]:
    """A network of containerd's own with one VF for the next pod; the VF's address."""
    device = chain.vfs(lab, "enp1s0")[2]["address"]
    plugin = {"type": "sriov", "deviceID": device, "vlan": 100, "ipam": IPAM}
    content = {"cniVersion": "0.4.0", "name": "chain", "plugins": [plugin]}
    lab.put(json.dumps(content).encode(), CONFLIST)
    # containerd reads the folder again when it changes, without saying so.
    time.sleep(2 * lab.time_scale)
    yield device
    lab.run(["rm", "-f", CONFLIST])
    time.sleep(2 * lab.time_scale)


def test_containerd_calls_the_plugin_for_a_pod(lab: Lab, conflist: str) -> None:
    subject = Attached(lab, "enp1s0", 2)
    before = subject.view()
    pod = Pod(lab, "by-containerd", {})
    try:
        pod.create()
        assert "inet 198.51.100." in pod.execute(["ip", "address", "show", "dev", "eth0"])
        assert subject.view()["vf"]["net"] == ""
        assert at_pf(lab, "enp1s0", 2)["vlan_list"][0]["vlan"] == 100
        assert len(files(lab, JOURNAL)) == 1
    finally:
        pod.delete()
    lab.wait_for("the VF as it was", lambda: subject.view() == before, 60.0)
    assert files(lab, JOURNAL) == []

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What STATUS and CHECK say of a node and a pod as others left them, IPAM plugins older than GC, and traces.

# source: CNI specification 1.1.0, section 2 (STATUS: whether an ADD could be served; CHECK: prevResult has what plugins
# behind changed; GC: go on after an error); containernetworking/cni, skel before 1.2: "unknown CNI_COMMAND: GC", code
# 4; W3C Trace Context, level 1: traceparent, tracestate.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest

from sriov_cni.host.ethtool import name_of
from sriov_cni.netlink import messages
from sriov_cni.pod import interface
from support.cni_code import put
from support.cni_world import PF, VF, VF_NAME, VF_VFIO, Refusal, WorldHost, run
from support.processes import eventually

KEY = "cni.dev/valid-attachments"
NOBODY = {"CNI_CONTAINERID": "", "CNI_IFNAME": "", "CNI_NETNS": ""}
TRACES = {
    "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "TRACESTATE": "a=b", "BAGGAGE": "k=v",
}  # fmt: skip


def finding(number: str, *names: str):
    return pytest.mark.parametrize("name", [pytest.param(name, id=f"finding-cni-{number}-{name}") for name in names])


OLD_ANSWERS = {
    "skel-4": '{"code": 4, "msg": "unknown CNI_COMMAND: %s"}',
    "skel-100": '{"code": 100, "msg": "unknown CNI_COMMAND: %s"}',
    "version": '{"code": 1, "msg": "incompatible CNI versions", "details": "config is 1.1.0"}',
}


@finding("17", *OLD_ANSWERS)
def test_gc_goes_on_where_an_ipam_plugin_does_not_know_it(world, name, capfd):
    answer = OLD_ANSWERS[name].replace("%s", "GC")
    before = world.snapshot()
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24", fail=["GC"], error=answer)}
    world.call("ADD", {**conf, "vlan": 5})
    assert world.raw_call("GC", {**conf, KEY: []}, **NOBODY) == (0, "")
    assert world.snapshot()["vf"] == before["vf"]
    assert "it is older than GC" in capfd.readouterr().err


@finding("17", "another-error")
def test_gc_tells_another_error(world, name):
    conf = {**world.conf, "ipam": world.ipam("10.9.0.5/24", fail=["GC"], error='{"code": 11, "msg": "later"}')}
    with pytest.raises(Refusal, match="later"):
        world.call("GC", {**conf, KEY: []}, **NOBODY)


@finding("18", "refused", "killed")
def test_a_failed_add_keeps_its_record_until_the_address_is_released(world, name):
    """So that a retry of the ADD, or a DEL, finds it."""
    before = world.snapshot()
    conf = {**world.conf, "vlan": 5, "ipam": world.ipam("10.9.0.5/24", result={"routes": [{"dst": "10.0.0.0/8",
            "gw": "192.0.2.99"}]})}  # fmt: skip
    if name == "killed":
        conf["ipam"]["sleep"] = 1
        pid = world.start("ADD", conf)
        eventually(lambda: "DEL" in world.ipam_calls)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert world.snapshot()["journal"] == [f"adding-{VF}@c1@net1"]
    else:
        conf["ipam"].update(fail=["DEL"], error='{"code": 11, "msg": "later"}')
        with pytest.raises(Refusal):
            world.call("ADD", conf)
        assert os.listdir(world.root / "state" / "releases") == ["c1@net1"]
    good = {**world.conf, "ipam": world.ipam("10.9.0.5/24")}
    time.sleep(1.1 if name == "killed" else 0)
    world.call("ADD", good)
    world.call("DEL", good)
    assert world.snapshot() == before


def use(world) -> dict:
    run("ip", "addr", "add", "192.0.2.7/24", "dev", VF_NAME)
    return {}


def hide_pf(world) -> dict:
    (world.device(PF) / "net").rename(world.root / "away")
    return {"vlan": 5}


def hide_vf(world) -> dict:
    run("ip", "link", "set", VF_NAME, "netns", world.pod_ns)
    return {}


def withhold(world, *addresses: str) -> dict:
    folder = world.root / "state" / "withheld"
    folder.mkdir(parents=True)
    for address in addresses:
        content = {"format": 1, "time": "2026-01-02T03:04:05Z", "cause": "PF said no", "container": "c",
                   "interface": "i", "tries": 1}  # fmt: skip
        (folder / address).write_text(json.dumps(content))
    return {}


STATUS = {
    "vlan": (lambda world: {"vlan": 5000}, "vlan: expected a number from 0 to 4094"),
    "types": (lambda world: {"trust": True, "dns": 5}, "trust: expected a string"),
    "log-file": (lambda world: {"logFile": "/etc/passwd"}, "logFile: expected a regular file below"),
    "ipam-itself": (lambda world: {"ipam": {"type": "sriov"}}, "which is this plugin itself"),
    "withheld": (lambda world: withhold(world, VF), f"VF {VF} is withheld: 2026-01-02T03:04:05Z: PF said no"),
    "all-withheld": (
        lambda world: {"deviceID": "", **withhold(world, VF, VF_VFIO)}, "all VFs of this node are withheld",
    ),
    "in-use": (use, "the host uses its interface"),
    "pf-without-interface": (hide_pf, f"PF {PF} of VF {VF} has no interface on the host"),
    "interface-elsewhere": (hide_vf, f"VF {VF} (driver igbvf) has no network interface on the host"),
    "not-trusted": (lambda world: {"promisc": "on"}, f"VF {VF} is not trusted"),
    "mtu-of-vfio": (lambda world: {"deviceID": VF_VFIO, "mtu": 1400}, "driver vfio-pci, and so no interface to set it"),
    "no-trunks": (lambda world: {"vlan_trunk": "10"}, f"vlan_trunk: the driver ixgbe of PF {PF} has no list of VLANs"),
}  # fmt: skip


@finding("09", *STATUS)
def test_status_judges_what_would_make_an_add_fail(world, name):
    conf = world.conf
    assert world.raw_call("STATUS", conf) == (0, "")
    make, words = STATUS[name]
    with pytest.raises(Refusal, match=re.escape(words)) as refused:
        world.call("STATUS", {**conf, **make(world)})
    assert refused.value.code == 50


@finding("09", "damaged-journal")
def test_status_tells_of_a_journal_that_cannot_be_used(world, name):
    assert world.raw_call("STATUS", world.conf) == (0, "")
    (world.root / "state" / "journal" / f"{VF}@c1@net1").write_text("half")
    with pytest.raises(Refusal, match="cannot be used"):
        world.call("STATUS")


@finding("09", "older-ipam", "older-ipam-that-has-the-version")
def test_status_of_an_older_ipam_plugin(world, name):
    versions = '"0.4.0", "1.0.0"' + (', "1.1.0"' if name != "older-ipam" else "")
    put(world.bin / "older", f"""#!/bin/sh
case $CNI_COMMAND in
VERSION) echo '{{"cniVersion": "1.0.0", "supportedVersions": [{versions}]}}';;
*) echo "{{\\"code\\": 4, \\"msg\\": \\"unknown CNI_COMMAND: $CNI_COMMAND\\"}}"; exit 1;;
esac
""")
    conf = {**world.conf, "ipam": {"type": "older"}}
    if name == "older-ipam":
        words = r"expected one for cniVersion 1\.1\.0, found one for 0\.4\.0, 1\.0\.0"
        with pytest.raises(Refusal, match=words) as refused:
            world.call("STATUS", conf)
        assert refused.value.code == 50
    else:
        assert world.raw_call("STATUS", conf) == (0, "")


@finding("09", "mtu-of-tuning", "mac-of-tuning", "mac-in-capitals")
def test_check_allows_what_a_plugin_behind_changed(world, name):
    """And says so in the result; what the result does not say is a difference."""
    conf = {**world.conf, "mtu": 1400, "mac": "02:00:00:00:0a:e1", "trust": "on"}
    answer = world.call("ADD", conf)
    (ours,) = answer["interfaces"]
    changed = {"mtu-of-tuning": {"mtu": 1300}}.get(name, {"mac": "02:00:00:00:0b:0b"})
    key, value = next(iter(changed.items()))
    run("ip", "-n", world.pod_ns, "link", "set", "net1", {"mtu": "mtu", "mac": "address"}[key], str(value))
    with pytest.raises(Refusal) as refused:
        world.call("CHECK", {**conf, "prevResult": answer})
    assert refused.value.code == 102
    if key == "mac":  # as the driver of a trusted VF may tell it
        world.set_pf(vfs=[{**world.pf["vfs"][0], "mac": value}, world.pf["vfs"][1]])
        value = value.upper() if name == "mac-in-capitals" else value
    told = {**answer, "interfaces": [{**ours, key: value}]}
    assert world.raw_call("CHECK", {**conf, "prevResult": told}) == (0, "")
    world.call("DEL", conf)


class Virtio(messages.Interface):
    """Its parent is a device of another bus, and that one's the PCI function."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload)
        self.parent = "virtio7"


@finding("10", "renamed", "virtio")
def test_a_renamed_vf_is_found_where_netlink_tells_no_pci_address(world, name, monkeypatch):
    """Before Linux 5.14, and of virtio, ethtool alone tells it."""
    if name == "virtio":
        monkeypatch.setattr(interface, "Interface", Virtio)
    before = world.snapshot()
    world.call("ADD")
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "down")
    run("ip", "-n", world.pod_ns, "link", "set", "net1", "name", "other7")
    world.add_link("net1", world.pod_ns)  # another one has its name by now
    told = {"other7": VF, "net1": PF}
    monkeypatch.setattr(interface, "bus_info", lambda socket, index: told.get(name_of(socket, index), ""))
    world.call("DEL")
    assert world.snapshot() == before
    assert world.pod_link()["ifname"] == "net1"


@pytest.mark.parametrize("command", ["ADD", "DEL", "CHECK", "STATUS"])
def test_traces_are_logged_and_handed_on(world, command, capfd):
    seen = world.bin / "seen"
    put(world.bin / "tracing", f"""#!/bin/sh
cat > /dev/null
echo "$CNI_COMMAND $TRACEPARENT $TRACESTATE $BAGGAGE" >> {seen}
echo '{{"cniVersion": "1.0.0", "ips": [{{"address": "10.9.0.5/24"}}]}}'
""")
    conf = {**world.conf, "ipam": {"type": "tracing"}, "logLevel": "debug"}
    answer = world.call("ADD", conf, **TRACES)
    if command != "ADD":
        world.call(command, {**conf, "prevResult": answer} if command == "CHECK" else conf, **TRACES)
    assert f"{command} {' '.join(TRACES.values())}" in seen.read_text().splitlines()
    assert f"traceparent={TRACES['TRACEPARENT']}" in capfd.readouterr().err


def test_a_trace_that_is_none_ends_no_line(world, capfd):
    world.call("ADD", TRACEPARENT="x\ny" * 1000)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert len(lines[0]) < 1000
    world.call("DEL", host=WorldHost(world))

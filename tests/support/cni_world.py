# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small world for the CNI plugin: real namespaces, links, addresses and routes; a veth stands in for
the VF's interface, a tree of files for sysfs, and a JSON file for what the PF's driver keeps.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from sriov_cni import main
from sriov_cni.host.host import NodeHost
from sriov_cni.netlink import messages
from sriov_cni.netlink import socket as netlink
from sriov_cni.netlink.addresses import ZERO_MAC
from sriov_cni.pod.netns import Inside, open_netns
from sriov_cni.spec.errors import CniError
from sriov_cni.vf.pf_port import PfPort
from sriov_cni.vf.settings import SETTINGS, blank
from support.cni_code import put
from support.expected_address_releases import BROKEN, NO_RESULT
from support.fake_tree import Tree
from support.needs import missing

PF, PF_NAME = "0000:01:00.0", "enp1s0"
VF, VF_NAME, VF_MAC = "0000:01:10.0", "enp1s0v0", "02:00:00:00:00:10"
VF_VFIO = "0000:01:10.2"
IFLA_IFALIAS = 20

PCI = "sys/bus/pci/devices"
# Links below the folder of PCI devices, and where they lead; of a driver its name alone counts.
_LINKS = {
    f"{PF}/virtfn0": f"../{VF}", f"{VF}/physfn": f"../{PF}", f"{VF}/driver": "drivers/igbvf",
    f"{PF}/virtfn1": f"../{VF_VFIO}", f"{VF_VFIO}/physfn": f"../{PF}", f"{VF_VFIO}/driver": "drivers/vfio-pci",
    f"{PF}/driver": "drivers/ixgbe",
}  # fmt: skip
_VF = {"vlan": 0, "qos": 0, "proto": 0x8100, "spoofchk": 1, "trust": 0, "link_state": 0, "min_rate": 0, "max_rate": 0}
# pinned: the VFs with an administrator's MAC, which their own driver must not change. The driver refuses the settings
# in `refuse`, and ignores those in `ignore`.
_PF = {"vfs": [{"mac": VF_MAC, **_VF}, {"mac": ZERO_MAC, **_VF}], "pinned": [0], "sent": [], "refuse": [], "ignore": []}

# No import beside what a start brings: most calls of the tests start it.
IPAM = """#!{python} -IS
import os, sys, time
text = sys.stdin.read()
conf = eval(text, {{"true": True, "false": False, "null": None}})
ipam, command = conf["ipam"], os.environ["CNI_COMMAND"]
with open(ipam["folder"] + "/calls", "a") as log:
    log.write(command + "\\n")
with open(ipam["folder"] + "/conf", "w") as seen:
    seen.write(text)
whose = os.environ.get("CNI_CONTAINERID", ""), os.environ.get("CNI_IFNAME", "")
lease = "%s/lease-%s-%s" % (ipam["folder"], *whose)
if command == "ADD":
    open(lease, "a").close()
if command == "DEL" and os.path.exists(lease):
    os.unlink(lease)
time.sleep(ipam.get("sleep", 0))
print(ipam.get("stderr", ""), file=sys.stderr)
if command in ipam.get("fail", []):
    sys.stdout.write(ipam.get("error", ""))
    sys.exit(ipam.get("exit", 1))
if command == "ADD":
    print(ipam["result"])
"""

# For the commands in `cases` it does something else.
BROKEN_IPAM = """#!/bin/sh
conf=$(cat)
echo "$CNI_COMMAND $CNI_CONTAINERID" >> {calls}
case $CNI_COMMAND in
{cases}ADD) echo '{{"cniVersion": "1.0.0", "ips": [{{"address": "10.9.0.5/24"}}]}}';;
esac
"""


class Refusal(Exception):
    """Raised by World.call for an error answer."""

    def __init__(self, answer: dict) -> None:
        super().__init__(answer["msg"] + " | " + answer.get("details", ""))
        self.answer, self.code = answer, answer["code"]


class FakePf(PfPort):
    """The PF of a WorldHost: its two messages go to a file, everything above them is the real thing."""

    def fetch(self, vf: int) -> dict:
        self.mtu, vfs = 1500, self._host.world.pf["vfs"]
        if vf >= len(vfs):
            raise CniError(100, f"PF {self.name}: expected VF {vf} among its VFs, found {len(vfs)}")
        return {**blank(), **vfs[vf]}

    def send(self, vf: int, target: dict, names) -> None:
        pf = self._host.world.pf
        try:
            for key in names:  # like the kernel: in order, stopping at the first error
                kind = "zero mac" if key == "mac" and target["mac"] == ZERO_MAC else key
                if {key, kind} & {*pf["refuse"]}:
                    raise netlink.NetlinkError(errno.EOPNOTSUPP)
                pf["sent"].append([key, *SETTINGS[key].values(target)])
                if key not in pf["ignore"]:
                    pf["vfs"][vf].update({field: target[field] for field in SETTINGS[key].fields})
                    pinned = {*pf["pinned"]}
                    pf["pinned"] = sorted({"mac": pinned | {vf}, "zero mac": pinned - {vf}}.get(kind, pinned))
        finally:
            self._host.world.set_pf(**pf)


class WorldHost(NodeHost):
    """The plugin's NodeHost, looking at the world; `die_at` sends SIGKILL to the process before that change."""

    # Short where tests wait for what never comes; what comes by itself has room on a busy machine.
    settle_seconds, mac_seconds, gate_seconds = 1.0, 0.3, 30.0

    def __init__(self, world: World, die_at: int = -1) -> None:
        super().__init__()
        self.sys_root, self.state = str(world.root), str(world.root / "state")
        self.world, self._die_at, self.steps = world, die_at, []

    def net_names(self, address: str) -> list[str]:
        """Those with the address as their alias, which no move and no rename takes away."""
        return [messages.Interface(link).name for link in self.socket.dump(messages.get_link())
                if dict(netlink.attributes(link[16:])).get(IFLA_IFALIAS, b"").rstrip(b"\0") == address.encode()]

    def step(self, what: str) -> None:
        if len(self.steps) == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps.append(what)


def run(*argv: str, stdin: str = "", check: bool = True) -> str:
    """A command that must succeed."""
    # By its path, and with no files to close: so Python 3.9, too, starts it without a copy of its own page tables.
    words = [shutil.which(argv[0]) or argv[0], *argv[1:]]
    return subprocess.run(words, input=stdin, capture_output=True, text=True, check=check, close_fds=False).stdout


def ip_lines(*lines: str, check: bool = True) -> None:
    """Several commands of ip, by one process. check: each must succeed, and the first that fails is the last."""
    run("ip", *([] if check else ["-force"]), "-batch", "-", stdin="".join(f"{line}\n" for line in lines), check=check)


class Broken:
    """An IPAM plugin that does its part, or fails commands, each in a way of its own."""

    def __init__(self, folder: Path) -> None:
        self.file, self.calls = folder / "broken", folder / "broken-calls"
        self.works()

    def works(self) -> None:
        self.fails()

    def fails(self, **kinds: str) -> None:
        """Commands and their ways; where it is not there, or cannot be started, all."""
        texts, ways = {**BROKEN, **NO_RESULT}, kinds.values()
        cases = "".join([f"{command})\n{texts[kind]};;\n" for command, kind in kinds.items()])
        text = texts["no program"] if "no program" in ways else BROKEN_IPAM.format(calls=self.calls, cases=cases)
        put(self.file, text, 0o644 if "not executable" in ways else 0o755)
        if "missing" in ways:
            self.file.unlink()

    @property
    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


class World(Tree, ExitStack):
    """Taken apart at the end of its `with`; ends the test as `missing` does where it can't be made."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        if os.geteuid() != 0:
            missing("root: the tests make network namespaces")
        self.base = self.root = root
        self.bin, self.pf_file = root / "bin", root / "pf.json"
        self.conf: dict = {"cniVersion": "1.1.0", "name": "net", "type": "sriov", "deviceID": VF}
        self.host_ns, self.pod_ns = f"cnihost-{os.getpid()}", f"cnipod-{os.getpid()}"
        self.enter_context(pytest.MonkeyPatch.context()).setattr(PfPort, "find", FakePf.find)
        self.fill({
            f"{PCI}/{PF}/net/{PF_NAME}/": "", "pf.json": json.dumps(_PF), "bin/calls": "",
            **{f"{PCI}/{link}": Path(target) for link, target in _LINKS.items()},
        })  # fmt: skip
        put(self.bin / "test-ipam", IPAM.format(python=sys.executable))
        self._namespaces: list[str] = []
        self.callback(lambda: ip_lines(*(f"netns del {name}" for name in self._namespaces), check=False))
        self.enter_context(Inside(open_netns(self.add_netns(self.pod_ns, self.host_ns))))
        ip_lines(
            f"link add {VF_NAME} address {VF_MAC} type veth peer name wire", f"link set {VF_NAME} alias {VF}",
            "link set wire up", f"link property add dev {VF_NAME} altname enp1s0f0v0",
        )  # fmt: skip

    def add_netns(self, *names: str) -> str:
        """The path of the last."""
        self._namespaces += names
        ip_lines(*(f"netns add {name}" for name in names))
        return f"/run/netns/{names[-1]}"

    def add_link(self, name: str, netns: str) -> None:
        """An interface that is not ours."""
        run("ip", "-n", netns, "link", "add", name, "type", "veth", "peer", "name", "other")

    def device(self, address: str) -> Path:
        return self.root / PCI / address

    def link(self, name: str, target: str) -> None:
        """A link of a PCI function, in the place of one that is there."""
        self.symlink(f"{PCI}/{name}", target)

    def set_pf(self, driver: str = "", **changes) -> None:
        """Change what the PF keeps, or how its driver behaves."""
        put(self.pf_file, json.dumps({**self.pf, **changes}), 0o644)
        if driver:
            self.link(f"{PF}/driver", f"drivers/{driver}")

    @property
    def pf(self) -> dict:
        return json.loads(self.pf_file.read_text())

    def ipam(self, *addresses: str, result: dict | None = None, **keys) -> dict:
        """An ipam section for the test's own plugin."""
        answer = {"cniVersion": "1.0.0", "ips": [{"address": a} for a in addresses], **(result or {})}
        return {"type": "test-ipam", "folder": str(self.bin), "result": json.dumps(answer), **keys}

    @property
    def ipam_calls(self) -> list[str]:
        return self.get("bin/calls").split()

    def environment(self, command: str, **changes: str) -> dict[str, str]:
        given = {
            "CNI_COMMAND": command, "CNI_CONTAINERID": "c1", "CNI_NETNS": f"/run/netns/{self.pod_ns}",
            "CNI_IFNAME": "net1", "CNI_PATH": f"{self.bin}:/usr/lib/cni", "PATH": os.environ["PATH"], **changes,
        }  # fmt: skip
        return {key: value for key, value in given.items() if value}

    def raw_call(self, command: str, conf, host: WorldHost | None = None, **environment: str) -> tuple[int, str]:
        """Exit code and stdout."""
        with tempfile.TemporaryFile() as stdin:
            stdin.write(conf if isinstance(conf, bytes) else json.dumps(conf).encode())
            stdin.seek(0)
            return main.answer_call(host or WorldHost(self), self.environment(command, **environment), stdin.fileno())

    def call(self, command: str, conf: dict | None = None, host: WorldHost | None = None, **environment: str):
        """The answer; None where there is none. Raises Refusal."""
        code, text = self.raw_call(command, self.conf if conf is None else conf, host, **environment)
        if code:
            raise Refusal(json.loads(text))
        return json.loads(text) if text else None

    def start(self, command: str, conf: dict, host: WorldHost | None = None, **environment: str) -> int:
        """Run the call in a child, whose exit code is the call's; its process id."""
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(self.raw_call(command, conf, host, **environment)[0])
            finally:
                os._exit(99)
        return pid

    def call_and_die(self, command: str, conf: dict, die_at: int, **environment: str) -> bool:
        """Run the call in a child that is killed before its change number `die_at`; False where it came
        through.
        """
        return os.WIFSIGNALED(os.waitpid(self.start(command, conf, WorldHost(self, die_at), **environment), 0)[1])

    def pod(self, *argv: str) -> list:
        """`ip -j` in the pod."""
        return json.loads(run("ip", "-j", "-n", self.pod_ns, *argv) or "[]")

    def pod_link(self) -> dict:
        return self.pod("-d", "link", "show", "dev", "net1")[0]

    def snapshot(self) -> dict:
        """Everything that must be as before once the VF is back."""
        keys = ("ifname", "address", "mtu", "altnames", "promiscuity", "allmulti")
        return {
            "vf": [{**{key: link.get(key) for key in keys}, "up": "UP" in link["flags"]}
                   for link in json.loads(run("ip", "-j", "-d", "link", "show")) if link.get("ifalias") == VF],
            "pf": self.pf["vfs"],
            "pinned": self.pf["pinned"],
            "journal": sorted(file.name for file in (self.root / "state" / "journal").glob("*")),
            "leases": sorted(file.name for file in self.bin.glob("lease*")),
        }  # fmt: skip

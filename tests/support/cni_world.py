# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small world for the CNI plugin: real namespaces, links, addresses and routes; a veth stands in for
the VF's interface, a tree of files for sysfs, and a JSON file for what the PF's driver keeps.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sriov_cni import main
from sriov_cni.host.host import NodeHost
from sriov_cni.netlink import messages
from sriov_cni.netlink import socket as netlink
from sriov_cni.netlink.addresses import ZERO_MAC
from sriov_cni.pod.netns import open_netns, own_netns, set_netns
from sriov_cni.spec.errors import CniError
from sriov_cni.vf.pf_port import PfPort
from sriov_cni.vf.settings import SETTINGS, blank
from support.needs import missing

PF, PF_NAME = "0000:01:00.0", "enp1s0"
VF, VF_NAME, VF_MAC = "0000:01:10.0", "enp1s0v0", "02:00:00:00:00:10"
VF_VFIO = "0000:01:10.2"
IFLA_IFALIAS = 20
_NUMBERS = itertools.count()

IPAM = r"""#!/usr/bin/env python3
import json, os, pathlib, sys, time
conf = json.load(sys.stdin)
ipam, command = conf["ipam"], os.environ["CNI_COMMAND"]
folder = pathlib.Path(ipam["folder"])
with open(folder / "calls", "a") as log:
    log.write(command + "\n")
lease = folder / ("lease-" + os.environ.get("CNI_CONTAINERID", "") + "-" + os.environ.get("CNI_IFNAME", ""))
if command == "ADD":
    lease.touch()
if command == "DEL":
    lease.unlink(missing_ok=True)
time.sleep(ipam.get("sleep", 0))
print(ipam.get("stderr", ""), file=sys.stderr)
if command in ipam.get("fail", []):
    sys.stdout.write(ipam.get("error", ""))
    sys.exit(ipam.get("exit", 1))
if command == "ADD":
    print(json.dumps(ipam["result"]))
"""


class Refusal(Exception):
    """Raised by World.call for an error answer."""

    def __init__(self, answer: dict) -> None:
        super().__init__(answer["msg"] + " | " + answer.get("details", ""))
        self.answer = answer
        self.code = answer["code"]


class FakePf(PfPort):
    """The PF of a WorldHost: its two messages go to a file, everything above them is the real thing."""

    def __init__(self, host: WorldHost, file: Path) -> None:
        super().__init__(host, PF_NAME, PF, json.loads(file.read_text())["driver"])
        self._file = file
        self.mtu = 1500

    def fetch(self, vf: int) -> dict:
        vfs = json.loads(self._file.read_text())["vfs"]
        if vf >= len(vfs):
            raise CniError(100, f"PF {self.name}: expected VF {vf} among its VFs, found {len(vfs)}")
        return {**blank(), **vfs[vf]}

    def send(self, vf: int, target: dict, names) -> None:
        data = json.loads(self._file.read_text())
        for key in names:  # like the kernel: in order, stopping at the first error
            if key in data["refuse"]:
                raise netlink.NetlinkError(errno.EOPNOTSUPP)
            if key == "mac" and target["mac"] == ZERO_MAC and data["refuse_zero_mac"]:
                raise netlink.NetlinkError(errno.EINVAL)
            data["sent"].append([key, *SETTINGS[key].values(target)])
            if key in data["ignore"]:
                continue
            data["vfs"][vf].update({field: target[field] for field in SETTINGS[key].fields})
            if key == "mac":
                data["pinned"] = sorted({*data["pinned"], vf} - ({vf} if target["mac"] == ZERO_MAC else set()))
            aside = self._file.with_suffix(".new")
            aside.write_text(json.dumps(data))
            aside.rename(self._file)


class WorldHost(NodeHost):
    """The plugin's NodeHost, looking at the world; `die_at` sends SIGKILL to the process before that change."""

    def __init__(self, world: World, die_at: int = -1) -> None:
        super().__init__()
        self.sys_root = str(world.root)
        self.state = str(world.root / "state")
        # Short where tests wait for what never comes; what comes by itself has room on a busy machine.
        self.settle_seconds, self.mac_seconds = 1.0, 0.3
        self.lock_seconds, self.ipam_seconds, self.gate_seconds = 30.0, 30.0, 30.0
        self.steps: list[str] = []
        self._world = world
        self._die_at = die_at

    def net_names(self, address: str) -> list[str]:
        return [link.name for link in links_by_alias(self.socket, address)]

    def pf_port(self, pf: str):
        return FakePf(self, self._world.pf_file) if (self._world.device(pf) / "net").is_dir() else None

    def step(self, what: str) -> None:
        if len(self.steps) == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps.append(what)


def links_by_alias(socket: netlink.Socket, alias: str) -> list[messages.Interface]:
    """The links of the socket's namespace that carry this alias, which no move and no rename takes away."""
    found = []
    for payload in socket.dump(messages.get_link()):
        if dict(netlink.attributes(payload[16:])).get(IFLA_IFALIAS, b"").rstrip(b"\0").decode() == alias:
            found.append(messages.Interface(payload))
    return found


def vector(*numbers: str):
    """Mark a test as that of upstream's test vectors with these numbers; the test takes `vector`."""
    joined = "+".join(f"cni-vector-{number}" for number in numbers)
    return pytest.mark.parametrize("vector", [pytest.param(numbers, id=joined)])


def run(*argv: str) -> str:
    """A command that must succeed."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


class World:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.pf_file = root / "pf.json"
        number = f"{os.getpid()}-{next(_NUMBERS)}"
        self.host_ns, self.pod_ns = f"cnihost-{number}", f"cnipod-{number}"
        self._namespaces: list[str] = []
        self._home = own_netns()
        self._patches = pytest.MonkeyPatch()
        self._patches.setattr(PfPort, "find", lambda host, pf: host.pf_port(pf))
        self._make_sysfs()
        self._write_pf()
        self.ipam_folder = root / "ipam"
        (root / "bin").mkdir()
        self.ipam_folder.mkdir()
        ipam = root / "bin" / "test-ipam"
        ipam.write_text(IPAM.replace("/usr/bin/env python3", sys.executable))
        ipam.chmod(0o755)
        self.add_netns(self.host_ns)
        self.add_netns(self.pod_ns)
        host = open_netns(f"/run/netns/{self.host_ns}")
        assert host is not None
        set_netns(host.fd)
        host.close()
        run("ip", "link", "add", VF_NAME, "address", VF_MAC, "type", "veth", "peer", "name", "wire")
        run("ip", "link", "set", VF_NAME, "alias", VF)
        run("ip", "link", "set", "wire", "up")
        run("ip", "link", "property", "add", "dev", VF_NAME, "altname", "enp1s0f0v0")
        self.conf: dict = {"cniVersion": "1.1.0", "name": "net", "type": "sriov", "deviceID": VF}

    def close(self) -> None:
        self._patches.undo()
        set_netns(self._home.fd)
        self._home.close()
        for name in self._namespaces:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def add_netns(self, name: str) -> str:
        run("ip", "netns", "add", name)
        self._namespaces.append(name)
        return f"/run/netns/{name}"

    def add_link(self, name: str, *, in_pod: bool = False) -> None:
        """An interface that is not ours."""
        where = ["-n", self.pod_ns] if in_pod else []
        run("ip", *where, "link", "add", name, "type", "veth", "peer", "name", "other")

    def device(self, address: str) -> Path:
        return self.root / "sys/bus/pci/devices" / address

    def _make_sysfs(self) -> None:
        drivers = self.root / "sys/bus/pci/drivers"
        self.device(PF).mkdir(parents=True)
        for address, driver in ((VF, "igbvf"), (VF_VFIO, "vfio-pci")):
            self.device(address).mkdir(parents=True)
            (drivers / driver).mkdir(parents=True)
            (self.device(address) / "driver").symlink_to(drivers / driver)
        (self.device(PF) / "net" / PF_NAME).mkdir(parents=True)
        for index, address in enumerate((VF, VF_VFIO)):
            (self.device(address) / "physfn").symlink_to(self.device(PF))
            (self.device(PF) / f"virtfn{index}").symlink_to(self.device(address))

    def _write_pf(self) -> None:
        vf = {"vlan": 0, "qos": 0, "proto": 0x8100, "spoofchk": 1, "trust": 0, "link_state": 0}
        vf.update(min_rate=0, max_rate=0)
        vfs = [{"mac": VF_MAC, **vf}, {"mac": "00:00:00:00:00:00", **vf}]
        # pinned: the VFs with an administrator's MAC, which their own driver must not change
        self.set_pf(driver="ixgbe", vfs=vfs, pinned=[0], sent=[], refuse=[], ignore=[], refuse_zero_mac=False)

    def set_pf(self, **changes) -> None:
        """Change what the PF keeps, or how its driver behaves."""
        data = json.loads(self.pf_file.read_text()) if self.pf_file.exists() else {}
        self.pf_file.write_text(json.dumps({**data, **changes}))
        if "driver" in changes:
            driver = self.root / "sys/bus/pci/drivers" / changes["driver"]
            driver.mkdir(exist_ok=True)
            (self.device(PF) / "driver").unlink(missing_ok=True)
            (self.device(PF) / "driver").symlink_to(driver)

    @property
    def pf(self) -> dict:
        return json.loads(self.pf_file.read_text())

    def ipam(self, *addresses: str, **keys) -> dict:
        """An ipam section for the test's own plugin."""
        result = {"cniVersion": "1.0.0", "ips": [{"address": a} for a in addresses]}
        result.update(keys.pop("result", {}))
        return {"type": "test-ipam", "folder": str(self.ipam_folder), "result": result, **keys}

    @property
    def ipam_calls(self) -> list[str]:
        file = self.ipam_folder / "calls"
        return file.read_text().split() if file.exists() else []

    def environment(self, command: str, **changes: str) -> dict[str, str]:
        made = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": "c1",
            "CNI_NETNS": f"/run/netns/{self.pod_ns}",
            "CNI_IFNAME": "net1",
            "CNI_PATH": f"{self.root / 'bin'}:/usr/lib/cni",
            "PATH": os.environ["PATH"],
            **changes,
        }
        return {key: value for key, value in made.items() if value}

    def raw_call(
        self, command: str, conf, host: WorldHost | None = None, **environment: str
    ) -> tuple[int, str]:
        """Exit code and stdout."""
        with tempfile.TemporaryFile() as stdin:
            stdin.write(conf if isinstance(conf, bytes) else json.dumps(conf).encode())
            stdin.seek(0)
            return main.answer_call(
                host or WorldHost(self), self.environment(command, **environment), stdin.fileno()
            )

    def call(self, command: str, conf: dict | None = None, host: WorldHost | None = None, **environment: str):
        """The answer; None where there is none. Raises Refusal."""
        code, text = self.raw_call(command, self.conf if conf is None else conf, host, **environment)
        answer = json.loads(text) if text else None
        if code:
            raise Refusal(answer)
        return answer

    def start(self, command: str, conf: dict, **environment: str) -> int:
        """Run the call in a child; its process id. The child's exit code is the call's."""
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                code, _rest = self.raw_call(command, conf, **environment)
            finally:
                os._exit(code)
        return pid

    def call_and_die(self, command: str, conf: dict, die_at: int, **environment: str) -> bool:
        """Run the call in a child that is killed before its change number `die_at`; False where it came
        through.
        """
        pid = os.fork()
        if pid == 0:
            try:
                self.raw_call(command, conf, WorldHost(self, die_at), **environment)
            finally:
                os._exit(0)
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])

    def pod(self, *argv: str) -> list:
        """`ip -j` in the pod."""
        return json.loads(run("ip", "-j", "-n", self.pod_ns, *argv) or "[]")

    def pod_link(self, name: str = "net1") -> dict:
        return self.pod("-d", "link", "show", "dev", name)[0]

    def snapshot(self) -> dict:
        """Everything that must be as before once the VF is back."""
        links = json.loads(run("ip", "-j", "-d", "link", "show"))
        vf = [link for link in links if link.get("ifalias") == VF]
        keys = ("ifname", "address", "mtu", "altnames", "promiscuity", "allmulti")
        journal = self.root / "state" / "journal"
        return {
            "vf": [{**{key: link.get(key) for key in keys}, "up": "UP" in link["flags"]} for link in vf],
            "pf": self.pf["vfs"],
            "pinned": self.pf["pinned"],
            "journal": sorted(os.listdir(journal)) if journal.exists() else [],
            "leases": sorted(name for name in os.listdir(self.ipam_folder) if name.startswith("lease")),
        }


@contextmanager
def made_world(folder: Path) -> Iterator[World]:
    """A world below a folder, taken apart at the end; ends the test as `missing` does where it can't be made."""
    if os.geteuid() != 0:
        missing("root: the tests make network namespaces")
    made = World(folder)
    try:
        yield made
    finally:
        made.close()

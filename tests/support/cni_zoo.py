# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drivers of PFs answer to the CNI plugin, as data, and drawn sequences of calls, pods that misbehave, refusals
and kills over them: at the end both VFs, one of vfio, are as they were, or withheld and named.

# source: Linux, igb_main.c (igb_ndo_set_vf_mac: zeros revert an administrator's MAC; no ndo_set_vf_link_state),
# ixgbe_sriov.c (ixgbe_ndo_set_vf_bw: -EINVAL while the link is down), i40e_virtchnl_pf.c (-EAGAIN while a VF resets, as
# it does for a new MAC; i40e_can_vf_change_mac), ice_virtchnl.c (ice_can_vf_change_mac; the PF tells the MAC that it
# set), mlx5 eswitch (a VF's own MAC is its own).
"""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from sriov_cni.commands import sweep
from sriov_cni.netlink import messages, socket
from sriov_cni.netlink.addresses import ZERO_MAC
from sriov_cni.pod import interface
from sriov_cni.vf import withheld
from sriov_cni.vf.pf_port import PfPort
from support.cni_world import IFLA_IFALIAS, PF, VF, VF_MAC, VF_NAME, VF_VFIO, FakePf, World, WorldHost, run

FAULTS = ("vlan", "mac", "rate", "spoofchk", "trust", "zero mac")
OWNERS = ("c1", "c2")
HIDDEN = f"cnihidden-{os.getpid()}"  # a namespace of the pod's own, which no path leads to on a node
KILLED_BEFORE = 14  # changes of a call; most have fewer
PODS = (  # what root in the pod does to its interface, by ip(8)
    "link set {} txqueuelen 7", "link set {} arp off", "link set {} multicast off", "link set {} promisc on",
    "link set {} group 5", "link set {} mtu 1300", "link set {} gso_max_segs 9", "link set {} down",
    "link set {} name podsown0", "link property add dev {} altname podsown1", "link set {} broadcast 02:00:00:00:00:99",
    "link property del dev {} altname enp1s0f0v0", "addr add 192.0.2.7/24 dev {}", "neigh add 192.0.2.8 dev {} lladdr "
    "02:00:00:00:00:98", "link add link {} name over0 type macvlan", "link add net1 type veth peer name podsown2",
)  # fmt: skip
KEPT = ("ifname", "address", "mtu", "altnames", "txqlen", "group", "gso_max_segs", "broadcast", "promiscuity")
FLAGS = {"UP", "NOARP", "MULTICAST", "ALLMULTI", "PROMISC"}


@dataclass(frozen=True)
class Driver:
    """How one answers."""

    pins: bool  # an untrusted VF with an administrator's MAC may have none of its own
    tells_own: bool  # the PF tells the MAC that a VF gave itself
    busy: int = 0  # how many settings are refused while the VF resets for a new MAC
    rate_needs_link: bool = False
    lacks: tuple[str, ...] = ()


ZOO = {
    "igb": Driver(pins=True, tells_own=True, lacks=("link_state",)),
    "ixgbe": Driver(pins=True, tells_own=True, rate_needs_link=True),
    "i40e": Driver(pins=True, tells_own=True, busy=2),
    "ice": Driver(pins=True, tells_own=False, busy=1),
    "mlx5_core": Driver(pins=False, tells_own=False),
}


class ZooPf(FakePf):
    """The PF of one of them."""

    def send(self, vf: int, target: dict, names) -> None:
        driver, pf = ZOO[self.driver], self._host.world.pf
        if pf.get("busy") and {*names} & {"mac", "vlan", "spoofchk", "trust"}:
            self._host.world.set_pf(busy=pf["busy"] - 1)
            raise socket.NetlinkError(errno.EAGAIN)
        if {*names} & {*driver.lacks}:
            raise socket.NetlinkError(errno.EOPNOTSUPP)
        if "rate" in names and driver.rate_needs_link and not pf.get("link", True):
            raise socket.NetlinkError(errno.EINVAL)
        super().send(vf, target, names)
        if "mac" in names and vf == 0:
            self._host.world.set_pf(busy=driver.busy, device_mac=target["mac"])


def own_mac(world: World, driver: Driver, mac: str) -> None:
    """The VF gave itself one."""
    vfs = world.pf["vfs"]
    told = {"mac": mac} if driver.tells_own else {}
    world.set_pf(device_mac=mac, vfs=[{**vfs[0], **told}, vfs[1]])


class _Socket:
    """The host's netlink, before the VF's driver."""

    def __init__(self, world: World, inner) -> None:
        self._world, self._inner = world, inner

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def change(self, *batch) -> None:
        pf = self._world.pf
        for kind, _flags, payload in batch:
            found = socket.attributes(payload[16:]) if kind == messages.RTM_SETLINK else ()
            mac = dict(found).get(messages.IFLA_ADDRESS)
            if mac is None:
                continue
            driver, state = ZOO[os.path.basename(os.readlink(self._world.device(PF) / "driver"))], pf["vfs"][0]
            if driver.pins and 0 in pf["pinned"] and not state["trust"] and mac.hex(":") != pf["device_mac"]:
                raise socket.NetlinkError(errno.EADDRNOTAVAIL)
            own_mac(self._world, driver, mac.hex(":"))
        self._inner.change(*batch)


class ZooHost(WorldHost):
    """A host whose VF has such a driver as well."""

    settle_seconds = 0.2

    @property
    def socket(self):
        return _Socket(self.world, super().socket)


class Sequence:
    """One drawn sequence. Raises AssertionError, with all that was done, where a VF is lost."""

    def __init__(self, world: World, driver: str, rng: random.Random) -> None:
        self.world, self.rng, self.done = world, rng, [driver]
        world.set_pf(driver=driver, device_mac=VF_MAC)
        self._zeros_refused, self._asked = False, {""}
        self.before = self.view()

    def view(self) -> dict[str, dict]:
        """Each VF, and what is left of the calls."""
        world, links = self.world, json.loads(run("ip", "-j", "-d", "link", "show"))
        own = [{**{key: link.get(key) for key in KEPT}, "flags": sorted({*link["flags"]} & FLAGS)}
               for link in links if link.get("ifalias") == VF]  # fmt: skip
        journal = [file.name for file in (world.root / "state" / "journal").glob("*")]
        pinned, states = world.pf["pinned"], world.pf["vfs"]
        if self._zeros_refused and states[1]["mac"] not in self._asked:  # it had none before, and has one of nobody's
            states[1]["mac"], pinned = ZERO_MAC, [index for index in pinned if index != 1]
        return {vf: {"own": own if vf == VF else [], "at_pf": states[index], "pinned": index in pinned,
                     "journal": [name for name in journal if vf in name]}
                for index, vf in enumerate((VF, VF_VFIO))}  # fmt: skip

    def _call(self, command: str, owner: str, conf: dict) -> tuple[int, str]:
        code, text = self.world.raw_call(command, conf, ZooHost(self.world), CNI_CONTAINERID=owner)
        self.done.append(f"{command} {owner} {conf} -> {code}")
        return code, text

    def _conf(self) -> dict:
        drawn = {
            "vlan": self.rng.randrange(4095), "spoofchk": self.rng.choice(["on", "off"]),
            "trust": self.rng.choice(["on", "off"]), "max_tx_rate": self.rng.randrange(1, 9999),
            "mac": f"02:00:00:00:00:{self.rng.randrange(32, 256):02x}",
        }  # fmt: skip
        self._asked.add(drawn["mac"])
        conf = {**self.world.conf, **{key: value for key, value in drawn.items() if self.rng.random() < 0.5}}
        if self.rng.random() < 0.2:
            return {**conf, "deviceID": VF_VFIO}
        return {**conf, "mtu": self.rng.randrange(1280, 1501)} if self.rng.random() < 0.5 else conf

    def add(self) -> None:
        """Now and then with a CHECK of what came of it."""
        owner, conf = self.rng.choice(OWNERS), self._conf()
        code, text = self._call("ADD", owner, conf)
        if code == 0 and self.rng.random() < 0.5:
            code, text = self._call("CHECK", owner, {**conf, "prevResult": json.loads(text)})
            assert code == 0, f"{text}: {self.done}"

    def check(self) -> None:
        """Of whatever may be there: it changes nothing, and always has an answer."""
        before, conf = self.view(), self._conf()
        told = {"cniVersion": "1.1.0", "interfaces": [{"name": "net1", "sandbox": "x"}]}
        code, text = self._call("CHECK", self.rng.choice(OWNERS), {**conf, "prevResult": told})
        assert code == 0 or json.loads(text)["code"] in (100, 102), f"{text}: {self.done}"
        assert self.view() == before, self.done

    def delete(self) -> None:
        assert self._call("DEL", self.rng.choice(OWNERS), self.world.conf) == (0, ""), f"a pod does not go: {self.done}"

    def collect(self) -> None:
        owner = self.rng.choice([None, *OWNERS])
        valid = [{"containerID": owner, "ifname": "net1"}] if owner else []
        self._call("GC", "", {**self.world.conf, "cni.dev/valid-attachments": valid})

    def _start(self, command: str, die_at: int = -1) -> int:
        conf, owner = self._conf(), self.rng.choice(OWNERS)
        if command == "GC":
            conf, owner = {**self.world.conf, "cni.dev/valid-attachments": []}, ""
        self.done.append(f"{command} {owner} {conf}{f', killed at {die_at}' if die_at >= 0 else ''}")
        return self.world.start(command, conf, ZooHost(self.world, die_at), CNI_CONTAINERID=owner)

    def kill(self) -> None:
        """A call that is killed before a change."""
        pid = self._start(self.rng.choice(["ADD", "ADD", "DEL", "GC"]), self.rng.randrange(KILLED_BEFORE))
        os.waitpid(pid, 0)

    def at_once(self) -> None:
        """Some calls beside each other, as by a kubelet that loses patience."""
        kinds = [self.rng.choice(["ADD", "DEL", "DEL", "GC"]) for _turn in range(self.rng.randrange(2, 4))]
        for pid in [self._start(kind) for kind in kinds]:
            os.waitpid(pid, 0)

    def _in(self, netns: str) -> str:
        """What the VF is called there, "" where it is elsewhere."""
        links = json.loads(run("ip", "-j", "-n", netns, "link", "show") or "[]")
        return next((link["ifname"] for link in links if link.get("ifalias") == VF), "")

    def misbehave(self) -> None:
        """What root in the pod does."""
        name, driver, pf = self._in(self.world.pod_ns), ZOO[self.done[0]], self.world.pf
        if not name:
            return
        words = self.rng.choice(PODS).format(name)
        may = pf["vfs"][0]["trust"] or not (driver.pins and 0 in pf["pinned"])
        if may and self.rng.random() < 0.3:
            words = f"link set {name} address 02:00:00:00:01:{self.rng.randrange(256):02x}"
        done = run_quietly("ip", "-n", self.world.pod_ns, *words.split())
        if done and "address" in words:
            own_mac(self.world, driver, words.split()[-1])
        self.done.append(f"pod: {words}: {done}")

    def hide(self) -> None:
        """The pod puts its VF into a namespace within."""
        name = self._in(self.world.pod_ns)
        if name:
            run("ip", "-n", self.world.pod_ns, "link", "set", name, "netns", HIDDEN)
            self.done.append("hidden")

    def reveal(self) -> None:
        """That namespace ends: the VF is on the host under some name."""
        name = self._in(HIDDEN)
        if name:
            run("ip", "-n", HIDDEN, "link", "set", name, "netns", self.world.host_ns, "name", "dev8")
            self.done.append("revealed")

    def fault(self) -> None:
        """The driver refuses things from now on, or the PF's link is down."""
        refuse = [name for name in FAULTS if self.rng.random() < 0.2]
        self.world.set_pf(refuse=refuse, link=self.rng.random() < 0.7)
        self._zeros_refused = self._zeros_refused or "zero mac" in refuse
        self.done.append(f"refused: {refuse}, link {self.world.pf['link']}")

    def end_namespace(self) -> None:
        """The pod dies, and its VF is on the host again under some name."""
        name = self._in(self.world.pod_ns)
        if name:
            run("ip", "-n", self.world.pod_ns, "link", "set", name, "netns", self.world.host_ns, "name", "dev7")
            run("ip", "netns", "del", self.world.pod_ns)
            run("ip", "netns", "add", self.world.pod_ns)
            self.done.append("namespace ended")

    def sweep(self) -> None:
        for address in withheld.addresses(ZooHost(self.world)):
            os.utime(self.world.root / "state" / "withheld" / address, (1, 1))
        sweep.sweep(ZooHost(self.world))
        self.done.append("sweep")

    def run(self, length: int) -> None:
        acts = [self.add, self.add, self.add, self.delete, self.delete, self.collect, self.check, self.kill, self.kill,
                self.at_once, self.misbehave, self.misbehave, self.misbehave, self.misbehave, self.fault, self.sweep,
                self.end_namespace, self.hide, self.reveal]  # fmt: skip
        for _turn in range(length):
            self.rng.choice(acts)()
        for owner in OWNERS:
            assert self._call("DEL", owner, self.world.conf) == (0, ""), f"a pod does not go: {self.done}"
        self.judge()
        self.world.set_pf(refuse=[], link=True, busy=0)
        self.reveal()
        self.sweep()
        assert withheld.addresses(ZooHost(self.world)) == [], self.done
        assert self.view() == self.before, f"{self.view()} was {self.before}: {self.done}"

    def judge(self) -> None:
        """Each VF is as it was, or withheld, with whose it was and why."""
        now = self.view()
        for vf, was in self.before.items():
            seen = withheld.read(ZooHost(self.world), vf)
            if seen is None:
                assert now[vf] == was, f"{now[vf]} was {was}: {self.done}"
            else:
                assert (seen["cause"] != "", seen["container"] in OWNERS) == (True, True), f"{seen}: {self.done}"


def run_quietly(*argv: str) -> bool:
    """False where the command fails, as for an interface that is not there."""
    try:
        run(*argv)
    except subprocess.CalledProcessError:
        return False
    return True


def bus_info(socket_, index: int) -> str:
    """As the VF's driver would tell ethtool; by its alias here."""
    link = socket_.get(messages.get_link(index))[16:]
    return dict(socket.attributes(link)).get(IFLA_IFALIAS, b"").rstrip(b"\0").decode()


@contextmanager
def zoo() -> Iterator[None]:
    """PFs are those of the zoo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PfPort, "find", ZooPf.find)
        patch.setattr(interface, "bus_info", bus_info)
        yield


def sequences(root, count: int, seed: int, length: int = 10) -> dict[str, int]:
    """So many, the drivers in turn; how many of each."""
    done = dict.fromkeys(ZOO, 0)
    for number in range(count):
        driver = [*ZOO][number % len(ZOO)]
        folder = root / str(number)
        folder.mkdir()
        with World(folder) as world, zoo():
            world.add_netns(HIDDEN)
            run("ip", "link", "set", VF_NAME, "up")
            Sequence(world, driver, random.Random(f"{seed} {number}")).run(length)
        done[driver] += 1
    return done

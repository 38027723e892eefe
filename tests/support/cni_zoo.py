# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drivers of PFs answer to the CNI plugin, as data, and drawn sequences of calls, pods that misbehave, refusals
and kills over them: at the end a VF is as it was, or withheld.

# source: Linux, igb_main.c (igb_ndo_set_vf_mac: zeros revert an administrator's MAC; no ndo_set_vf_link_state),
# ixgbe_sriov.c (ixgbe_ndo_set_vf_bw: -EINVAL while the link is down), i40e_virtchnl_pf.c (-EAGAIN while a VF resets, as
# it does for a new MAC; i40e_can_vf_change_mac), ice_virtchnl.c (ice_can_vf_change_mac; the PF tells the MAC that it
# set), mlx5 eswitch (a VF's own MAC is its own).
"""

from __future__ import annotations

import errno
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from sriov_cni.commands import sweep
from sriov_cni.netlink import messages, socket
from sriov_cni.vf import withheld
from sriov_cni.vf.pf_port import PfPort
from support.cni_world import PF, VF, VF_MAC, VF_NAME, FakePf, World, WorldHost, run

FAULTS = ("vlan", "mac", "rate", "spoofchk", "trust", "zero mac")
OWNERS = ("c1", "c2")


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
        self.before = world.snapshot()

    def _call(self, command: str, owner: str, conf: dict) -> int:
        code, _text = self.world.raw_call(command, conf, ZooHost(self.world), CNI_CONTAINERID=owner)
        self.done.append(f"{command} {owner} {conf} -> {code}")
        return code

    def _conf(self) -> dict:
        drawn = {
            "vlan": self.rng.randrange(4095), "spoofchk": self.rng.choice(["on", "off"]),
            "trust": self.rng.choice(["on", "off"]), "max_tx_rate": self.rng.randrange(1, 9999),
            "mac": f"02:00:00:00:00:{self.rng.randrange(32, 256):02x}", "mtu": self.rng.randrange(1280, 1501),
        }  # fmt: skip
        return {**self.world.conf, **{key: value for key, value in drawn.items() if self.rng.random() < 0.5}}

    def add(self) -> None:
        self._call("ADD", self.rng.choice(OWNERS), self._conf())

    def delete(self) -> None:
        code = self._call("DEL", self.rng.choice(OWNERS), self.world.conf)
        assert code == 0, "a pod does not go"

    def collect(self) -> None:
        self._call("GC", "", {**self.world.conf, "cni.dev/valid-attachments": []})

    def kill(self) -> None:
        """A call that is killed before a change."""
        command, at = self.rng.choice(["ADD", "DEL"]), self.rng.randrange(8)
        conf, owner = self._conf(), self.rng.choice(OWNERS)
        pid = self.world.start(command, conf, ZooHost(self.world, at), CNI_CONTAINERID=owner)
        os.waitpid(pid, 0)
        self.done.append(f"killed {command} {owner} {conf} at {at}")

    def misbehave(self) -> None:
        """What root in the pod does."""
        driver, pf = ZOO[self.done[0]], self.world.pf
        words = self.rng.choice(["txqueuelen 7", "arp off", "multicast off", "promisc on", "group 5", "mtu 1300"])
        may = pf["vfs"][0]["trust"] or not (driver.pins and 0 in pf["pinned"])
        if may and self.rng.random() < 0.7:
            words = f"address 02:00:00:00:01:{self.rng.randrange(256):02x}"
        done = run_quietly("ip", "-n", self.world.pod_ns, "link", "set", "net1", *words.split())
        if done and words.startswith("address"):
            own_mac(self.world, driver, words.split()[1])
        self.done.append(f"pod: {words}: {done}")

    def fault(self) -> None:
        """The driver refuses things from now on, or the PF's link is down."""
        refuse = [name for name in FAULTS if self.rng.random() < 0.2]
        self.world.set_pf(refuse=refuse, link=self.rng.random() < 0.7)
        self.done.append(f"refused: {refuse}, link {self.world.pf['link']}")

    def end_namespace(self) -> None:
        """The pod dies, and its VF is on the host again under some name."""
        move = ["link", "set", "net1", "netns", self.world.host_ns, "name", "dev7"]
        if run_quietly("ip", "-n", self.world.pod_ns, *move):
            run("ip", "netns", "del", self.world.pod_ns)
            run("ip", "netns", "add", self.world.pod_ns)
            self.done.append("namespace ended")

    def sweep(self) -> None:
        for address in withheld.addresses(ZooHost(self.world)):
            os.utime(self.world.root / "state" / "withheld" / address, (1, 1))
        sweep.sweep(ZooHost(self.world))
        self.done.append("sweep")

    def run(self, length: int) -> None:
        acts = [self.add, self.add, self.delete, self.collect, self.kill, self.misbehave, self.misbehave, self.fault,
                self.sweep, self.end_namespace]  # fmt: skip
        for _turn in range(length):
            self.rng.choice(acts)()
        for owner in OWNERS:
            assert self._call("DEL", owner, self.world.conf) == 0, "a pod does not go"
        held = withheld.addresses(ZooHost(self.world))
        seen = self._view()
        assert seen == self._view(self.before) or held == [VF], f"{seen} was {self.before}: {self.done}"
        self.world.set_pf(refuse=[], link=True, busy=0)
        self.sweep()
        assert withheld.addresses(ZooHost(self.world)) == [], self.done
        after = self.world.snapshot()
        assert after == self.before, f"{after} was {self.before}: {self.done}"

    def _view(self, snapshot: dict | None = None) -> dict:
        found = snapshot or self.world.snapshot()
        return {key: found[key] for key in ("vf", "pf", "journal")}


def run_quietly(*argv: str) -> bool:
    """False where the command fails, as for an interface that is not there."""
    try:
        run(*argv)
    except subprocess.CalledProcessError:
        return False
    return True


@contextmanager
def zoo() -> Iterator[None]:
    """PFs are those of the zoo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PfPort, "find", ZooPf.find)
        yield


def sequences(root, count: int, seed: int, length: int = 8) -> dict[str, int]:
    """So many, the drivers in turn; how many of each."""
    done = dict.fromkeys(ZOO, 0)
    for number in range(count):
        driver = [*ZOO][number % len(ZOO)]
        folder = root / str(number)
        folder.mkdir()
        with World(folder) as world, zoo():
            run("ip", "link", "set", VF_NAME, "up")
            Sequence(world, driver, random.Random(f"{seed} {number}")).run(length)
        done[driver] += 1
    return done

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lives of nodes by chance: policies, pods, bonds, drift, faults, kills at any write, reboots at any step.

What has to hold: nothing that somebody holds is written to; a run reaches its goal or stops in words; the rerun is
empty; a teardown gives back what was there.
"""

from __future__ import annotations

import contextlib
import errno
import io
import random
from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError, SriovError, TakenError
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import AFTER_REBOOT
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import Outcome
from ansible_collections.baremetal.sriov.plugins.module_utils.record import record
from support import zoo
from support.fake_base import Killed
from support.life_host import born
from support.node_runs import PF1, PF2, absent, drivers, present, snapshot, somebody_makes

KINDS = ["netdevice", "netdevice", "vfio-pci", "uio_pci_generic"]
NAMES = {PF1: "enp1s0", PF2: "enp2s0"}
RC_LOCAL = "etc/rc.local"
OTHERS = "#!/bin/sh\necho 3 > /sys/class/net/enp1s0/device/sriov_numvfs\nexit 0\n"
FAULTS = {"sriov_numvfs=": errno.EIO, "/unbind=": errno.EBUSY, "drivers_probe=": errno.EINVAL, " vf 0 ": errno.EAGAIN,
          " vf 1 ": errno.EINVAL, "driver_override=": errno.EPERM, "write /var/lib": errno.ENOSPC,
          " mtu ": errno.EBUSY, "autoprobe=": errno.EIO}  # fmt: skip
HELD = "what somebody holds was written to"
KILLS = 50  # changes, of which a run has about as many


class Life:
    """One life of a node."""

    def __init__(self, root: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.driver = self.rng.choice(zoo.names())
        self.host = born(root, self.rng, self.driver)
        self.facts = zoo.nic(self.driver)
        self.firmware = self.driver == "mlx5_core" and self.rng.random() < 0.5
        if self.firmware:
            for pf in NAMES:
                self.host.add_card(pf[:-2])
        self.others = 0 if self.firmware or self.rng.random() < 0.8 else self.rng.randint(1, 3)  # VFs, at each boot
        if self.others:
            somebody_makes(self.host, self.others)
        if self.rng.random() < 0.3:
            self.host.put(RC_LOCAL, OTHERS)
        self.before = self.seen()
        self.host.kubelet_starts()
        self.wanted: list[dict[str, Any]] = []
        self.options: dict[str, Any] = {}
        self.reached = False
        self.told: list[str] = []  # what happened, for whoever looks at a failure

    def seen(self) -> dict[str, object]:
        """What has to be there again at the end; the host's own network may have left PFs up."""
        found = {name: value for name, value in snapshot(self.host).items()
                 if not name.startswith(("/var/lib/kubelet", "/var/log"))}  # fmt: skip
        for pf in NAMES:
            *kept, net = found[pf]  # type: ignore[misc]
            found[pf] = (kept, net and net[1])
        cards = {device: sorted(card.after.items()) for device, card in self.host.cards.items()}
        return {**found, "firmware": cards}

    # what may happen ------------------------------------------------------------------------------

    def policies(self) -> None:
        """Other ones are wanted."""
        rng, total = self.rng, min(pf.total for pf in self.host.pfs.values()) or 4
        self.wanted = []
        for name, number in (("kernel", "enp1s0"), ("dpdk", "enp2s0")):
            if rng.random() < 0.85:
                self.wanted += self._policies_of(name, number, rng.randint(1, total))
        self.options = {
            "policies_may_be_empty": True,
            "reboot_ok": rng.random() < 0.6,
            "drift": rng.choice(["report", "restore", "repair"]),
            "kernel_arguments": rng.choice([[], [], ["isolcpus=1"], ["pci=realloc"]]),
            "take_over": [f"/{RC_LOCAL}"] if rng.random() < 0.5 else [],
            "vfs_unmanaged": rng.random() < 0.8,
        }
        self.host.allowed = {pf for pf, name in NAMES.items() for one in self.wanted
                             if one["allow_in_use"] and self._is_on(one, name)}  # fmt: skip
        self.host.left = {pf for pf, name in NAMES.items() if not any(self._is_on(one, name) for one in self.wanted)}

    @staticmethod
    def _is_on(policy: dict[str, Any], name: str) -> bool:
        return bool(policy["nic_selector"]["pf_names"][0].startswith(name))

    def _policies_of(self, name: str, number: str, count: int) -> list[dict[str, Any]]:
        rng = self.rng
        one: dict[str, Any] = {"name": name, "resource_name": name, "num_vfs": count,
                               "allow_in_use": rng.random() < 0.5, "device_type": rng.choice(KINDS),
                               "nic_selector": {"pf_names": [number]}}  # fmt: skip
        if rng.random() < 0.3:
            one["mtu"] = rng.choice([1500, 2000, 9000])
        if self.facts.eswitch and rng.random() < 0.4:
            one["eswitch_mode"] = rng.choice(["legacy", "switchdev"])
        if self.firmware and rng.random() < 0.9:
            one["firmware"] = {}
        one["vfs"] = [{"indices": index, **self._settings()} for index in range(count) if rng.random() < 0.3]
        if count < 2 or rng.random() < 0.7:
            return [one]
        split = rng.randint(1, count - 1)
        first = {**one, "nic_selector": {"pf_names": [f"{number}#0-{split - 1}"]},
                 "vfs": [vf for vf in one["vfs"] if vf["indices"] < split]}  # fmt: skip
        kind = "netdevice" if one.get("mtu") else rng.choice(KINDS)
        second = {**one, "name": f"{name}b", "resource_name": f"{name}b", "device_type": kind,
                  "vfs": [], "nic_selector": {"pf_names": [f"{number}#{split}-{count - 1}"]}}  # fmt: skip
        return [first, second]

    def _settings(self) -> dict[str, Any]:
        rng = self.rng
        rows: list[dict[str, Any]] = [
            {"mac": f"02:00:00:00:aa:{rng.randrange(256):02x}"},
            {"vlan": rng.randint(1, 4094), "qos": rng.randrange(8)},
            {"vlan": rng.randint(1, 4094), "vlan_proto": rng.choice(["802.1q", "802.1ad"])},
            {"trust": rng.random() < 0.5},
            {"spoofchk": rng.random() < 0.5},
            {"link_state": rng.choice(["auto", "enable", "disable"])},
            {"max_tx_rate": rng.choice([0, 1000])},
        ]
        return {name: value for row in rng.sample(rows, rng.randint(1, 3)) for name, value in row.items()}

    def apply(self) -> None:
        """The role runs, perhaps while somebody is at work or something breaks."""
        if self.rng.random() < 0.8 or not self.options:
            self.policies()
        what = self.rng.choice(["plain", "plain", "pod", "pod", "kill", "cut", "fault"])
        self.told.append(f"apply {what}: {self.wanted} {self.options}")
        host, checked = self.host, self.outcome(check=True)
        begun = any(not pod.runs for pod in host.pods.values())  # they may be seen at any moment of the run
        if what == "pod":
            host.pod_comes(self.rng.randint(1, 70))
        if what == "fault":
            name = self.rng.choice(list(FAULTS))
            (host.faults if self.rng.random() < 0.7 else host.refusals)[name] = FAULTS[name]
        done: Outcome | SriovError
        try:
            with host.mortal(self.rng.randint(1, KILLS) if what in ("kill", "cut") else 10**9):
                done = self.outcome()
        except Killed:
            self.reached = False
            self.told.append("killed")
            if what == "cut":
                self.boot()
            done = checked = self.outcome()
        host.wanted, host.faults, host.refusals = "", {}, {}
        self.judge("pod" if begun and what == "plain" else what, checked, done)

    def outcome(self, check: bool = False) -> Outcome | SriovError:
        try:
            return present(self.host, self.wanted, check=check, **self.options)
        except SriovError as error:
            return error

    def judge(self, what: str, checked: Outcome | SriovError, done: Outcome | SriovError) -> None:
        """Whether a run ended as it should."""
        undisturbed = what in ("plain", "kill", "cut") and all(pod.runs for pod in self.host.pods.values())
        self.reached = isinstance(done, Outcome)
        self.told.append(f"ended: {'reached' if self.reached else done}")
        if isinstance(done, Outcome):
            rerun = self.outcome()
            assert isinstance(rerun, Outcome) and not rerun.plan.pending, f"the rerun: {told(rerun)}"
            if not done.plan.reboot_required:
                assert not rerun.plan.steps, f"the rerun: {told(rerun)}"
            self.need_goal(done)
        elif undisturbed:
            assert isinstance(done, RefusedError), f"it failed: {done}"
        if what == "plain" and isinstance(checked, Outcome) and checked.plan.held:
            assert isinstance(done, RefusedError), f"foretold as held, and done: {told(done)}"
        elif what == "plain":
            assert told(checked) == told(done), f"foretold {told(checked)}, done {told(done)}"
        if what == "pod" and isinstance(done, SriovError):
            assert isinstance(done, (RefusedError, TakenError)), f"it failed: {done}"

    def need_goal(self, done: Outcome) -> None:
        """What is there is what was asked for, but for what waits, and what somebody holds."""
        host = self.host
        late = {step.target.address for step in done.plan.steps
                if step.stage == AFTER_REBOOT and hasattr(step.target, "address")}  # fmt: skip
        for pf, name in NAMES.items():
            mine = [one for one in self.wanted if one["nic_selector"]["pf_names"][0].startswith(name)]
            if pf in late or not mine:
                continue
            assert host.numvfs(pf) == mine[0]["num_vfs"], f"{pf} has {host.numvfs(pf)} VFs"
            assert mine[0].get("eswitch_mode") in (None, host.pfs[pf].eswitch), f"{pf} is in {host.pfs[pf].eswitch}"
            for one in mine:
                kind, found = one["device_type"], drivers(host, pf)
                for index in self._indices(one):
                    right = self.facts.vf_driver if kind == "netdevice" else kind
                    assert found[index] == right, f"{pf} vf {index}: {found[index]}"
                for row in one["vfs"]:
                    if host.vf_address(pf, row["indices"]) not in host.pods:
                        now = host.pfs[pf].settings[row["indices"]]
                        assert not {k: now[k] for k, v in row.items() if k != "indices" and now[k] != v}, (row, now)

    @staticmethod
    def _indices(one: dict[str, Any]) -> range:
        _name, _mark, text = one["nic_selector"]["pf_names"][0].partition("#")
        first, _dash, last = text.partition("-")
        return range(int(first), int(last) + 1) if text else range(one["num_vfs"])

    def boot(self) -> None:
        """The machine starts anew, perhaps killed on the way; then the host's network, and the kubelet."""
        host = self.host
        host.reboot(power=self.rng.random() < 0.3)
        early = self.service(boot.EARLY)
        if self.others and PF1 not in record.load(host).pfs:
            somebody_makes(host, self.others)
        host.network_up()
        late = self.service()
        host.kubelet_starts()
        self.told.append(f"boot: {early}, {late}")
        if self.reached:
            again = self.outcome()
            assert isinstance(again, Outcome) and not again.plan.pending, f"after the boot: {told(again)}"
            assert early == late == 0, f"the boot's services failed: {early}, {late}"

    def service(self, *arguments: str) -> int:
        """One of ours, or one that is killed and started again."""
        if self.rng.random() < 0.15:
            with contextlib.suppress(Killed), self.host.mortal(self.rng.randint(1, 20)):
                return boot.main(self.host, arguments)
            self.told.append(f"killed: {arguments}")
        return boot.main(self.host, arguments)

    def drift(self) -> None:
        """Somebody else changes what is ours, and the timer comes."""
        host, pf = self.host, self.rng.choice([*NAMES])
        mine = any(one["nic_selector"]["pf_names"][0].startswith(NAMES[pf]) for one in self.wanted)
        free = [index for index in range(host.numvfs(pf)) if self._is_free(host.vf_address(pf, index))]
        if mine and free and len(free) == host.numvfs(pf) and pf not in host.uses and self.rng.random() < 0.4:
            host._set_numvfs(pf, "0")
        elif mine and free:
            index = self.rng.choice(free)
            if self.rng.random() < 0.5:
                host._unbind(host.vf_address(pf, index))
            else:
                host.pfs[pf].settings[index]["vlan"] = 7
        host.clock += 1300
        self.told.append(f"drift: {self.service(boot.DRIFT)}")
        self.reached = False

    def _is_free(self, vf: str) -> bool:
        return vf not in self.host.pods and vf != self.host.vf_use

    def pods(self) -> None:
        """One is given a VF, and runs; or all end."""
        if self.host.pods and self.rng.random() < 0.5:
            self.host.pods_end()
            self.told.append("pods end")
            return
        self.host.pod_comes(0)
        for _call in range(30):
            self.host.sleep(0.2)
        self.host.pods_run()
        self.told.append(f"pods: {[*self.host.pods]}")

    def network(self) -> None:
        """The host's own network comes to PFs, or a VF, or leaves them."""
        host = self.host
        host.network_down()
        host.uses = set(self.rng.sample([*NAMES], self.rng.randint(0, 2)))
        host.network_up()
        vfs = [host.vf_address(pf, index) for pf in NAMES for index in range(host.numvfs(pf))]
        names = [(vf, path.name) for vf in vfs if vf not in host.pods
                 for path in host.real(f"sys/bus/pci/devices/{vf}/net").glob("*")]  # fmt: skip
        if names and self.rng.random() < 0.3:
            host.vf_use, name = self.rng.choice(names)
            host.nets[name].addresses = ["192.0.2.77"]
        self.told.append(f"network: {host.uses} {host.vf_use}")
        self.reached = False

    def end(self) -> None:
        """Nobody holds anything any more, and all is given back."""
        self.host.pods_end()
        self.host.network_down()
        self.host.uses = set()
        if self.rng.random() < 0.3:
            with contextlib.suppress(Killed), self.host.mortal(self.rng.randint(1, KILLS)):
                absent(self.host)
        absent(self.host)
        after = self.seen()
        assert after == self.before, {
            name: (self.before.get(name), after.get(name))
            for name in {*after, *self.before}
            if after.get(name) != self.before.get(name)
        }


def told(outcome: Outcome | SriovError) -> object:
    """A plan in short, or why there is none."""
    if isinstance(outcome, SriovError):
        return str(outcome)
    return [(f"{step.target}: {step.action}", step.stage) for step in outcome.plan.steps]


def live(root: Path, seed: int) -> list[str]:
    """What happened. Raises AssertionError, with all of that."""
    life = Life(root, seed)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            life.apply()
            turns = [life.apply, life.apply, life.boot, life.drift, life.pods, life.pods, life.network]
            for turn in life.rng.choices(turns, k=life.rng.randint(1, 4)):
                turn()
                assert not life.host.touched, f"{HELD}: {life.host.touched}"
            life.end()
            assert not life.host.touched, f"{HELD}: {life.host.touched}"
    except BaseException as error:
        happened = "\n  ".join(life.told)
        raise AssertionError(f"seed {seed}, {life.driver}: {error!r}\n  {happened}") from error
    return life.told

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firmware settings of NICs, where a policy asks for them (`firmware`): SR-IOV, the number of VFs, link types.

They are read by the NIC as it is reset or powered on. A plan says so; nothing here resets a NIC or a machine. What was
set for the next boot before our first change is in the record, and a teardown sets it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..host import mstconfig, quirks
from ..host.host import Host
from ..host.mstconfig import ENABLED, OFFLOAD_ENGINE, TRUE, VFS
from ..kernel.lockdown import LOCKDOWN
from ..model.errors import HostError, Problem
from ..model.frozen import dataclass
from ..model.goal import FirmwareGoal, Goal
from ..model.plan import REBOOT, Reboot, Step
from ..model.state import NodeState
from ..record.pending_reboot import FIRMWARE
from ..record.record import forget
from ..usage import pods
from .plan import Concern, Draft

KIND = "nic_firmware"
BLUEFIELDS = ("a2d2", "a2d6", "a2dc")  # their device ids as NICs (pci.ids)
WRITERS = ("nic-configuration-daemon", "sriov-network-config-daemon")  # pods that set firmware as well
COLD = "it takes effect as the NIC is reset: by a reboot for most, by a power cycle of the machine for some"


class FirmwareStep(Step, kind=KIND):
    """Set what a NIC reads as it starts. before, after: settings and values."""

    def apply(self, host: Host) -> None:
        mstconfig.set_values(host, self.target, self.after)


class FirmwareBackStep(FirmwareStep, kind=KIND, recorded=False):
    """Set what was there before."""


@dataclass(frozen=True)
class Found:
    """What one NIC's firmware has. running: None where it does not tell."""

    running: Mapping[str, str]
    after: Mapping[str, str]  # the next boot

    def lacks(self, goal: FirmwareGoal) -> dict[str, str]:
        """The settings for the next boot that are not as asked for. More VFs than that are right, too."""
        wanted = {ENABLED: TRUE, VFS: str(goal.num_vfs), **dict(goal.link_types)}
        return {name: value for name, value in wanted.items() if not _serves(name, self.after.get(name), value)}

    def lacks_now(self, goal: FirmwareGoal) -> dict[str, str]:
        """The same for what runs."""
        wanted = {ENABLED: TRUE, VFS: str(goal.num_vfs), **dict(goal.link_types)}
        return {name: value for name, value in wanted.items() if not _serves(name, self.running.get(name), value)}


class FirmwareSettings(Concern):
    """The firmware settings of NICs."""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.state = state
        self.problems: list[Problem] = []
        self.found: dict[str, Found] = {}
        self.before = {key.partition(" ")[2]: value for key, value in state.record.objects.items()
                       if key.startswith(f"{KIND} ")} if goal.whole else {}  # fmt: skip
        self.back = {address: values for address, values in self.before.items()
                     if address.rpartition(".")[0] not in {one.device for one in goal.firmware}}  # fmt: skip
        for one in goal.firmware if host.is_running else ():
            try:
                problems = list(_problems(host, one, state))[:1]
                if not problems and state.pf(one.address) is not None:
                    self.found[one.address] = _read(host, one.address, (ENABLED, VFS, *dict(one.link_types)))
                self.problems += problems
            except HostError as error:
                self.problems.append(error.problem)
        self.goals = [one for one in goal.firmware if one.address in self.found]
        self._look_back(host, state)

    def _look_back(self, host: Host, state: NodeState) -> None:
        """What of the record is not as it was any more: a NIC that is gone has nothing to be given back."""
        self.changed: dict[str, dict[str, str]] = {}
        for address, values in self.back.items():
            if state.pf(address) is None or not host.is_running:
                continue
            try:
                found = _read(host, address, tuple(values))
            except HostError as error:
                self.problems.append(error.problem)
                continue
            if any(found.after.get(name) != value for name, value in values.items()):
                self.changed[address] = dict(found.after)

    def prepare(self, draft: Draft) -> None:
        """PFs are planned as they are with what the NIC will read."""
        rooms = {}
        for goal in self.goals:
            lacking = self.found[goal.address].lacks_now(goal)
            if lacking and not self._useless(draft, goal, lacking):
                rooms.update(_waiting(goal, self.state, lacking))
        pfs = (replace(pf, total_vfs=max(pf.total_vfs, rooms[pf.address]), num_vfs=max(pf.num_vfs, 0),
                       autoprobe=pf.autoprobe is not False) if pf.address in rooms else pf
               for pf in draft.state.pfs)  # fmt: skip
        draft.state = replace(draft.state, pfs=tuple(pfs))

    def plan(self, draft: Draft) -> None:
        draft.problems += self.problems
        for goal in self.goals:
            found = self.found[goal.address]
            after, lacking = found.lacks(goal), found.lacks_now(goal)
            if after:
                before = {name: found.after[name] for name in after if name in found.after}
                text = " ".join(f"{name}={value}" for name, value in after.items())
                action = f"set {text} in the NIC's firmware"
                why = "a policy asks for it"
                draft.boot.append(FirmwareStep(goal.address, action, why, before, after, needs=(REBOOT,)))
            if lacking:
                self._ask(draft, goal, lacking)
        for address, values in self.back.items():
            key = f"{KIND} {address}"
            if address in self.changed:
                step = FirmwareBackStep(address, "set the NIC's firmware as it was", "no policy asks for it any more",
                                        self.changed[address], values)  # fmt: skip
                draft.late.append(step)
                draft.warnings.append(f"{address}: its firmware settings are as they were before; {COLD}")
            draft.forget.append(forget(key))

    def _ask(self, draft: Draft, goal: FirmwareGoal, lacking: Mapping[str, str]) -> None:
        """The reboot, or what is left to a person where one has not helped."""
        items = _items(goal, self.state, lacking)
        text = " ".join(f"{name}={value}" for name, value in lacking.items())
        if self._useless(draft, goal, lacking):
            draft.problems.append(
                Problem(
                    goal.address,
                    f"{text} in the firmware that runs, after the reboot that was for it",
                    "that it is set for the NIC's next start alone",
                    "Power-cycle the machine (off, and on again), or reset the NIC by hand (mstfwreset) when nobody "
                    "uses it, and run this again.",
                )
            )
            return
        draft.warnings.append(f"{goal.address}: {text} is for the NIC's next start; {COLD}")
        reason = f"the firmware of {goal.address} reads {text} as it starts"
        draft.boot.append(Reboot(goal.address, "reboot", reason, [], items, needs=(REBOOT,)))

    def _useless(self, draft: Draft, goal: FirmwareGoal, lacking: Mapping[str, str]) -> bool:
        items = _items(goal, self.state, lacking)
        return draft.kernel is not None and bool(draft.kernel.reboots.without_effect(items))


def _serves(name: str, found: str | None, wanted: str) -> bool:
    if name == VFS and found is not None and found.isdecimal():
        return int(found) >= int(wanted)
    return found == wanted


def _waiting(goal: FirmwareGoal, state: NodeState, lacking: Mapping[str, str]) -> dict[str, int]:
    """The PFs that need what the firmware does not run with yet, and the VFs that they can have then."""
    types = any(name in dict(goal.link_types) for name in lacking)
    found = {}
    for address, count in goal.needs:
        pf = state.pf(address)
        if pf is not None and (types or pf.total_vfs < count):
            found[address] = goal.num_vfs
    return found


def _items(goal: FirmwareGoal, state: NodeState, lacking: Mapping[str, str]) -> list[str]:
    """What a reboot is asked for, by PF: those PFs wait for it."""
    addresses = list(_waiting(goal, state, lacking)) or ["no PF:"]
    return [f"{address}{FIRMWARE}{name}={value}" for address in addresses for name, value in lacking.items()]


def _read(host: Host, address: str, names: tuple[str, ...]) -> Found:
    found = mstconfig.query(host, address, names)
    return Found({name: now for name, (now, _after) in found.items()},
                 {name: after for name, (_now, after) in found.items()})  # fmt: skip


def _problems(host: Host, goal: FirmwareGoal, state: NodeState) -> Iterator[Problem]:
    """Why the firmware of a NIC can't be set, in the order in which it is to be put right."""
    pf = state.pf(goal.address)
    if pf is None:
        return  # told by the PF's own checks
    label = pf.label
    if not quirks.of(pf.driver, pf.vendor).firmware_settings:
        yield Problem(label, "a NIC whose firmware mstconfig sets (NVIDIA; firmware)", f"vendor {pf.vendor}",
                      "Take firmware out of the policy, and set it in the NIC's own setup.")  # fmt: skip
    if state.lockdown:
        yield Problem(label, "a kernel that lets mstconfig at the NIC (firmware)",
                      f"it is locked down ({state.lockdown}, {LOCKDOWN})",
                      "Set the firmware with Secure Boot switched off, or in the BIOS.")  # fmt: skip
    if not mstconfig.is_installed(host):
        yield Problem(label, "mstconfig, to set the NIC's firmware (firmware)", "no such program",
                      "Install the package mstflint.")  # fmt: skip
    writers = [f"{namespace}/{pod}" for namespace, pod, _uid in pods.logged_pods(host)
               if pod.startswith(tuple(f"{name}-" for name in WRITERS))]  # fmt: skip
    if writers:
        yield Problem(label, "one who sets the NIC's firmware on this node", f"the pod {writers[0]} does, too",
                      "Take firmware out of the policy, or that pod from this node.")  # fmt: skip
    elif pf.device in BLUEFIELDS and mstconfig.is_installed(host) and _is_dpu(host, goal.address):
        yield Problem(label, "a BlueField that is the host's NIC (firmware)", f"DPU mode ({OFFLOAD_ENGINE}=ENABLED)",
                      "Set its firmware from its own system, or put it into NIC mode.")  # fmt: skip


def _is_dpu(host: Host, address: str) -> bool:
    return mstconfig.query(host, address, (OFFLOAD_ENGINE,)).get(OFFLOAD_ENGINE, ("", ""))[0] == "ENABLED"

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot services: bring PFs, VFs, drivers and huge pages to what the last run of sriov_node left in node.json.

Huge pages are taken first, while memory is free. VFs are made before the network comes up; then, before the kubelet
starts, all is brought to its goal. Kernel arguments and files are never touched here. A PF that fails does not keep the
others from being set up.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace

from ..host.host import Host
from ..kernel import arguments as kernel_arguments
from ..kernel import cmdline
from ..kernel.hugepages import HugePagesStep
from ..model.errors import SlowError, SriovError, StateFileError, TakenError
from ..model.goal import DEFAULT_DRIVER, Goal, PfGoal, goal_from_dict
from ..model.plan import Step
from ..model.state import NodeState
from ..pf.netdevs import udev_is_done
from ..pf.steps import AttributesStep, AutoprobeStep, DriverStep, EswitchModeStep, LinkStep, NumVfsStep, RebindStep
from ..pf.vf_attributes import AT_BIND
from ..policy import waiting
from ..policy.rendered_files import NODE_PATH
from ..record import pending_reboot
from ..record.record import LOCK
from ..shared import pci, pci_classes
from .concerns import RUNTIME
from .run import Choice, all_of_it, run

APPEAR_SECONDS = 60.0  # a PF's driver is loaded by udev, which may be busy at boot
TRIES = 3
PAUSE_SECONDS = 2.0
TRY_SECONDS = 60.0  # after which no more try is begun for a PF
ALL, EARLY, ONE_PF = "all", "early", "pf"
STATUS_LIMIT = 2000  # characters
EARLY_STEPS = (LinkStep, AutoprobeStep, NumVfsStep, EswitchModeStep, RebindStep, HugePagesStep)


def early_part(step: Step) -> Step | None:
    """What of a step comes before the network: VFs that the kernel's driver has, with the settings that it reads as it
    is bound. Rates may need the PF's link, and drivers for user space no network.
    """
    if isinstance(step, AttributesStep) and AT_BIND & set(step.after):
        after = {name: value for name, value in step.after.items() if name in AT_BIND}
        action = "set " + ", ".join(f"{name} {value}" for name, value in after.items())
        return replace(step, action=action, before={name: step.before.get(name) for name in after}, after=after)
    kernels = isinstance(step, DriverStep) and step.after == DEFAULT_DRIVER
    return step if kernels or isinstance(step, EARLY_STEPS) else None


def load_goal(host: Host) -> Goal:
    """The goal from node.json; an empty one where there is no such file. Raises StateFileError."""
    text = host.read_text(NODE_PATH)
    if text is None:
        return Goal(whole=False)
    text = _since_reboot(host, text).get(NODE_PATH, text)
    try:
        return goal_from_dict(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateFileError(
            f"{NODE_PATH}: expected the goal that sriov_node writes, found {error}. "
            "Run the role again; it writes the file anew."
        ) from error


def main(host: Host | None = None, arguments: Sequence[str] = ()) -> int:
    """Exit status 0 where everything is as it should be; the lines that it prints go to the journal.

    arguments: none for everything, EARLY for what comes before the network (see `early_part`), or ONE_PF and the
    address of a PF that has appeared.
    """
    host = host or Host()
    what, rest = (arguments[0], arguments[1:]) if arguments else (ALL, ())
    if (what, len(rest)) not in ((ALL, 0), (EARLY, 0), (ONE_PF, 1)):
        return _say_failed([f"{' '.join(arguments)}: expected {ALL}, {EARLY}, or {ONE_PF} ADDRESS"], 0)
    _take_effect(host)
    try:
        goal = _chosen(load_goal(host), what, rest)
    except SriovError as error:
        return _say_failed([str(error)], 0)
    text = host.read_text(NODE_PATH)
    no_pages = replace(goal.options, hugepages=())
    parts = [replace(goal, pfs=(pf,), functions=(), options=no_pages) for pf in goal.pfs]
    if goal.functions:
        parts.append(replace(goal, pfs=(), options=no_pages))
    if goal.options.hugepages:
        parts.insert(0, replace(goal, pfs=(), functions=()))
    wait_for_pfs(host, goal.pfs)
    errors = []
    with contextlib.suppress(SriovError):  # a memory that stays costs nothing now
        _settle_reboot(host)
    for part in parts:
        try:
            _bring_up(host, part, text, early_part if what == EARLY else all_of_it)
        except SriovError as error:
            errors.append(str(error))
    if errors:
        return _say_failed(errors, len(parts))
    _tell_status(f"PFs, functions and huge pages: {len(parts)}/{len(parts)} configured")
    return 0


def _since_reboot(host: Host, text: str | None) -> dict[str, str]:
    return waiting.since_reboot(text, pending_reboot.boot_id(host))


def _take_effect(host: Host) -> None:
    """Write the files that waited for this boot, before anything reads them. Where that fails the PFs are set up all
    the same, and a run of the role puts the files right.
    """
    try:
        if _since_reboot(host, host.read_text(NODE_PATH)):
            with host.lock(LOCK):
                texts = _since_reboot(host, host.read_text(NODE_PATH))
                for path in sorted(texts, key=lambda path: path == NODE_PATH):  # the last one says that it is done
                    host.write_file(path, texts[path].encode())
    except SriovError as error:
        sys.stdout.write(f"<4>{error}\n")


def _chosen(goal: Goal, what: str, rest: Sequence[str]) -> Goal:
    if what == EARLY:  # VFs that somebody else makes may come with the network
        return replace(goal, pfs=tuple(pf for pf in goal.pfs if not pf.externally_managed), functions=())
    if what == ONE_PF:
        no_pages = replace(goal.options, hugepages=())
        return replace(goal, pfs=tuple(pf for pf in goal.pfs if pf.address in rest), functions=(), options=no_pages)
    return goal


def _settle_reboot(host: Host) -> None:
    running = cmdline.split(host.read_text(kernel_arguments.RUNNING) or "")
    pending_reboot.settle(host, cmdline.lacking(running, pending_reboot.read(host).requested))


def wait_for_pfs(host: Host, pfs: Sequence[PfGoal]) -> None:
    """Until each PF has its driver, if it is a NIC its interface with the name that udev gives it, and the VFs that
    somebody else makes.

    A bounded time, as the plan tells what is missing.
    """
    give_up = host.monotonic() + APPEAR_SECONDS
    waiting = list(pfs)
    while waiting and host.monotonic() < give_up:
        waiting = [pf for pf in waiting if not _is_ready(host, pf)]
        if waiting:
            host.sleep(0.5)


def _is_ready(host: Host, pf: PfGoal) -> bool:
    address = pf.address
    if pf.externally_managed and pci.total_vfs(host.root, address) < 0 and host.exists(f"{pci.DEVICES}/{address}"):
        return True  # a VF without its PF
    if pf.externally_managed and pci.num_vfs(host.root, address) < pf.num_vfs:
        return False
    if pci.total_vfs(host.root, address) < 0:
        return False
    if not pci_classes.is_network(pci.class_id(host.root, address)):
        return pci.driver(host.root, address) is not None
    return udev_is_done(host, pci.uplink_name(host.root, address))


def _bring_up(host: Host, goal: Goal, text: str | None, chosen: Choice) -> None:
    """Plan and carry out what is chosen of each step.

    Again where udev renamed an interface or a driver was not ready.
    Nothing is done where another run has changed or removed node.json (its `text`) meanwhile: it knows better.
    """

    def current(state: NodeState) -> Goal:
        same = state.file_texts.get(NODE_PATH) == text
        return _as_accepted(goal, state) if same else Goal(whole=False)

    give_up = host.monotonic() + TRY_SECONDS
    for attempt in range(TRIES):
        try:
            outcome = run(host, current, RUNTIME, check=False, chosen=chosen, at_boot=True)
        except (TakenError, SlowError):
            raise  # no better in a moment
        except SriovError:
            if attempt == TRIES - 1 or host.monotonic() >= give_up:
                raise
            host.sleep(PAUSE_SECONDS)
            continue
        for warning in outcome.warnings:
            sys.stdout.write(f"<4>{warning}\n")
        for step in outcome.plan.steps:
            sys.stdout.write(f"{step.target}: {step.action}: done\n")
        return


def _as_accepted(goal: Goal, state: NodeState) -> Goal:
    """What the last run left was accepted by it: an address that came later, or with the initial RAM disk, keeps no PF
    from its VFs. A PF without an interface here may be in a pod.
    """
    here = {pf.address for pf in state.pfs if pf.name is not None}
    pfs = (replace(pf, allow_in_use=True) if pf.address in here else pf for pf in goal.pfs)
    return replace(goal, pfs=tuple(pfs))


def _say_failed(errors: Sequence[str], parts: int) -> int:
    """Exit status 1. journald takes the priority from the line: 3 is an error."""
    for error in errors:
        for line in error.splitlines():
            sys.stderr.write(f"<3>{line}\n")
    first = " ".join(errors[0].split())
    bad = f"{len(errors)}/{max(parts, 1)} NOT configured"
    _tell_status(f"PFs, functions and huge pages: {bad}, the node offers too little: {first}")
    return 1


def _tell_status(text: str) -> None:
    """The line `Status:` of systemctl status, also of a unit that failed (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(f"STATUS={text}"[:STATUS_LIMIT].encode(), address.replace("@", "\0", 1))

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
import sys
from collections.abc import Sequence
from dataclasses import replace

from ..host.host import Host
from ..kernel import arguments as kernel_arguments
from ..kernel import cmdline
from ..kernel.hugepages import HugePagesStep
from ..model.errors import SlowError, SriovError, TakenError
from ..model.goal import DEFAULT_DRIVER, Goal, PfGoal
from ..model.plan import Step
from ..pf.netdevs import udev_is_done
from ..pf.steps import AttributesStep, AutoprobeStep, DriverStep, EswitchModeStep, LinkStep, NumVfsStep, RebindStep
from ..pf.vf_attributes import AT_BIND
from ..policy.rendered_files import NODE_PATH
from ..record import pending_reboot
from ..record.record import LOCK
from ..shared import pci, pci_classes
from . import pause, services
from .concerns import RUNTIME
from .run import Choice, all_of_it, run
from .services import load_goal

APPEAR_SECONDS = 60.0  # a PF's driver is loaded by udev, which may be busy at boot
TRIES = 3
PAUSE_SECONDS = 2.0
TRY_SECONDS = 60.0  # after which no more try is begun for a PF
ALL, EARLY, ONE_PF, DRIFT, FIRST = "all", "early", "pf", "drift", "first"
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


def main(host: Host | None = None, arguments: Sequence[str] = ()) -> int:
    """Exit status 0 where everything is as it should be; the lines that it prints go to the journal.

    arguments: none for everything, EARLY for what comes before the network (see `early_part`), DRIFT for what is told
    and put right from time to time (see `drift`), FIRST for what an image left (see `first_boot`), or ONE_PF and the
    address of a PF that has appeared.
    """
    host = host or Host()
    what, rest = (arguments[0], arguments[1:]) if arguments else (ALL, ())
    if (what, len(rest)) not in ((ALL, 0), (EARLY, 0), (DRIFT, 0), (FIRST, 0), (ONE_PF, 1)):
        known = f"{ALL}, {EARLY}, or {ONE_PF} ADDRESS, or {DRIFT}, or {FIRST}"
        return _say_failed([f"{' '.join(arguments)}: expected {known}"], 0)
    if paused := pause.read(host):
        if what != DRIFT:  # which would say it each time
            services.warn(f"nothing is set up: the node is paused {paused}; {pause.HOW_TO_END}")
        services.tell_status(f"paused {paused}")
        return 0
    if what == DRIFT:
        from .drift import run_pass

        return run_pass(host)
    if what == FIRST:
        from . import first_boot

        return first_boot.main(host)
    _take_effect(host)
    try:
        goal = _chosen(load_goal(host), what, rest)
    except SriovError as error:
        return _say_failed([str(error)], 0)
    text = host.read_text(NODE_PATH)
    parts = services.parts_of(goal)
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
    services.tell_status(f"PFs, functions and huge pages: {len(parts)}/{len(parts)} configured")
    return 0


def _take_effect(host: Host) -> None:
    """Write the files that waited for this boot, before anything reads them. Where that fails the PFs are set up all
    the same, and a run of the role puts the files right.
    """
    try:
        if services.since_reboot(host, host.read_text(NODE_PATH)):
            with host.lock(LOCK):
                texts = services.since_reboot(host, host.read_text(NODE_PATH))
                for path in sorted(texts, key=lambda path: path == NODE_PATH):  # the last one says that it is done
                    host.write_file(path, texts[path].encode())
    except SriovError as error:
        services.warn(str(error))


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
    """
    current = services.unless_changed(goal, text)
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
            services.warn(warning)
        for step in outcome.plan.steps:
            sys.stdout.write(f"{step.target}: {step.action}: done\n")
        return


def _say_failed(errors: Sequence[str], parts: int) -> int:
    """Exit status 1."""
    first = " ".join(errors[0].split())
    bad = f"{len(errors)}/{max(parts, 1)} NOT configured"
    services.tell_status(f"PFs, functions and huge pages: {bad}, the node offers too little: {first}")
    return services.say_errors(errors)

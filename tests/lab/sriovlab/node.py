# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of this checkout's lab: up, down, reset, and what they share with the power of one node."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import shutil
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from . import cache, clients, holder, image, lock, qemu, release, snapshot, state, steps
from .command import run
from .definition import USUAL, Definition
from .pki import NODES
from .progress import LabError, QemuEnded, say, side_by_side, step
from .release import Release
from .snapshot import BOOT, IOMMU, READY, Snapshot
from .ssh import Ssh
from .state import CHECKOUT, Members, State

# What `up` waits for.
WAITS = ("none", "ssh", "ready")
SSH_TIMEOUT = 600.0
READY_TIMEOUT = 1200.0
POWER_OFF_TIMEOUT = 120.0
# Where, in the run folder, an image's first boot lives.
IMAGE_RUN = "image"

Started = tuple[State, float | None]  # and the monotonic time of power-on; None: it was on already


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep this checkout's other commands out, and end a QEMU that a killed one left: it holds the lab."""
    folder = state.make_run_dir()
    with (folder / "command.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        known = {current.pid for current in state.running()}
        for run_dir in (folder, folder / IMAGE_RUN, *map(state.node_dir, NODES)):
            pid = qemu.read_pid(run_dir)
            if pid and qemu.alive(pid, run_dir) and pid not in known:
                say(f"ending process {pid}, which an interrupted run left")
                qemu.stop(pid, run_dir, grace=0)
        yield


@contextlib.contextmanager
def _released() -> Iterator[None]:
    """alone(), and at the end this checkout has no hold of the machine's lab, whatever its files are like."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(alone())
        except LabError:
            holder.stop(state.run_dir())
            raise
        stack.callback(holder.stop, state.run_dir())
        yield


@contextlib.contextmanager
def _lock(lock_timeout: float) -> Iterator[int]:
    """The descriptor of the machine's lab lock: the holder's where this lab is on, else a new one."""
    run_dir = state.make_run_dir()
    if holder.pid(run_dir):
        with holder.descriptor(run_dir) as descriptor:
            yield descriptor
    else:
        with lock.held(CHECKOUT, lock_timeout) as descriptor:
            yield descriptor


def _image(descriptor: int, what: Release) -> image.Image:
    return image.get(what, state.make_run_dir() / IMAGE_RUN, descriptor)


def _current(have: Members) -> image.Image:
    """The image of a lab that is on: all of its nodes stand on the same. Raises LabError where that is gone."""
    found = image.Image(Path(have.image))
    if not found.disk.is_file() or found.identity != have.image_id:
        raise LabError(f"{found.folder}: expected the image that the lab's nodes stand on, found none or another one; "
                       "start anew with `python3 tests/lab/lab.py reset`")  # fmt: skip
    return found


def is_on() -> bool:
    """Whether this checkout has a lab, with its nodes on or off. Raises LabError where only the holder is gone."""
    run_dir = state.run_dir()
    if holder.pid(run_dir):
        return True
    if state.running():
        with holder.descriptor(run_dir):  # says what to do
            pass
    return False


def _overlay(pristine: Path, overlay: Path) -> None:
    """A fresh disk that costs nothing: reads come from the image or a snapshot, writes stay here."""
    overlay.unlink(missing_ok=True)
    form = "qcow2" if pristine.suffix == ".qcow2" else "raw"
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", form, "-b", pristine, overlay])


def _has_disk(last: State | None, found: image.Image) -> bool:
    """Whether a node's last disk can be used again."""
    if last is None or last.image_id != found.identity:
        return False
    return last.overlay.is_file() and Path(last.base or found.disk).is_file()


def _power_on(
    name: str, found: image.Image, descriptor: int, fresh: bool, definition: Definition, kept: Snapshot | None
) -> State:
    """Start a node's QEMU on its overlay (a new one if `fresh`, or where that is of another image); save its state."""
    folder, last = state.make_node_dir(name), state.load(name)
    keep = not fresh and _has_disk(last, found)
    kept = None if keep else kept
    base = kept.disk if kept else found.disk
    # Another program may take a port between its choice and its use: a refused start is tried again.
    for attempt in range(3):
        ssh_port = last.ssh_port if last and not attempt else qemu.free_port()
        api_port = last.api_port if last and not attempt else qemu.free_port((ssh_port,))
        new = State(
            pid=0, accel=qemu.accelerator(found.kernel), image=str(found.folder), image_id=found.identity,
            ssh_port=ssh_port, api_port=api_port if name == NODES[0] else 0, node=name, definition=definition,
            ssh_seconds=last.ssh_seconds if last and keep else None,
            ready_seconds=last.ready_seconds if last and keep else None,
            base=last.base if last and keep else str(base), kept=bool(kept),
        )  # fmt: skip
        if not (keep or attempt):
            _overlay(base, new.overlay)
        try:
            pid = qemu.start(new.machine(), descriptor, kept.memory if kept else None)
            new = dataclasses.replace(new, pid=pid)
            break
        except LabError as exc:
            if attempt == 2 or "host forwarding" not in str(exc):
                raise
    new.save()
    say(f"{name} is on ({new.accel}, process {new.pid}); its serial log: {folder / 'serial.log'}")
    return new


def _release(system: str | None, have: Members | None, another: bool = False) -> Release:
    """What is asked for, or what the lab has, or the usual. Raises LabError where it is to be `another` and can't."""
    found = release.named(system or (have.release if have else release.USUAL))
    if have and not another and found.name != have.release:
        raise LabError(f"--release {found.name}: the lab has nodes of {have.release}; end it first with "
                       "`python3 tests/lab/lab.py down`, or start all anew with `reset`")  # fmt: skip
    return found


def start(
    names: Sequence[str], count: int, lock_timeout: float, *, fresh: bool = False, definition: Definition = USUAL,
    beginning: str = BOOT, system: str | None = None,
) -> list[Started]:
    """Power nodes on in a lab of `count`; all of them fresh means the image of today. The caller is alone.

    system: the release that a lab which is not on yet shall have, if not that of its last disks.
    """
    run_dir, have = state.make_run_dir(), state.members()
    renew = (fresh and len(names) == count) or not is_on() or have is None
    what = _release(system, have, another=renew)
    if renew:
        image.prepare(what)
    with _lock(lock_timeout) as descriptor:
        found = _image(descriptor, what) if renew or have is None else _current(have)
        Members(count, str(found.folder), found.identity, what.name).save()
        try:
            holder.start(run_dir, descriptor)
            new: list[Started] = []
            for name in names:
                started = time.monotonic()
                kept = None if beginning == BOOT else snapshot.find(found, qemu.accelerator(found.kernel), beginning)
                new.append((_power_on(name, found, descriptor, fresh, definition, kept), started))
            clients.write(state.states())
        except BaseException:
            if not state.running():
                holder.stop(run_dir)
            raise
    return new


def wait(current: State, until: str, started: float | None) -> State:
    """Wait for "ssh" or "ready"; with `started` (monotonic time of power-on) the times are saved."""
    if until == "none":
        return current
    ssh = current.ssh()
    with step(f"waiting for SSH to {current.node}"):
        boot_id = ssh.wait(SSH_TIMEOUT, current.running)
    since = _set_clock(ssh) if current.kept and started is not None else 0.0
    if started is not None:
        current = dataclasses.replace(current, ssh_seconds=round(time.monotonic() - started, 1))
        current.save()
        steps.note(steps.KEPT_SSH if current.kept else steps.BOOT_SSH, time.monotonic() - started)
    if until == "ready":
        with step(f"waiting for Kubernetes on {current.node}"):
            current.api().wait_ready(boot_id, READY_TIMEOUT, current.running, current.node, since)
        if started is not None:
            current = dataclasses.replace(current, ready_seconds=round(time.monotonic() - started, 1))
            current.save()
            steps.note(steps.KEPT_READY if current.kept else steps.BOOT_READY, time.monotonic() - started)
    return current


def _set_clock(ssh: Ssh) -> float:
    """End the node's standstill: its clock goes on from the moment when it was kept. Seconds of the epoch."""
    now = time.time()
    ssh.run(["date", "--utc", f"--set=@{now:.3f}"])
    return now


def _come_up(current: State, until: str, started: float | None, lock_timeout: float) -> State:
    """wait(); a node whose QEMU fails an assertion of its own is powered on once more.

    Under multi-threaded TCG QEMU 10.0 does that now and then, probably since a CPU that waits for the big lock uses a
    stale entry of its TLB while another maps PCI registers (as espressif/qemu#174 describes it).
    """
    try:
        return wait(current, until, started)
    except QemuEnded as exc:
        failed = qemu.failed_assertion(current.folder)
        if started is None or not (failed or current.kept):
            raise
        say(f"{exc}")
        say(f"{current.node} is powered on once more: {failed or 'it did not go on from where it was kept'}")
    with alone():
        have = state.members()
        count = have.count if have else 1
        ((current, started),) = start([current.node], count, lock_timeout, fresh=current.kept,
                                      definition=current.definition)  # fmt: skip
    return wait(current, until, started)


def come_up(nodes: Sequence[Started], until: str, lock_timeout: float) -> list[State]:
    """Wait for nodes, side by side. Raises LabError for the first that does not come up."""
    return side_by_side([partial(_come_up, current, until, started, lock_timeout) for current, started in nodes])


def off(nodes: Sequence[State], grace: float) -> None:
    """End nodes that are on, side by side. The caller is alone."""

    def end(current: State) -> None:
        current.ssh().close()
        qemu.stop(current.pid, current.folder, grace * current.time_scale())

    side_by_side([partial(end, current) for current in nodes])


def _count(given: int | None) -> int:
    """How many nodes are meant: those that are asked for, or those of the lab that is on, or one."""
    have = state.members()
    there = have.count if have and (holder.pid(state.run_dir()) or state.running()) else 1
    return given or there


def _keep(beginning: str, lock_timeout: float, system: str | None) -> None:
    """Have the snapshot that a lab of one node begins with: where there is none, boot for it. The node is off then."""
    with alone():
        off(state.running(), grace=0)
        what = _release(system, state.members(), another=True)
        image.prepare(what)
        with _lock(lock_timeout) as descriptor:
            found = _image(descriptor, what)
        if snapshot.find(found, qemu.accelerator(found.kernel), beginning):
            return
        say("there is no machine yet that was kept as it ran: booting one")
        new = start(NODES[:1], 1, lock_timeout, fresh=True, system=system)
    (current,) = come_up(new, "ready", lock_timeout)
    if beginning == IOMMU:
        current = _with_iommu(current)
    with alone():
        snapshot.save(current, found, beginning)


def _with_iommu(current: State) -> State:
    """Boot a node with the kernel's arguments for an IOMMU, as its administrator would have set them."""
    ssh = current.ssh()
    boot_id = ssh.boot_id()
    ssh.run(["mkdir", "-p", "/etc/default/grub.d"])
    ssh.run(["tee", "/etc/default/grub.d/90-iommu.cfg"], input=snapshot.GRUB_LINE)
    ssh.run(["update-grub"], timeout=600)
    ssh.run(["systemctl", "reboot"], check=False)
    ssh.close()
    with step(f"waiting for {current.node} to boot with an IOMMU"):
        boot_id = ssh.wait(SSH_TIMEOUT, current.running, boot_id)
        current.api().wait_ready(boot_id, READY_TIMEOUT, current.running, current.node)
    return current


def up(
    nodes: int | None, until: str, lock_timeout: float, beginning: str = READY, system: str | None = None
) -> list[State]:
    """Start this checkout's nodes, or find them running.

    Their last disks are used again, unless the image that they stand on is no longer the right one. system: the
    release that they shall have.
    """
    if beginning != BOOT and _count(nodes) == 1 and state.load() is None:
        return reset(None, nodes, until, lock_timeout, beginning, system)
    with alone():
        count, on = _count(nodes), state.running() if is_on() else []
        if any(current.node not in NODES[:count] for current in on):
            raise LabError(f"--nodes {count}: the lab has {', '.join(current.node for current in on)} on; "
                           "end it first with `python3 tests/lab/lab.py down`")  # fmt: skip
        if is_on():
            _release(system, state.members())
        for current in on:
            say(f"{current.node} is on already (process {current.pid})")
        there: dict[str, Started] = {current.node: (current, None) for current in on}
        missing = [name for name in NODES[:count] if name not in there]
        new = start(missing, count, lock_timeout, system=system) if missing else []
        there.update({one[0].node: one for one in new})
    return come_up([there[name] for name in NODES[:count]], until, lock_timeout)


def down() -> None:
    """Power all nodes off, wait until they are, and give the machine's lab free."""
    with _released(), step("powering the lab off"):
        on = state.running()
        off(on, POWER_OFF_TIMEOUT)
        for current in state.states():
            if current not in on:
                failed = qemu.failed_assertion(current.folder)
                say(f"{current.node} was off{failed and ': QEMU ended by itself: '}{failed}")
        if not state.states():
            say("node1 was off")


def reset(
    name: str | None, nodes: int | None, until: str, lock_timeout: float, beginning: str = READY,
    system: str | None = None,
) -> list[State]:
    """Back to the pristine disk, of all nodes or of one, and on again. What the disk held is lost.

    beginning: of snapshot.BEGINNINGS, for a lab of one node; several nodes boot.
    system: the release of all nodes, if not that of those that are on.
    """
    beginning = beginning if _count(nodes) == 1 else BOOT
    if beginning != BOOT:
        _keep(beginning, lock_timeout, system)
    with alone():
        count = _count(nodes)
        if name is None:
            system = system or (None if is_on() else release.USUAL)
            off(state.running(), grace=0)
            for gone in NODES[count:]:
                shutil.rmtree(state.node_dir(gone), ignore_errors=True)
        else:
            one_of(name, count)
            if name == NODES[0] and count > 1:
                raise LabError("reset node1: it holds the cluster that the other nodes belong to; `reset` without a "
                               "name renews all nodes")  # fmt: skip
            off([current for current in state.running() if current.node == name], grace=0)
        names = NODES[:count] if name is None else (name,)
        new = start(names, count, lock_timeout, fresh=True, beginning=beginning, system=system)
    return come_up(new, until, lock_timeout)


def one_of(name: str, count: int) -> None:
    """Raises LabError where a lab of `count` nodes has none of this name."""
    if name not in NODES[:count]:
        raise LabError(f"{name}: expected a node of this lab, which has {', '.join(NODES[:count])}; "
                       f"`python3 tests/lab/lab.py up --nodes {NODES.index(name) + 1}` starts it")  # fmt: skip


def clean() -> None:
    """Power off without a word and remove this checkout's run folder (the cache stays)."""
    with _released():
        off(state.running(), grace=0)
        holder.stop(state.run_dir())
        shutil.rmtree(state.run_dir())


def build(lock_timeout: float, system: str | None = None) -> image.Image:
    """Fill the cache; what needs no QEMU comes first, so that nobody waits for a compiler."""
    what = release.named(system or release.USUAL)
    with alone():
        image.prepare(what)
        there = cache.root() / f"image-{image.key(image.programs(), what)}"
        if there.is_dir():  # then nobody's node has to end first
            return image.Image(there)
        with _lock(lock_timeout) as descriptor:
            return _image(descriptor, what)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of this checkout's node: up, down, reset."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from . import cache, image, lock, qemu, state
from .command import run
from .progress import LabError, QemuEnded, say, step
from .state import CHECKOUT, State

# What `up` waits for.
WAITS = ("none", "ssh", "ready")
SSH_TIMEOUT = 600.0
READY_TIMEOUT = 1200.0
POWER_OFF_TIMEOUT = 120.0
# Where, in the run folder, an image's first boot lives.
IMAGE_RUN = "image"


def _running() -> State | None:
    found = state.load()
    return found if found and found.running() else None


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep this checkout's other commands out, and end a QEMU that a killed one left: it holds the lab."""
    folder = state.make_run_dir()
    with (folder / "command.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        current = _running()
        for run_dir in (folder, folder / IMAGE_RUN):
            pid = qemu.read_pid(run_dir)
            if pid and qemu.alive(pid, run_dir) and not (current and current.pid == pid):
                say(f"ending process {pid}, which an interrupted run left")
                qemu.stop(pid, run_dir, grace=0)
        yield


def _image(descriptor: int) -> image.Image:
    return image.get(state.make_run_dir() / IMAGE_RUN, descriptor)


def _overlay(pristine: Path, overlay: Path) -> None:
    """A fresh disk that costs nothing: reads come from the image, writes stay here."""
    overlay.unlink(missing_ok=True)
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", pristine, overlay])


def _boot(found: image.Image, descriptor: int, fresh: bool) -> State:
    """Start QEMU on this checkout's overlay (a new one if `fresh`) and save the state."""
    folder = state.make_run_dir()
    # Another program may take a port between its choice and its use: a refused start is tried again.
    for attempt in range(3):
        ssh_port = qemu.free_port()
        new = State(
            pid=0,
            accel=qemu.accelerator(found.kernel),
            image=str(found.folder),
            image_id=found.identity,
            ssh_port=ssh_port,
            api_port=qemu.free_port((ssh_port,)),
        )
        if fresh and not attempt:
            _overlay(found.disk, new.overlay)
        state.write_client_files(new)
        try:
            new = dataclasses.replace(new, pid=qemu.start(new.machine(), descriptor))
            break
        except LabError as exc:
            if attempt == 2 or "host forwarding" not in str(exc):
                raise
    new.save()
    say(f"node1 is on ({new.accel}, process {new.pid}); its serial log: {folder / 'serial.log'}")
    return new


def wait(current: State, until: str, started: float | None) -> State:
    """Wait for "ssh" or "ready"; with `started` (monotonic time of power-on) the times are saved."""
    if until == "none":
        return current
    ssh = current.ssh()
    with step("waiting for SSH"):
        boot_id = ssh.wait(SSH_TIMEOUT, current.running)
    if started is not None:
        current = dataclasses.replace(current, ssh_seconds=round(time.monotonic() - started, 1))
        current.save()
    if until == "ready":
        with step("waiting for Kubernetes"):
            current.api().wait_ready(boot_id, READY_TIMEOUT, current.running)
        if started is not None:
            current = dataclasses.replace(current, ready_seconds=round(time.monotonic() - started, 1))
            current.save()
    return current


def _start(lock_timeout: float, fresh: bool) -> tuple[State, float]:
    """Boot; returns the state and the monotonic time of power-on. The caller is alone."""
    image.prepare()
    with lock.held(CHECKOUT, lock_timeout) as descriptor:
        found = _image(descriptor)
        last = state.load()
        keep = not fresh and last is not None and last.image_id == found.identity and last.overlay.is_file()
        started = time.monotonic()
        return _boot(found, descriptor, fresh=not keep), started


def up(until: str, lock_timeout: float) -> State:
    """Start this checkout's node, or find it running.

    The last run's disk is used again, unless the image that it stands on is no longer the right one.
    """
    started: float | None = None
    with _alone():
        current = _running()
        if current:
            say(f"node1 is on already (process {current.pid})")
        else:
            current, started = _start(lock_timeout, fresh=False)
    return _come_up(current, until, started, lock_timeout)


def _come_up(current: State, until: str, started: float | None, lock_timeout: float) -> State:
    """wait(); a node whose QEMU fails an assertion of its own is powered on once more.

    Under multi-threaded TCG QEMU 10.0 does that now and then, probably since a CPU that waits for the big lock uses a
    stale entry of its TLB while another maps PCI registers (as espressif/qemu#174 describes it).
    """
    try:
        return wait(current, until, started)
    except QemuEnded as exc:
        failed = qemu.failed_assertion(current.run_dir)
        if started is None or not failed:
            raise
        say(f"{exc}")
        say(f"it failed by itself, so node1 is powered on once more: {failed}")
    with _alone():
        current, started = _start(lock_timeout, fresh=False)
    return wait(current, until, started)


def _off(grace: float) -> bool:
    """End a running node; returns whether there was one. The caller is alone."""
    current = _running()
    if current:
        current.ssh().close()
        qemu.stop(current.pid, current.run_dir, grace * current.time_scale())
    return current is not None


def down() -> None:
    """Power the node off and wait until it is."""
    with _alone(), step("powering node1 off"):
        if not _off(POWER_OFF_TIMEOUT):
            failed = qemu.failed_assertion(state.run_dir())
            say(f"node1 was off{failed and ': QEMU ended by itself: '}{failed}")


def reset(until: str, lock_timeout: float) -> State:
    """Back to the pristine disk, and on again. What the node's disk held is lost."""
    with _alone():
        _off(grace=0)
        current, started = _start(lock_timeout, fresh=True)
    return _come_up(current, until, started, lock_timeout)


def clean() -> None:
    """Power off without a word and remove this checkout's run folder (the cache stays)."""
    with _alone():
        _off(grace=0)
        shutil.rmtree(state.run_dir())


def build(lock_timeout: float) -> image.Image:
    """Fill the cache; what needs no QEMU comes first, so that nobody waits for a compiler."""
    with _alone():
        image.prepare()
        there = cache.root() / f"image-{image.key(image.programs())}"
        if there.is_dir():  # then nobody's node has to end first
            return image.Image(there)
        with lock.held(CHECKOUT, lock_timeout) as descriptor:
            return _image(descriptor)

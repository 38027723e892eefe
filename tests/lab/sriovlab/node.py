# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of this checkout's node: up, down, reset."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path

from . import image, lock, qemu, state
from .command import run
from .progress import LabError, say, step
from .state import CHECKOUT, State

# What `up` waits for.
WAITS = ("none", "ssh", "ready")
SSH_TIMEOUT = 600.0
READY_TIMEOUT = 1200.0
POWER_OFF_TIMEOUT = 120.0


def _running() -> State | None:
    found = state.load()
    return found if found and found.running() else None


def _overlay(pristine: Path, overlay: Path) -> None:
    """A fresh disk that costs nothing: reads come from the image, writes stay here."""
    overlay.unlink(missing_ok=True)
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", pristine, overlay])


def _boot(found: image.Image, descriptor: int, fresh: bool) -> State:
    """Start QEMU on this checkout's overlay (a new one if `fresh`) and save the state. Keeps nobody waiting."""
    folder = state.make_run_dir()
    # Chosen now and used in a moment: another program may take a port in between, so a refused start is tried again.
    for attempt in range(3):
        ssh_port = qemu.free_port()
        new = State(
            0, qemu.accelerator(found.kernel), str(found.folder), ssh_port, qemu.free_port((ssh_port,))
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
    """Wait for "ssh" or "ready"; with `started` (monotonic power-on time) the times are measured and saved."""
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


def up(until: str, lock_timeout: float) -> State:
    """Start this checkout's node, or find it running; the disk of the last run is used again if its image still is
    the right one."""
    current = _running()
    if current:
        say(f"node1 is on already (process {current.pid})")
        return wait(current, until, None)
    image.prepare()
    with lock.held(CHECKOUT, lock_timeout) as descriptor:
        found = image.get(descriptor)
        last = state.load()
        keep = last is not None and last.image == str(found.folder) and last.overlay.is_file()
        started = time.monotonic()
        current = _boot(found, descriptor, fresh=not keep)
    return wait(current, until, started)


def down() -> None:
    """Power the node off and wait until it is."""
    current = _running()
    if not current:
        say("node1 is off")
        return
    current.ssh().close()
    with step("powering node1 off"):
        qemu.stop(current.pid, current.run_dir, POWER_OFF_TIMEOUT * current.time_scale())


def reset(until: str, lock_timeout: float) -> State:
    """Back to the pristine disk, and on again. What the node's disk held is lost."""
    current = _running()
    if current:
        current.ssh().close()
        qemu.stop(current.pid, current.run_dir, grace=0)
    image.prepare()
    with lock.held(CHECKOUT, lock_timeout) as descriptor:
        found = image.get(descriptor)
        started = time.monotonic()
        current = _boot(found, descriptor, fresh=True)
    return wait(current, until, started)


def clean() -> None:
    """Power off without a word and remove this checkout's run folder (the cache stays)."""
    current = _running()
    if current:
        current.ssh().close()
        qemu.stop(current.pid, current.run_dir, grace=0)
    if state.run_dir().is_dir():
        shutil.rmtree(state.make_run_dir())


def build(lock_timeout: float) -> image.Image:
    """Fill the cache: binaries, base system, image. Slow builds come first, so that nobody waits for a compiler."""
    image.prepare()
    with lock.held(CHECKOUT, lock_timeout) as descriptor:
        return image.get(descriptor)

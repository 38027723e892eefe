# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of one node, as a management controller sees it, and its serial console. The disk stays over all of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from . import node, qemu, qmp, state
from .definition import USUAL, Definition
from .progress import LabError, say
from .state import State

ACTIONS = ("on", "off", "cycle", "hard-reset", "plug")


def _state(name: str) -> State | None:
    """The node, if it is on."""
    return next((current for current in state.running() if current.node == name), None)


def _count(name: str) -> int:
    """How many nodes the lab has. Raises LabError where this is none of them."""
    have = state.members()
    count = have.count if have else 1
    node.one_of(name, count)
    return count


def on(name: str, definition: Definition, until: str, lock_timeout: float) -> State:
    """Power a node on, with this machine; on it stays as it is. Raises LabError where that would be another machine."""
    with node.alone():
        count = _count(name)
        current = _state(name) if node.is_on() else None
        if current is None:
            new = node.start([name], count, lock_timeout, definition=definition)
        elif definition in (USUAL, current.definition):
            say(f"{name} is on already (process {current.pid})")
            new = [(current, None)]
        else:
            raise LabError(f"{name} is on: expected it off, since a machine is chosen at power-on; "
                           f"`python3 tests/lab/lab.py power cycle {name} --machine ...` does both")  # fmt: skip
    return node.come_up(new, until, lock_timeout)[0]


def off(name: str, hard: bool) -> None:
    """Power a node off: by its power button and after a while by force, or (hard) as if the plug was pulled."""
    with node.alone():
        _count(name)
        current = _state(name)
        if current is None:
            say(f"{name} was off")
        else:
            node.off([current], 0 if hard else node.POWER_OFF_TIMEOUT)


def cycle(name: str, definition: Definition, hard: bool, until: str, lock_timeout: float) -> State:
    """Off and on again, with this machine."""
    off(name, hard)
    return on(name, definition, until, lock_timeout)


def hard_reset(name: str) -> None:
    """The reset button: the machine starts anew without a word to its kernel. Raises LabError where it is off."""
    with node.alone():
        _count(name)
        current = _state(name)
        if current is None:
            raise LabError(f"{name} is off: expected it on; `python3 tests/lab/lab.py power on {name}` does that")
        qmp.command(current.machine().qmp, "system_reset")
        current.ssh().close()


def plug(name: str) -> None:
    """Put an NVMe with SR-IOV into the free slot of a node that is on, until its power-off."""
    with node.alone():
        _count(name)
        current = _state(name)
        if current is None:
            raise LabError(f"{name} is off: expected it on; `python3 tests/lab/lab.py power on {name}` does that")
        qmp.command(current.machine().qmp, "device_add", dict(qemu.NVME))


def console(name: str, follow: bool, ended: Callable[[], bool] = lambda: False) -> None:
    """Write the node's serial log to stdout; with `follow`, go on with what comes, over power-offs too."""
    path = state.node_dir(name) / "serial.log"
    if not path.exists():
        raise LabError(f"{name}: expected a serial log in {path.parent}, found none: it was never on")
    seen, offset = -1, 0
    while True:
        try:
            with path.open("rb") as stream:
                # Each power-on makes a new file.
                number = os.fstat(stream.fileno()).st_ino
                stream.seek(offset if number == seen else 0)
                data = stream.read()
                seen, offset = number, stream.tell()
        except FileNotFoundError:
            data = b""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        if not follow or (ended() and not data):
            return
        if not data:
            time.sleep(0.2)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""baremetal-sriov-cni.service: keeps processes at hand that have loaded the plugin, so that a call starts none.

To start an interpreter takes most of a call's time. This process has all modules loaded and forks workers from it
before they are needed; a worker serves one call at a time (worker.py), and no call waits for this process as long as
one is free. client.sh says how a call gets here, handoff.py where. Nothing rests on this service: where it does not
run, or is of another version, client.sh runs the program itself.
"""

from __future__ import annotations

import gc
import os
import select
import sys
import time
from _collections_abc import Callable, Mapping
from _signal import (  # type: ignore[import-not-found]
    SIG_DFL,
    SIGCHLD,
    SIGINT,
    SIGTERM,
    set_wakeup_fd,
    signal,
)
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM
from _socket import socket as _Socket

# All that a call may need: workers get it with the fork.
from ..commands import add, check, delete, gc_status, releases, sweep
from ..host import bpf, log_file
from ..host.host import NodeHost
from ..host.libc import pidfd_getfd
from ..pod import announce, ipam, node_ranges
from ..spec import json_text
from ..vf import go_plugin_state, in_use, quirks, restore, sysctls
from ..vf.settings import vlan_trunk
from .handoff import SLOTS, Handoff
from .warm_up import Call, set_stage, warm_up
from .worker import CONFUSED, DENIED, FREE, TAKEN, Answer, work

CODE = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # the folder of this version
LOADED = (
    go_plugin_state, announce, add, bpf, check, delete, in_use, ipam, json_text, log_file, node_ranges, quirks,
    releases, restore, gc_status, sweep, sysctls, vlan_trunk,
)  # fmt: skip
SPARES = 3  # workers that wait, as for an ADD and a DEL in a row and one beside them
_TICK_SECONDS = 10.0  # a third of WatchdogSec=
_QUIET_SECONDS = 0.03  # without an event: there is time to make spare workers
_STOP_SECONDS = 30.0  # for workers to end; TimeoutStopSec= is longer
_DISTURBED = 1  # exit code: systemd starts it again


def serve(environment: Mapping[str, str], answer: Answer, call: Call) -> int:
    """Serve until SIGTERM, or until another version is installed. Returns the exit code."""
    getfd = _usable()
    notify = _notifier(environment.get("NOTIFY_SOCKET", ""))
    folder = environment.get("RUNTIME_DIRECTORY", "")
    if not folder:
        _say("RUNTIME_DIRECTORY is not set: this is started by baremetal-sriov-cni.service")
        return 2
    return Service(Handoff(folder), answer, call, getfd, notify).run()


def superseded() -> bool:
    """True where the program that was started leads to another version by now, or is gone."""
    try:
        with open(sys.argv[0], "rb") as launcher:
            return f'"{CODE}"'.encode() not in launcher.read()
    except OSError:
        return True


def _usable() -> Callable[[int, int], int] | None:
    """The way to a client's streams; None where this kernel has none, and clients have to do without us."""
    wait, end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(end)
        os.read(wait, 1)  # until the other end is closed
        os._exit(0)
    try:
        getfd = pidfd_getfd()
        pidfd = os.pidfd_open(child)
        os.close(getfd(pidfd, wait))
        os.close(pidfd)
    except (OSError, AttributeError) as error:  # before Linux 5.6, or kernel.yama.ptrace_scope=3
        _say(f"pidfd_open(2) or pidfd_getfd(2) cannot be used ({error}): clients do without this service")
        return None
    finally:
        os.close(wait)
        os.close(end)
        os.waitpid(child, 0)
    return getfd


def _say(text: str) -> None:
    os.write(2, f"{text}\n".encode())


def _notifier(address: str) -> Callable[[str], None]:
    """sd_notify(3)."""
    if not address:
        return lambda text: None
    socket = _Socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
    socket.connect("\0" + address[1:] if address.startswith("@") else address)

    def notify(text: str) -> None:
        try:
            socket.send(text.encode())
        except OSError as error:
            _say(f"systemd cannot be told {text}: {error.strerror}")

    return notify


class Service:
    """The main process. It never serves a call itself, and holds none up."""

    def __init__(
        self,
        handoff: Handoff,
        answer: Answer,
        call: Call,
        getfd: Callable[[int, int], int] | None,
        notify: Callable[[str], None],
    ) -> None:
        self._handoff, self._answer, self._getfd, self._notify = handoff, answer, getfd, notify
        self._call = call
        self._spare: set[int] = set()  # process ids of workers that wait
        self._busy: dict[int, int] = {}  # those that serve: process id to slot
        self._sweeper = 0  # process id of who does what was left behind
        self._events, self._tell = os.pipe()
        self._signals, self._wakeup = os.pipe()
        for fd in (self._events, self._signals, self._wakeup):
            os.set_blocking(fd, False)
        self._denied = False  # that a security policy refuses clients is said once
        self._code = 0
        self._end = 0.0  # time.monotonic() at which it ends, once it was asked to

    def run(self) -> int:
        """Returns the exit code."""
        set_wakeup_fd(self._wakeup)
        for number in (SIGCHLD, SIGTERM, SIGINT):
            signal(number, lambda _number, _frame: None)
        gc.collect()
        gc.freeze()  # workers copy no page for it
        if self._getfd is not None:
            set_stage(self._handoff.stage)
            for _turn in range(SPARES):
                self._fork()
            self._handoff.open_to(os.open(CODE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        self._notify("READY=1")
        poll = select.poll()
        for fd in (self._events, self._signals):
            poll.register(fd, select.POLLIN)
        tick = 0.0
        quiet = False
        while not self._done():
            if time.monotonic() >= tick:
                self._at_tick()
                tick = time.monotonic() + _TICK_SECONDS
            self._replenish(quiet)
            soon = self._end or len(self._spare) < SPARES
            wait = min(_QUIET_SECONDS if soon else _TICK_SECONDS, tick - time.monotonic())
            quiet = not poll.poll(max(0, int(wait * 1000)))
            self._receive()
        self._handoff.close_door()
        return self._code

    def _at_tick(self) -> None:
        self._notify("WATCHDOG=1")
        self._handoff.sweep(self._busy.values())
        if len(self._spare) > SPARES and not self._busy and not self._end:
            self._handoff.dismiss(len(self._spare) - SPARES)
        if superseded():
            self._stop(_DISTURBED, "another version is installed: this one ends")
        if not self._sweeper and not self._end and sweep.pending(NodeHost()):
            self._sweeper = self._in_child(lambda: sweep.sweep(NodeHost()), "what was left behind was not seen to: ")

    def _in_child(self, act: Callable[[], object], failed: str) -> int:
        """The process id of a child that does `act`: this one never waits for anybody. `failed` is put before the
        reason why it did not.
        """
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            # Hold nothing that others wait to be let go of.
            set_wakeup_fd(-1)  # its own file is closed below
            for number in (SIGCHLD, SIGTERM, SIGINT):
                signal(number, SIG_DFL)
            for fd in (self._events, self._signals, self._wakeup):
                os.close(fd)
            self._handoff.for_worker()
            act()
            code = 0
        except Exception as error:
            _say(f"{failed}unexpected {type(error).__name__}: {error}")
        finally:
            os._exit(code)

    def _receive(self) -> None:
        try:
            numbers = os.read(self._signals, 64)
        except BlockingIOError:
            numbers = b""
        if SIGTERM in numbers or SIGINT in numbers:
            self._stop(0, "")
        self._hear()
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._sweeper:
                self._sweeper = 0
                continue
            self._hear()  # what it told before its end
            if os.WIFEXITED(status) and status:
                _say(f"the worker {pid} failed; the client whose call it served was told to call again")
            if pid in self._spare:
                self._spare.remove(pid)
                if status and not self._end:  # perhaps after it took a request, whose client waits
                    self._stop(_DISTURBED, f"the worker {pid} was killed while it waited: the service starts anew")
            slot = self._busy.pop(pid, -1)
            if slot >= 0:
                self._handoff.renew(slot)

    def _hear(self) -> None:
        while True:
            try:
                event = os.read(self._events, TAKEN.size)
            except BlockingIOError:
                return
            pid, slot = TAKEN.unpack(event)
            if slot == CONFUSED:
                self._stop(_DISTURBED, "something else than a request was written for this service: it starts anew")
            if slot == DENIED and not self._denied:
                self._denied = True
                _say(
                    "pidfd_getfd(2) is refused for a client, as by a rule of SELinux or AppArmor for its domain: such "
                    "calls do without this service, which takes tens of milliseconds more each; see the audit log"
                )
            if slot in (FREE, DENIED) and pid in self._busy:
                self._handoff.renew(self._busy.pop(pid))
                self._spare.add(pid)
                if self._end:
                    self._handoff.dismiss(1)
            elif pid in self._spare:
                self._spare.remove(pid)
                self._busy[pid] = slot

    def _replenish(self, quiet: bool) -> None:
        """Make workers: at once where requests wait or nobody is there for the next one, else when nothing goes on."""
        if self._end or self._getfd is None:
            return
        wanted = max(self._handoff.waiting(), 1, SPARES if quiet and not self._busy else 0)
        for _turn in range(wanted - len(self._spare)):
            self._fork()

    def _fork(self) -> None:
        self._spare.add(self._in_child(self._work, ""))  # where it fails, its client sees the end of the reply

    def _work(self) -> None:
        assert self._getfd is not None
        warm_up(self._handoff.stage, self._call, self._handoff.waiting)
        work(self._handoff, self._tell, self._getfd, self._answer)

    def _stop(self, code: int, why: str) -> None:
        if self._end:
            return
        if why:
            _say(why)
        self._code = code
        self._end = time.monotonic() + _STOP_SECONDS
        self._handoff.close_door()
        self._handoff.dismiss(len(self._spare))

    def _done(self) -> bool:
        """True once all workers have ended; those of a call that takes too long end with this process."""
        if not self._end:
            return False
        if not self._spare:  # nobody is there for those that wait: let them do the work themselves
            for slot in set(range(SLOTS)) - set(self._busy.values()):
                self._handoff.hang_up(slot)
        return time.monotonic() >= self._end or not (self._spare or self._busy)

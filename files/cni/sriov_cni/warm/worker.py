# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of the service that serves calls, one after the other, in the place of the client that handed it over.

It has the client's streams (the very same open files, by pidfd_getfd(2)), environment and working directory, and dies
with it: the kernel sends SIGKILL when the client's end of its sign of life goes, as a runtime that gives up kills the
one process that it knows. What cannot be taken over is left to the client, which then does the work itself.

It waits for another call only after one that succeeded, and only if it is as it was before that one: the same open
files and namespaces, no children and no threads. Else it ends, and the next call has a new process.
"""

from __future__ import annotations

import fcntl
import gc
import os
import select
from _collections_abc import Callable
from _signal import SIG_SETMASK, SIGKILL, pthread_sigmask  # type: ignore[import-not-found]
from struct import Struct

from ..host.host import read_all
from .handoff import Handoff, same_fifo
from .same_host import folder_of, place_of, sees

# Answers one call: environment to exit code, document, and what is to be done once the runtime has both (main.answer).
Answer = Callable[[dict[str, str]], "tuple[int, str, Callable[[], None] | None]"]
# What a worker tells the service: its process id, and the slot that it serves.
TAKEN = Struct("=ii")
NO_SLOT = -1  # the request was no client's
CONFUSED = -2  # what came was no request: nobody knows where the next one begins
FREE = -3  # it has served its call, or refused it, and waits for the next
DENIED = -4  # as FREE, and a security policy is why
_CALLS = 200  # by one worker; what a library leaks ends with it
# Where client.sh has the reply and what it was started with.
_REPLY, _STREAMS = 0, (3, 4, 5)
_AT_ONCE = 4096  # bytes: PIPE_BUF, which a FIFO has as a whole or not at all (pipe(7))
_ENVIRONMENT_LIMIT = 8 << 20  # bytes; execve(2) takes 6 MiB


class _Refused(Exception):
    """The client has to do the work itself."""


class _Denied(_Refused):
    """By a security policy, which will deny the next one as well."""


class Client:
    """The process with this id, which holds the other end of `reply`. Raises OSError, _Refused; nothing is left open
    then, and this process is as it was.
    """

    def __init__(self, pid: int, reply: int, getfd: Callable[[int, int], int]) -> None:
        self._proc = f"/proc/{pid}"
        self._open: list[int] = []
        try:
            self._meet(pid, reply, getfd)
        except BaseException:
            self.close()
            raise

    def _meet(self, pid: int, reply: int, getfd: Callable[[int, int], int]) -> None:
        pidfd = self._keep(os.pidfd_open(pid))
        try:
            theirs = self._keep(getfd(pidfd, _REPLY))
            if not same_fifo(theirs, reply):
                raise _Refused  # the id is that of another process, as where the client has process ids of its own
            self.environment = self._read_environment()
            self._at_home = place_of(self._proc) == place_of("/proc/self")
            self._streams = [self._keep(getfd(pidfd, fd)) for fd in _STREAMS]
        except PermissionError:  # for what a process may do to another one, or read of it
            raise _Denied from None
        if not self._at_home and not sees(self._proc, self.environment):
            raise _Refused

    def _keep(self, fd: int) -> int:
        self._open.append(fd)
        return fd

    def close(self) -> None:
        """Let go of all that was taken of it."""
        while self._open:
            os.close(self._open.pop())

    def _read_environment(self) -> dict[str, str]:
        """As the client was started with: a shell leaves out names that it can't use."""
        fd = os.open(f"{self._proc}/environ", os.O_RDONLY | os.O_CLOEXEC)
        try:
            raw = read_all(fd, _ENVIRONMENT_LIMIT)
        finally:
            os.close(fd)
        found: dict[str, str] = {}
        for entry in raw.decode("utf-8", "surrogateescape").split("\0"):
            name, equals, value = entry.partition("=")
            if equals:
                found.setdefault(name, value)
        return found

    def step_in(self) -> None:
        """Have its working directory, and its streams as ours."""
        if self._at_home:
            os.chdir(f"{self._proc}/cwd")
        else:  # not by a mount of its own, which it may keep from being taken away
            os.chdir(folder_of(self._proc, self.environment) or "/")
        for number, fd in enumerate(self._streams):
            os.dup2(fd, number)
        self.close()


def work(handoff: Handoff, events: int, getfd: Callable[[int, int], int], answer: Answer) -> None:
    """Wait for requests and serve them; the caller ends the process then."""
    _leave()
    gc.collect()
    before = _state()
    for _turn in range(_CALLS):
        try:
            request = handoff.next()
        except ValueError:
            os.write(events, TAKEN.pack(os.getpid(), CONFUSED))
            return
        if request is None:
            return
        slot, pid = request
        if handoff.claimer(slot) != pid:  # of a client that met the service before this one
            os.write(events, TAKEN.pack(os.getpid(), NO_SLOT))
            return
        os.write(events, TAKEN.pack(os.getpid(), slot))
        left = _take(handoff, slot, pid, getfd, answer)
        if left == NO_SLOT:
            return
        gc.collect()
        pthread_sigmask(SIG_SETMASK, [])  # an IPAM plugin's end is waited for with SIGCHLD blocked
        if _state() != before:
            return
        os.write(events, TAKEN.pack(os.getpid(), left))


def _state() -> tuple[list[str], list[tuple[int, int]], int, bool]:
    """What a call must leave as it was: files, namespaces, threads, and no child."""
    try:
        os.waitpid(-1, os.WNOHANG)
        childless = False
    except ChildProcessError:
        childless = True
    files = []
    for fd in sorted(os.listdir("/proc/self/fd")):
        try:
            files.append(f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}")
        except OSError:
            continue  # the one that it takes to list them
    return files, place_of("/proc/self"), len(os.listdir("/proc/self/task")), childless


def _take(
    handoff: Handoff, slot: int, pid: int, getfd: Callable[[int, int], int], answer: Answer
) -> int:
    """Serve one call, or leave it to the client. What the service is told then: FREE or DENIED where this process may
    serve another one, NO_SLOT where not.
    """
    try:
        reply = handoff.reply(slot)
    except OSError:
        return FREE  # it is gone
    left = NO_SLOT
    try:
        try:
            client = Client(pid, reply, getfd)
        except (_Refused, OSError) as error:
            left = DENIED if isinstance(error, _Denied) else FREE
            raise
        client.step_in()
        life = handoff.life(slot)
        _die_with(life)
    except (_Refused, OSError):
        _refuse(reply)
        return left
    os.write(reply, b"t\n")
    return FREE if _serve(answer, client.environment, reply, life) else NO_SLOT


def _refuse(reply: int) -> None:
    """Tell the client, if it is there, that it has to do the work itself."""
    _leave()
    try:
        os.write(reply, b"n\n")
    except OSError:
        return
    finally:
        os.close(reply)


def _die_with(life: int) -> None:
    """Have the kernel end this process once nobody holds the other end. Raises _Refused where that is so already."""
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETSIG, SIGKILL)
    fcntl.fcntl(life, fcntl.F_SETFL, os.O_WRONLY | os.O_NONBLOCK | os.O_ASYNC)
    poll = select.poll()
    poll.register(life, 0)
    if poll.poll(0):  # POLLERR: it went between open(2) and here
        raise _Refused


def _serve(answer: Answer, environment: dict[str, str], reply: int, life: int) -> bool:
    code, text, later = answer(environment)
    document = text.encode()
    # In one write with the exit code: a client that gets no code says so in a document, and the runtime takes but one.
    line = b"%d %s\n" % (code, document)
    if len(line) > _AT_ONCE:
        os.write(1, document + b"\n")
        line = b"%d\n" % code
    os.close(life)  # all is done: this process outlives the client now
    _leave()
    os.write(reply, line)
    os.close(reply)
    if later is not None:
        later()
    return code == 0 and later is None


def _leave() -> None:
    """Let go of the client's streams and folder before it ends: the runtime reads until the last writer is gone."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    os.chdir("/")

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delegation to an IPAM plugin: find it, run it with our own input, take its answer (CNI specification,
section 4).

Its streams are anonymous memory files, so neither side can wait for the other; no shell, no subprocess
module.
"""

from __future__ import annotations

import fcntl
import os
import time

# the signal package imports enum
from _signal import (  # type: ignore[import-not-found]
    SIG_BLOCK,
    SIG_DFL,
    SIG_SETMASK,
    SIGCHLD,
    SIGKILL,
    SIGPIPE,
    pthread_sigmask,
    signal,
    sigtimedwait,
)
from struct import pack

from ..host.host import NodeHost, backoff
from ..spec.delegate import MARK, is_ours, itself, problem
from ..spec.errors import CONFIG, ENVIRONMENT, INTERNAL, IO, TRY_AGAIN, CniError
from ..spec.json_text import Json, loads
from ..spec.result import Result, parse_result

# These never look at the interface, so they run while the kernel moves it. Others (dhcp) may need it in the pod.
_ASIDE = ("host-local", "static", "whereabouts")
_ANSWER_LIMIT = 1 << 20  # bytes
_OFD_SETLK, _LOCKS_TAKEN = 37, (11, 13)  # linux/fcntl.h; EAGAIN, EACCES
_OFFSETS = (1 << 62) - 1
_GATE_FD = 3  # where the plugin has it, behind its streams
_GATE_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_KILL_SECONDS = 2.0  # for a process that was killed to go; one that waits for a disk does not
_BUSY_TRIES, _BUSY_PAUSE = 6, 0.2  # an executable that is being replaced (ETXTBSY)
_ETXTBSY = 26


class Ipam:
    """One delegated plugin, for one request. `kind` is ipam.type; `raw` the bytes that we got on stdin, `conf` what
    they say.
    """

    def __init__(
        self, host: NodeHost, kind: str, environment: dict[str, str], raw: bytes, conf: Json
    ) -> None:
        self._host = host
        self._kind = kind
        self._environment = environment
        self._raw = raw
        self._conf = conf
        self._path = ""
        self.started = False
        self.may_hold = False  # its ADD gave an address, or nobody knows what it did
        self.refused = False  # it is this plugin itself: nothing of it is ever started
        self._pid = 0  # of the plugin while it runs
        self._command = ""
        self._files: list[int] = []
        self._mask: set[int] = set()
        self._end = self._seconds = 0.0
        self._failure: CniError | None = None

    def begin(self, command: str) -> None:
        """Start the plugin; one that may need the interface as it is now has ended when this returns. An error is
        kept for finish().
        """
        self._failure = None
        try:
            self._start(command)
            if self._kind not in _ASIDE and command == "DEL":
                self._collect()
        except CniError as error:
            self._failure = error

    @property
    def aside(self) -> bool:
        """True where ADD may be started before the interface is in the pod."""
        return self._kind in _ASIDE

    def finish(self) -> bytes:
        """Wait for what begin() started; the plugin's stdout. Raises CniError with the plugin's own code."""
        if self._failure is not None:
            raise self._failure
        return self._collect() if self._pid else b""

    def failure(self) -> CniError | None:
        """As finish(), for who has an error of his own to tell."""
        try:
            self.finish()
        except CniError as error:
            return error
        return None

    def add(self) -> Result:
        """Raises CniError with the plugin's own code, or where its answer is no result with an address."""
        if not self._command:
            self.begin("ADD")
        answer = self.finish()
        try:
            version = str(self._conf.get("cniVersion") or "0.1.0")
            result = parse_result(loads(answer) if answer.strip() else None, version)
        except ValueError as error:
            raise CniError(
                INTERNAL, f"IPAM plugin {self._kind}: its answer to ADD is no CNI result: {error}"
            ) from None
        if not result.ips:
            raise CniError(
                INTERNAL, f"IPAM plugin {self._kind}: expected an address in its answer to ADD, found none"
            )
        return result

    def call(self, command: str) -> None:
        """Run DEL, CHECK, GC or STATUS to its end, after what is still under way. Raises CniError with the plugin's
        own code.
        """
        self.failure()
        self.begin(command)
        self.finish()

    def __str__(self) -> str:
        """For messages."""
        return self._kind

    def versions(self) -> list[str]:
        """The CNI versions that it says it has; none where it does not."""
        try:
            self.begin("VERSION")
            answer = loads(self.finish())
        except (CniError, ValueError):
            return []
        found = answer.get("supportedVersions") if isinstance(answer, dict) else None
        return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []

    def find(self) -> str:
        """Its path. Raises CniError: 4 where it is not there, 7 where it is this plugin itself."""
        if self._path:
            return self._path
        network = str(self._conf.get("name", ""))
        refusal = problem(self._kind, network, self._conf.get("type"))
        path = self._environment.get("CNI_PATH", "")
        for folder in path.split(":") if not refusal else []:
            candidate = f"{folder}/{self._kind}"
            if folder and os.path.isfile(candidate):
                if is_ours(candidate):
                    refusal = itself(self._kind, network, candidate)
                    break
                self._path = candidate
                return candidate
        if refusal:
            self.refused = True
            raise CniError(CONFIG, refusal)
        raise CniError(
            ENVIRONMENT,
            f"IPAM plugin {self._kind}: not found in CNI_PATH ({path or 'empty'}); install it there, or "
            "correct "
            "ipam.type",
        )

    def _start(self, command: str) -> None:
        path = self.find()
        self._command = command
        gate = self._gate(command)
        self._files = [*(os.memfd_create(name) for name in ("stdin", "stdout", "stderr")), *gate]
        signal(SIGCHLD, SIG_DFL)  # a caller that ignores it would take the exit code from us
        self._mask = pthread_sigmask(SIG_BLOCK, [SIGCHLD])  # its end is then waited for with a time limit
        try:
            os.write(self._files[0], self._raw)
            os.lseek(self._files[0], 0, os.SEEK_SET)
            self._pid = self._spawn(path, command, self._files)
        finally:
            if not self._pid:
                self._clean()
        self.started = True
        self.may_hold = self.may_hold or command == "ADD"
        self._seconds = self._host.ipam_del_seconds if command == "DEL" else self._host.ipam_seconds
        self._end = time.monotonic() + self._seconds

    def _gate(self, command: str) -> list[int]:
        """See that no DEL overtakes an ADD whose caller was killed: the address would stay for good.

        ADD gets a shared lock, which the plugin inherits and so holds to its end; DEL waits until there is none, and
        ends an ADD that does not end. One file serves all: each container and interface has a byte of its own in it.
        """
        if command not in ("ADD", "DEL"):
            return []
        flags = _GATE_FLAGS | (os.O_CREAT if command == "ADD" else 0)
        try:
            fd = os.open(f"{self._host.state}/locks/ipam.lock", flags, 0o600)
        except FileNotFoundError:  # no ADD was ever here
            return []
        except OSError as error:
            raise CniError(IO, f"IPAM plugin {self._kind}: cannot open its lock: {error.strerror}") from None
        if command == "ADD":
            self._lock(fd, fcntl.F_RDLCK)
            return [fd]
        try:
            for _round in backoff(self._host.gate_seconds):
                if self._lock(fd, fcntl.F_WRLCK):
                    return []
            self._end_others(os.readlink(f"/proc/self/fd/{fd}"))
            return []
        finally:
            os.close(fd)

    def _lock(self, fd: int, kind: int) -> bool:
        """Lock the attachment's byte of the file; False where an ADD has it."""
        environment = self._environment
        key = f"{environment.get('CNI_CONTAINERID', '')}@{environment.get('CNI_IFNAME', '')}"
        at = int.from_bytes(key.encode("utf-8", "surrogateescape"), "big") % _OFFSETS
        try:
            fcntl.fcntl(fd, _OFD_SETLK, pack("@hhqqi0q", kind, os.SEEK_SET, at, 1, 0))
        except OSError as error:
            if error.errno in _LOCKS_TAKEN:
                return False
            raise CniError(IO, f"IPAM plugin {self._kind}: its lock cannot be used: {error.strerror}") from None
        return True

    def _end_others(self, path: str) -> None:
        """Stop what ADDs of this container and interface left behind: nobody waits for their answers any more."""
        wanted = {f"{name}={self._environment.get(name, '')}" for name in ("CNI_CONTAINERID", "CNI_IFNAME")}
        for entry in os.listdir("/proc"):
            try:
                if not entry.isdecimal() or os.readlink(f"/proc/{entry}/fd/{_GATE_FD}") != path:
                    continue
                with open(f"/proc/{entry}/environ", "rb") as file:
                    has = set(file.read(_ANSWER_LIMIT).decode("utf-8", "surrogateescape").split("\0"))
                if wanted | {"CNI_COMMAND=ADD"} <= has:
                    self._host.log.warning(f"IPAM plugin {self._kind}: process {entry} of an earlier ADD is stopped")
                    os.killpg(int(entry), SIGKILL)
            except OSError:
                continue  # it ended meanwhile

    def _collect(self) -> bytes:
        """The plugin's stdout. Raises CniError for any exit code but 0."""
        try:
            status = self._wait(self._pid, self._command)
            answer, complaint = _content(self._files[1]), _content(self._files[2])
        finally:
            self._clean()
        if complaint.strip():
            self._host.log.info(
                f"IPAM plugin {self._kind} {self._command}: {complaint.decode('utf-8', 'replace').strip()}"
            )
        if status != 0:
            raise self._complaint(self._command, status, answer, complaint)
        return answer

    def _clean(self) -> None:
        self._pid = 0
        pthread_sigmask(SIG_SETMASK, self._mask)
        for fd in self._files:
            os.close(fd)
        self._files = []

    def _spawn(self, path: str, command: str, files: list[int]) -> int:
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(files)]
        environment = {**self._environment, "CNI_COMMAND": command, MARK: "1"}
        for left in range(_BUSY_TRIES - 1, -1, -1):
            try:
                return os.posix_spawn(
                    path,
                    [path],
                    environment,
                    file_actions=actions,
                    setpgroup=0,
                    setsigmask=[],
                    setsigdef=[SIGPIPE],
                )
            except OSError as error:
                if error.errno != _ETXTBSY or not left:
                    raise CniError(
                        INTERNAL, f"IPAM plugin {path} cannot be started: {error.strerror}"
                    ) from None
            time.sleep(_BUSY_PAUSE)
        raise AssertionError("the loop above returns or raises")

    def _wait(self, pid: int, command: str) -> int:
        """The exit code, negative for a signal. A plugin that takes too long is killed, with what it
        started.
        """
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            left = self._end - time.monotonic()
            if left <= 0:
                break
            sigtimedwait([SIGCHLD], left)
        os.killpg(pid, SIGKILL)
        end = time.monotonic() + _KILL_SECONDS
        while not os.waitpid(pid, os.WNOHANG)[0] and time.monotonic() < end:
            sigtimedwait([SIGCHLD], max(0.0, end - time.monotonic()))
        raise CniError(
            TRY_AGAIN,
            f"IPAM plugin {self._kind}: no answer to {command} within {self._seconds:.0f} s; "
            "it was stopped",
        )

    def _complaint(self, command: str, status: int, answer: bytes, complaint: bytes) -> CniError:
        """Its own code and words, where it gave them in the specification's form."""
        prefix = f"IPAM plugin {self._kind}: "
        try:
            raw = loads(answer)
        except ValueError:
            raw = None
        if isinstance(raw, dict) and isinstance(raw.get("msg"), str):
            code = raw.get("code")
            good = isinstance(code, int) and not isinstance(code, bool) and 0 < code <= 0xFFFFFFFF
            details = raw.get("details")
            self.may_hold = self.may_hold and command != "ADD"  # it says itself that it did nothing
            # In one text: callers show the message, and leave the details out.
            words = [text for text in (raw["msg"], details) if isinstance(text, str) and text]
            return CniError(code if isinstance(code, int) and good else INTERNAL, prefix + "; ".join(words))
        said = (answer.strip() or complaint.strip())[:2000].decode("utf-8", "replace")
        how = f"exit code {status}" if status > 0 else f"signal {-status}"
        return CniError(
            INTERNAL, f"{prefix}{command} ended with {how}, and no CNI error; it said: {said or 'nothing'}"
        )


def _content(fd: int) -> bytes:
    return os.pread(fd, min(os.fstat(fd).st_size, _ANSWER_LIMIT), 0)

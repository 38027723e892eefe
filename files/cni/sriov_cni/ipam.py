# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delegation to an IPAM plugin: find it, run it with our own input, take its answer (CNI specification,
section 4).

Its streams are anonymous memory files, so neither side can wait for the other; no shell, no subprocess
module.
"""

from __future__ import annotations

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

from .errors import ENVIRONMENT, INTERNAL, TRY_AGAIN, CniError
from .jsontext import loads
from .result import Result, parse_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Host

_ANSWER_LIMIT = 1 << 20  # bytes
_BUSY_TRIES, _BUSY_PAUSE = 6, 0.2  # an executable that is being replaced (ETXTBSY)
_ETXTBSY = 26


class Ipam:
    """One delegated plugin, for one request. `kind` is ipam.type; `raw` the bytes that we got on stdin."""

    def __init__(self, host: Host, kind: str, environment: dict[str, str], raw: bytes, version: str) -> None:
        self._host = host
        self._kind = kind
        self._environment = environment
        self._raw = raw
        self._version = version

    def add(self) -> Result:
        """Raises CniError with the plugin's own code, or where its answer is no result with an address."""
        answer = self._run("ADD")
        try:
            result = parse_result(loads(answer) if answer.strip() else None, self._version)
        except ValueError as error:
            raise CniError(
                INTERNAL, f"IPAM plugin {self._kind}: its answer to ADD is no CNI result: {error}"
            ) from None
        if not result.ips:
            raise CniError(
                INTERNAL, f"IPAM plugin {self._kind}: expected an address in its answer to ADD, found none"
            )
        return result

    def delete(self) -> None:
        """Raises CniError with the plugin's own code."""
        self._run("DEL")

    def check(self) -> None:
        """Raises CniError with the plugin's own code."""
        self._run("CHECK")

    def _find(self) -> str:
        path = self._environment.get("CNI_PATH", "")
        for folder in path.split(":"):
            candidate = f"{folder}/{self._kind}"
            if folder and os.path.isfile(candidate):
                return candidate
        raise CniError(
            ENVIRONMENT,
            f"IPAM plugin {self._kind}: not found in CNI_PATH ({path or 'empty'}); install it there, or "
            "correct "
            "ipam.type",
        )

    def _run(self, command: str) -> bytes:
        """The plugin's stdout. Raises CniError for any exit code but 0."""
        path = self._find()
        files = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
        signal(SIGCHLD, SIG_DFL)  # a caller that ignores it would take the exit code from us
        mask = pthread_sigmask(SIG_BLOCK, [SIGCHLD])  # its end is then waited for with a time limit
        try:
            os.write(files[0], self._raw)
            os.lseek(files[0], 0, os.SEEK_SET)
            status = self._wait(self._spawn(path, command, files), command)
            answer, complaint = _content(files[1]), _content(files[2])
        finally:
            pthread_sigmask(SIG_SETMASK, mask)
            for fd in files:
                os.close(fd)
        if complaint.strip():
            self._host.log.info(
                f"IPAM plugin {self._kind} {command}: {complaint.decode('utf-8', 'replace').strip()}"
            )
        if status != 0:
            raise self._failure(command, status, answer, complaint)
        return answer

    def _spawn(self, path: str, command: str, files: list[int]) -> int:
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(files)]
        environment = {**self._environment, "CNI_COMMAND": command}
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
        end = time.monotonic() + self._host.ipam_seconds
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            left = end - time.monotonic()
            if left <= 0:
                break
            sigtimedwait([SIGCHLD], left)
        os.killpg(pid, SIGKILL)
        os.waitpid(pid, 0)
        raise CniError(
            TRY_AGAIN,
            f"IPAM plugin {self._kind}: no answer to {command} within {self._host.ipam_seconds:.0f} s; "
            "it was stopped",
        )

    def _failure(self, command: str, status: int, answer: bytes, complaint: bytes) -> CniError:
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
            return CniError(
                code if isinstance(code, int) and good else INTERNAL,
                prefix + raw["msg"],
                details if isinstance(details, str) else "",
            )
        said = (answer.strip() or complaint.strip())[:2000].decode("utf-8", "replace")
        how = f"exit code {status}" if status > 0 else f"signal {-status}"
        return CniError(
            INTERNAL, f"{prefix}{command} ended with {how}, and no CNI error; it said: {said or 'nothing'}"
        )


def _content(fd: int) -> bytes:
    size = min(os.fstat(fd).st_size, _ANSWER_LIMIT)
    return os.pread(fd, size, 0)

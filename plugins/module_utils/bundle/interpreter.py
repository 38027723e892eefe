# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that runs our services: the system's own, chosen once, named by its absolute path."""

from __future__ import annotations

import json
import os
import re
import stat
import sys

from ..host.host import Host
from ..model.errors import HostError, Problem, RefusedError
from ..model.frozen import dataclass

LOWEST = (3, 9)
WHEELS_FIT = ("version", "machine", "libc")  # what wheels for one interpreter fit
FIRST = "/usr/bin/python3"
_VERSIONED = re.compile(r"^python3\.([0-9]{1,3})$")

# What an interpreter says of itself; also run in this process where it is the very same interpreter.
_ASK = """
import json, os, sys
def libc():
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    except (ValueError, OSError):
        return "musl" if os.path.exists("/lib/ld-musl-" + os.uname().machine + ".so.1") else "unknown"
said = {"version": "%d.%d" % sys.version_info[:2], "full_version": "%d.%d.%d" % sys.version_info[:3],
        "abi": "cp%d%d%s" % (sys.version_info[0], sys.version_info[1], getattr(sys, "abiflags", "")),
        "cache_tag": sys.implementation.cache_tag, "machine": os.uname().machine, "libc": libc()}
"""


@dataclass(frozen=True)
class Interpreter:
    """path; version ("3.11") and full_version; abi ("cp311"); machine ("x86_64"); libc ("glibc 2.36")."""

    path: str
    version: str
    full_version: str
    abi: str
    cache_tag: str
    machine: str
    libc: str

    @property
    def compiles_as(self) -> str:
        """Compiled files of two interpreters with the same text are the same."""
        return f"{self.path} {self.full_version} {self.cache_tag}"

    def as_dict(self) -> dict[str, str]:
        """For results and JSON."""
        return dict(vars(self))


def choose(host: Host, wanted: str = "auto") -> Interpreter:
    """The interpreter at `wanted`, or for "auto" /usr/bin/python3, else the newest /usr/bin/python3.N.

    One that anybody but root may change is not taken: services run it as root. Raises RefusedError.
    """
    if wanted != "auto":
        reason = _unfit(host, wanted) if wanted.startswith("/") else "no absolute path"
        found = None if reason else ask(host, wanted)
        if found is None or reason:
            raise RefusedError(
                [
                    Problem(
                        f"python {wanted}",
                        "a Python that only root can change",
                        reason or "none",
                        "Give another path, or auto.",
                    )
                ]
            )
        return _new_enough([found], [])
    said: list[Interpreter] = []
    unfit: list[str] = []
    for path in (FIRST, *_versioned(host)):
        reason = _unfit(host, path)
        if reason:
            unfit.append(f"{path}: {reason}")
            continue
        said.append(ask(host, path))
        if _version(said[-1]) >= LOWEST:
            break
    return _new_enough(said, unfit)


def ask(host: Host, path: str) -> Interpreter:
    """What the interpreter says of itself. Raises HostError."""
    if host.is_running and os.path.realpath(sys.executable or "") == os.path.realpath(path):
        names: dict[str, dict[str, str]] = {}
        exec(_ASK, names)  # the constant above: the interpreter in question is this one, and a start costs time
        return Interpreter(path, **names["said"])
    done = host.run([path, "-I", "-S", "-c", _ASK + "print(json.dumps(said))"])
    try:
        return Interpreter(path, **json.loads(done.stdout))
    except (ValueError, TypeError) as error:
        raise HostError(path, "a Python interpreter", f"one that answers {done.stdout[:200]!r}") from error


def _version(interpreter: Interpreter) -> tuple[int, ...]:
    return tuple(int(part) for part in interpreter.version.split("."))


def _new_enough(said: list[Interpreter], unfit: list[str]) -> Interpreter:
    for interpreter in said:
        if _version(interpreter) >= LOWEST:
            return interpreter
    found = [f"{one.path} is {one.full_version}" for one in said] + unfit
    raise RefusedError(
        [
            Problem(
                "Python",
                f"one of the system's, {LOWEST[0]}.{LOWEST[1]} or newer, in /usr/bin",
                "; ".join(found) or "none",
                "Install python3, or name one with the option python.",
            )
        ]
    )


def _versioned(host: Host) -> list[str]:
    """/usr/bin/python3.N, the newest first."""
    minors = [int(found.group(1)) for found in map(_VERSIONED.match, host.list_dir("/usr/bin")) if found]
    return [f"/usr/bin/python3.{minor}" for minor in sorted(minors, reverse=True) if minor >= LOWEST[1]]


def _unfit(host: Host, path: str) -> str:
    """Why services must not run it; "" where they may."""
    try:
        status = os.stat(host.path(path))
    except OSError as error:
        return str(error.strerror)
    if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o111:
        return "not an executable file"
    if status.st_uid != 0:
        return f"it belongs to user {status.st_uid}, not to root"
    if status.st_mode & 0o022:
        return f"others than root may change it (mode {stat.S_IMODE(status.st_mode):04o})"
    return ""

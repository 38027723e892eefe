# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules share: errors become failures in words, steps become a diff, and one run changes a node at a time.

The module object is given, never imported: this file runs without Ansible as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from typing import Any, Protocol

from .errors import HostError, InvalidSpecError, RefusedError, SriovError
from .host import Host
from .kernel import REBOOT_KIND
from .steps import Plan

LOCK_FOLDER = "/run/baremetal-sriov"
LOCK_SECONDS = 120.0


class Module(Protocol):
    """What we use of an AnsibleModule."""

    params: dict[str, Any]
    check_mode: bool

    def exit_json(self, **result: Any) -> Any:
        """End the module with a result."""

    def fail_json(self, msg: str, **result: Any) -> Any:
        """End the module with a failure."""


def failure(error: SriovError) -> dict[str, Any]:
    """The arguments of fail_json."""
    result: dict[str, Any] = {"msg": str(error)}
    if isinstance(error, RefusedError):
        result["problems"] = [vars(problem) for problem in error.problems]
    elif isinstance(error, HostError):
        result["problems"] = [vars(error.problem)]
    elif isinstance(error, InvalidSpecError):
        result["mistakes"] = [vars(mistake) for mistake in error.mistakes]
    return result


def result(plan: Plan, **more: Any) -> dict[str, Any]:
    """The arguments of exit_json: a reboot alone changes nothing yet."""
    return {"changed": any(step.kind != REBOOT_KIND for step in plan.steps), "plan": plan.as_dict(),
            "reboot_required": plan.reboot_required, "diff": diff(plan), "warnings": list(plan.warnings), **more}


def diff(plan: Plan) -> dict[str, str]:
    """Before and after of all steps, as text."""
    before: list[str] = []
    after: list[str] = []
    for step in plan.steps:
        if step.kind != REBOOT_KIND:
            before.extend(f"{step.kind} {step.target}: {line}" for line in _lines(step.before))
            after.extend(f"{step.kind} {step.target}: {line}" for line in _lines(step.after))
    return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}


def _lines(value: Any) -> list[str]:
    if value is None or value == []:
        return []
    return value.splitlines() if isinstance(value, str) else [json.dumps(value, sort_keys=True)]


@contextlib.contextmanager
def locked(host: Host, name: str) -> Iterator[None]:
    """Hold the lock of this name, waiting for another run to end. Raises HostError, which says who holds it."""
    path = f"{LOCK_FOLDER}/{name}"
    try:
        os.makedirs(host.path(LOCK_FOLDER), mode=0o755, exist_ok=True)
        fd = os.open(host.path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HostError(path, "a lock that can be taken", f"{error.strerror}", "Run this as root.") from error
    try:
        end = host.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if host.monotonic() > end:
                    holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
                    raise HostError(path, f"the lock free within {LOCK_SECONDS:g} s", f"process {holder} holds it",
                                    "Wait for that run to end.") from error
                host.sleep(0.2)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)

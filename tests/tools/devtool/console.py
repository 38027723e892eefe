# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speak to the person at the terminal, and run one command with its output in a log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .reports import newest

HEARTBEAT_SECONDS = 30.0


class ToolError(Exception):
    """The run can't go on; the text says what is wrong and what to do."""


def duration(seconds: float) -> str:
    """`8.4 s` or `12 min 05 s`."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def asked(only: str | None, known: Iterable[str], kind: str) -> list[str]:
    """The known names that a list with commas holds, all without a list. Raises ToolError for one that is not known."""
    names = [name.strip() for name in only.split(",")] if only else [*known]
    if unknown := sorted({*names} - {*known}):
        raise ToolError(f"unknown {kind} {', '.join(unknown)}; there are: {', '.join(known)}")
    return [name for name in known if name in names]


def watched(argv: Sequence[str], logs: Path, limit_seconds: float, **settings: Any) -> int:
    """Run a command without a terminal, with a sign of life on long ones, and leave none of its group behind.

    Returns the exit status, 124 where the limit was exceeded. logs: the folder that it writes its logs in.
    settings: more of Popen's. Raises OSError.
    """
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True, **settings)
    started = time.monotonic()
    try:
        while (left := limit_seconds - (time.monotonic() - started)) > 0:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=min(HEARTBEAT_SECONDS, left))
            print(f"    ... {duration(time.monotonic() - started)}, {newest(logs, HEARTBEAT_SECONDS)}")
        return 124
    finally:
        for number in (signal.SIGINT, signal.SIGKILL) if process.poll() is None else ():
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(timeout=20)


def run_logged(
    argv: Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limit_seconds: float = 3600.0,
) -> int:
    """The same with its output in `log`; its exit status.

    A command that exceeds its limit is stopped with its children and counts as 124.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb", buffering=0) as output:
        output.write(f"$ {' '.join(argv)}\n".encode())
        try:
            status = watched(argv, log.parent, limit_seconds, stdout=output, stderr=subprocess.STDOUT,
                             env=env, cwd=cwd)  # fmt: skip
        except OSError as error:
            output.write(f"{argv[0]} can't be started: {error.strerror}\n".encode())
            return 127
        if status == 124:
            output.write(f"\nstopped: it took longer than {duration(limit_seconds)}\n".encode())
        return status


def call(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, capture: bool = True
) -> str:
    """Run a short command and return its standard output; raises ToolError with its error text, and OSError."""
    done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=capture, text=True,
                          check=False)  # fmt: skip
    if done.returncode != 0:
        told = (done.stderr.strip() or done.stdout.strip()) if capture else "its own output is above"
        raise ToolError(f"{' '.join(argv)} failed ({done.returncode}): {told}")
    return done.stdout or ""


def show(argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Run a command whose output is for the person; raises ToolError when it fails."""
    call(argv, cwd=cwd, env=env, capture=False)

# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speak to the person at the terminal, and run one command with its output in a log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HEARTBEAT_SECONDS = 30.0
KILL_GRACE_SECONDS = 20.0
_running: set[subprocess.Popen[bytes]] = set()  # what run_logged started, in any thread


class ToolError(Exception):
    """The run can't go on; the text says what is wrong and what to do."""


def say(text: str) -> None:
    """Print a line at once, also when the output goes to a file or a pipe."""
    print(text, flush=True)


def duration(seconds: float) -> str:
    """`8.4 s` or `12 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def last_line(log: Path) -> str:
    """The last line of a log that is being written, for a progress line."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:100] if lines else ""


def run_logged(
    argv: Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limit_seconds: float = 3600.0,
) -> int:
    """Run a command without a terminal, append its output to `log`, and show a sign of life on long ones.

    Returns the exit status; a command that exceeds its limit is stopped with its children and counts as 124.
    """
    with log.open("ab") as output:
        output.write(f"$ {' '.join(argv)}\n".encode())
        output.flush()
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            output.write(f"{argv[0]} can't be started: {error.strerror}\n".encode())
            return 127
        _running.add(process)
        try:
            status = _wait(process, log, limit_seconds)
        except BaseException:
            _stop(process)
            raise
        finally:
            _running.discard(process)
        if status is None:
            _stop(process)
            output.write(f"\nstopped: it took longer than {duration(limit_seconds)}\n".encode())
            return 124
        return status


def _wait(process: subprocess.Popen[bytes], log: Path, limit_seconds: float) -> int | None:
    started = time.monotonic()
    while True:
        elapsed = time.monotonic() - started
        if elapsed >= limit_seconds:
            return None
        try:
            return process.wait(timeout=min(HEARTBEAT_SECONDS, limit_seconds - elapsed))
        except subprocess.TimeoutExpired:
            say(f"    ... {log.stem}, {duration(time.monotonic() - started)}: {last_line(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the command and what it started in its session, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=KILL_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def stop_all() -> None:
    """End the commands that other threads wait for, when the run is stopped."""
    for process in list(_running):
        _stop(process)


def call(argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a short command and return its standard output; raises ToolError with its error text."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ToolError(f"{argv[0]} can't be started: {error.strerror}") from error
    if done.returncode != 0:
        output = done.stderr.strip() or done.stdout.strip()
        raise ToolError(f"{' '.join(argv)} failed ({done.returncode}): {output}")
    return done.stdout


def show(argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Run a command whose output is for the person; raises ToolError when it fails."""
    sys.stdout.flush()
    try:
        status = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        raise ToolError(f"{argv[0]} can't be started: {error.strerror}") from error
    if status != 0:
        raise ToolError(f"{' '.join(argv)} failed with exit status {status}; its own output is above")


def follow(argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command whose output is for the person; its exit status and the last line of its standard output."""
    last = ""
    try:
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
        )
    except OSError as error:
        raise ToolError(f"{argv[0]} can't be started: {error.strerror}") from error
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                say(line.rstrip("\n"))
                last = line.strip() or last
        except BaseException:
            process.terminate()
            raise
    return process.returncode, last
